"""The types of what is found: names as everybody in the field writes them, and how each relates to a person."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal

import msgspec


class Type(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One type.

    Attributes:
        name: in upper case.
        title: for people.
        relation: "direct" identifies a person or account, "quasi" narrows down who it is, "special" is a category of
            GDPR article 9, "secret" opens something.
    """

    name: str
    title: str
    relation: Literal["direct", "quasi", "special", "secret"]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    type: tuple[Type, ...]


@cache
def types() -> dict[str, Type]:
    """All types by name, in the order of ``packs/types.toml``."""
    text = (resources.files("casemate.privacy.text") / "packs" / "types.toml").read_text(encoding="utf-8")
    return {each.name: each for each in msgspec.convert(tomllib.loads(text), _File).type}


@cache
def numbered() -> frozenset[str]:
    """Types that identify by what they look like: all that are direct, but persons."""
    return frozenset(name for name, each in types().items() if each.relation == "direct" and name != "PERSON")
