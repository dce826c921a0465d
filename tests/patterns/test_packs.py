"""Every pattern holds on its own examples, is in the subset of all engines, and matches no more than it says."""

from __future__ import annotations

import importlib
import re

import pytest

from casemate.core.errors import UsageError
from casemate.patterns.engine import Scanner, secrets_scanner
from casemate.patterns.pattern import Pattern, pack, parse
from casemate.patterns.samples import sample
from casemate.patterns.stages import STAGES
from casemate.patterns.validators import VALIDATORS

PACK = pack("secrets")


def test_there_are_enough_patterns_each_with_an_id_of_its_own() -> None:
    assert len(PACK) >= 250
    assert len({each.id for each in PACK}) == len(PACK)


@pytest.mark.parametrize("pattern", PACK, ids=lambda pattern: pattern.id)
def test_every_pattern_holds_on_its_own_examples(pattern: Pattern) -> None:
    scanner = secrets_scanner()
    assert pattern.true
    assert pattern.false
    for template in pattern.true:
        found = [match for match in scanner.judged(sample(template, pattern.id).encode()) if match.pattern is pattern]
        assert any(not match.harmless for match in found), (template, [match.harmless for match in found])
    for template in pattern.false:
        found = [match for match in scanner.judged(sample(template, pattern.id).encode()) if match.pattern is pattern]
        assert all(match.harmless for match in found), template


@pytest.mark.parametrize("pattern", PACK, ids=lambda pattern: pattern.id)
def test_every_pattern_is_in_the_common_subset_and_bounded(pattern: Pattern) -> None:
    assert re.compile(pattern.expression.encode()).groups == 1
    widest = importlib.import_module("re._parser").parse(pattern.expression).getwidth()[1]
    assert widest <= pattern.most
    assert set(pattern.validators) <= set(VALIDATORS)
    assert set(pattern.allow) <= set(STAGES)
    for template in pattern.true:  # the engine without hyperscan sees a pattern only where one of these occurs
        assert any(word in sample(template, pattern.id).lower() for word in pattern.keywords)


def test_no_example_is_written_out() -> None:
    """A literal that looks like a key would set off everybody else's scanner; templates must not match as they are."""
    scanner = secrets_scanner()
    for pattern in PACK:
        for template in (*pattern.true, *pattern.false):
            kinds = {match.pattern.kind for match in scanner.bytes(template.encode())}
            assert not kinds & {"provider", "private-key"}, template


@pytest.mark.parametrize(
    "text",
    [
        "pattern = 3",
        "[[pattern]]\nid = 'x'",
        "[[pattern]]\nid='x'\ntitle=''\nkind=''\ntrue=[]\nfalse=[]\n",
        "[[pattern]]\nid='x'\ntitle=''\nkind=''\ntrue=[]\nfalse=[]\nvalue='a'\n",
        "[[",
    ],
)
def test_what_is_no_pattern_is_said_so(text: str) -> None:
    with pytest.raises(UsageError, match="not patterns"):
        parse(text)


def test_patterns_of_the_users_own() -> None:
    own = parse(
        "[[pattern]]\nid='own'\ntitle='Own key'\nkind='provider'\ntoken='own-[0-9]{8}'\ntrue=['own-12345679']\nfalse=['own-1']"  # noqa: E501
    )
    assert [match.start for match in Scanner(own).bytes(b"a own-13579246 own-1 xown-13579246")] == [2]
