"""Facts and rules of the doors: every fact that is said has a rule, and every rule is said by something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from casemate.patterns.pattern import pack
from casemate.threats.supply_chain import found
from casemate.threats.supply_chain.rules import family, rule_for

ROOM = Path(found.__file__).parent
FAMILIES = ("dependency", "install", "secret", "dataset")
SOURCE = "\n".join(file.read_text(encoding="utf-8") for file in ROOM.rglob("*.py"))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_fact_has_a_rule_and_every_rule_a_fact(name: str) -> None:
    said = set(re.findall(rf'"({name}\.[a-z-]+)"', SOURCE))
    if name == "secret":
        said |= {f"secret.{pattern.kind}" for pattern in pack("secrets")} | {"secret.fixture"}
    if name == "dependency":
        said |= {"dependency.record-changed", "dependency.record-missing"}
    assert said == set(family(name))
    for fact in said:
        assert "CM-SUP-400" <= rule_for(fact).id <= "CM-SUP-499"
