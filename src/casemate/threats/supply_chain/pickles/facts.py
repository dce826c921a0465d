"""What a walk sees. A walk never judges; the policy beside it judges each fact as it is seen."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from casemate.threats.supply_chain.pickles.values import Value


class Role(enum.StrEnum):
    """What a stream does with a name or a value."""

    IMPORT = "import"
    CALL = "call"
    CONSTRUCT = "construct"
    STATE = "state"
    FILL = "fill"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a stream does.

    Attributes:
        role: what is done.
        target: what it is done to: a Global, or an abstract value.
        argument: the call's arguments, the state, or the item filled in.
        offset: where in the (decompressed) file.
    """

    role: Role
    target: Value
    argument: Value
    offset: int


Observe: TypeAlias = Callable[[Fact], None]
