"""Names that a format may hold, as data: ``names/FAMILY.toml``, judged by exact comparison.

A parser reports a name ("keras.class", "Lambda"); this table says whether it is reviewed. A name that is in no list is
never clean: it yields the fact ``unknown`` of the table. A denied name yields the fact that stands beside it::

    ["keras.class"]
    unknown = "keras.unknown-class"
    allow = ["Dense", "Conv2D"]
    [ "keras.class".deny ]
    Lambda = "keras.lambda"
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

import msgspec


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known about the names of one kind.

    Attributes:
        unknown: the fact that a name in no list yields.
        allow: reviewed names.
        deny: known bad names, each with the fact it yields.
    """

    unknown: str
    allow: frozenset[str] = frozenset()
    deny: Mapping[str, str] = {}

    def fact(self, name: str, *, deny: bool = True) -> str | None:
        """The fact that this name yields, or None if it is reviewed."""
        if deny and name in self.deny:
            return self.deny[name]
        return None if name in self.allow else self.unknown


@functools.cache
def names(family: str) -> Mapping[str, Names]:
    """The tables of one family, by the kind of name."""
    text = (resources.files("casemate.threats.supply_chain") / "names" / f"{family}.toml").read_text(encoding="utf-8")
    return MappingProxyType({kind: msgspec.convert(table, Names) for kind, table in tomllib.loads(text).items()})
