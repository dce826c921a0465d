"""Rules as data: ``rules/FAMILY.toml``, one file a family of formats, read when its first fact arrives.

A parser reports facts ("zip.duplicate"); it never judges and knows no rule. The part before the dot names the file,
the part after it is listed in the ``facts`` of exactly one rule there. Each rule carries its own examples, which the
tests scan: for ``true`` the rule must be among the findings, for ``false`` it must not. An example is one line, a word
for how it is spelled and the bytes: ``text:{{ x.__class__ }}``, ``hex:80034b012e``, ``b64:gANLAS4=``, ``b64z:`` (zlib).
"""

from __future__ import annotations

import base64
import functools
import tomllib
import zlib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

import msgspec

from casemate.core.findings import Rule


class SupplyRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of this room.

    Attributes:
        facts: names of the facts that it judges, without the family.
        true: examples in which it must be found.
        false: examples in which it must not be found.
    """

    facts: tuple[str, ...]
    true: tuple[str, ...]
    false: tuple[str, ...]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: tuple[SupplyRule, ...]


@functools.cache
def family(name: str) -> Mapping[str, SupplyRule]:
    """The rules of one family by the full kind of each fact they judge."""
    text = (resources.files("casemate.threats.supply_chain") / "rules" / f"{name}.toml").read_text(encoding="utf-8")
    found = msgspec.convert(tomllib.loads(text), _File).rule
    return MappingProxyType({f"{name}.{fact}": rule for rule in found for fact in rule.facts})


def rule_for(fact: str) -> SupplyRule:
    """The rule that judges this kind of fact ("family.name")."""
    return family(fact.partition(".")[0])[fact]


@functools.cache
def rules() -> tuple[SupplyRule, ...]:
    """Every rule of the room, in the order of their ids."""
    folder = resources.files("casemate.threats.supply_chain") / "rules"
    names = [entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")]
    every = {rule.id: rule for name in names for rule in family(name).values()}
    return tuple(every[identifier] for identifier in sorted(every))


def example(spelled: str) -> bytes:
    """The bytes of an example.

    Example:
        >>> example("hex:4b012e")[0]
        75
    """
    how, _, rest = spelled.partition(":")
    if how == "text":
        return rest.encode()
    if how == "hex":
        return bytes.fromhex(rest)
    raw = base64.b64decode(rest, validate=True)
    return zlib.decompress(raw) if how == "b64z" else raw
