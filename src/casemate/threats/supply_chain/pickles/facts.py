"""What a walk sees. A walk never judges; the policy beside it judges each fact as it is seen."""

from __future__ import annotations

import enum
from typing import NamedTuple, Protocol

from casemate.threats.supply_chain.pickles.values import Value


class Role(enum.StrEnum):
    """What a stream does with a name or a value."""

    IMPORT = "import"
    CALL = "call"
    CONSTRUCT = "construct"
    INSTANTIATE = "instantiate"
    STATE = "state"
    FILL = "fill"
    PERSISTENT = "persistent"


class Fact(NamedTuple):
    """One thing a stream does.

    Attributes:
        role: what is done.
        target: what it is done to: a Global, or an abstract value.
        argument: the call's arguments, the state, or the items filled in (a ``Dct`` for pairs, else a ``Lst``).
        offset: where in the view.
    """

    role: Role
    target: Value
    argument: Value
    offset: int


class Watch(Protocol):
    """Who is told what a walk sees."""

    def judge(self, fact: Fact) -> None:
        """Be told what the stream does."""

    def find(self, kind: str, message: str, offset: int) -> None:
        """Be told what is odd about how it is written (``kind``: "pickle.frame", ...)."""
