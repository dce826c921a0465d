"""The engine: several parsers, members, coverage, budgets, and that every rule holds on its own examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from casemate.threats.supply_chain import engine, identify
from casemate.threats.supply_chain.budget import DEPTH
from casemate.threats.supply_chain.coverage import Coverage
from casemate.threats.supply_chain.engine import scan_view
from casemate.threats.supply_chain.format import Format, Magic
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import MOST_FINDINGS, Report, Settings
from casemate.threats.supply_chain.rules import SupplyRule, example, rule_for, rules
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View

ROOM = Path(engine.__file__).parent
SETTINGS = Settings(allow=reviewed())


class Box:
    """A format for tests: "BOX", then one byte that says what to do, then a member."""

    def parse(self, view: View, report: Report) -> None:
        kind = view.raw(3, 1)
        if kind == b"n":
            raise NotMine
        if kind == b"m":
            raise Malformed("broken", 3)
        if kind == b"r":
            raise Refused("file.budget", "too much", 3)
        report.cover(0, 4)
        report.imports("box", kind.decode())
        for at in range(2 * MOST_FINDINGS if kind == b"l" else 0):
            report.fact("guard.warned", f"note {at}")
        if kind == b"l":
            report.fact("file.budget", "an alarm behind many notes")
        if kind == b"b":
            report.cover(4, len(view) - 4)
            report.member(view.part(4, len(view) - 4, "inner"))


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Format("box", "box", Magic(b"BOX"))
    rival = Format("rival", "box", lambda view: view.begins(b"BOX") and view.begins(b"p", 3))
    monkeypatch.setattr(Format, "parser", property(lambda _: Box()))
    monkeypatch.setattr(identify, "BY_FIRST", identify.by_first((box, rival)))


def scanned(data: bytes) -> engine.Outcome:
    return scan_view(View(data, where="file"), SETTINGS)


@pytest.mark.usefixtures("boxes")
def test_what_is_not_understood_is_never_clean() -> None:
    assert scanned(b"").verdict is Verdict.UNREADABLE
    assert scanned(b"something else").verdict is Verdict.UNREADABLE
    assert scanned(b"BOXn").verdict is Verdict.UNREADABLE
    assert scanned(b"BOXm").unreadable == "box: broken (byte 3)"
    assert scanned(b"BOXc").verdict is Verdict.CLEAN
    rest = scanned(b"BOXc and more")
    assert rest.verdict is Verdict.UNREADABLE
    assert rest.covered == 4
    assert rest.size == 13
    assert scanned(b"BOXr").verdict is Verdict.SUSPICIOUS


@pytest.mark.usefixtures("boxes")
def test_members_are_scanned_like_files_and_nesting_ends() -> None:
    assert scanned(b"BOXbBOXc").verdict is Verdict.CLEAN
    assert scanned(b"BOXbBOXm").unreadable == "file!inner: box: broken (byte 3)"
    deep = scanned(b"BOXb" * (DEPTH + 1) + b"BOXc")
    assert deep.verdict is Verdict.SUSPICIOUS
    assert [finding.rule for finding in deep.findings] == [rule_for("file.depth").id]
    assert scanned(b"BOXb" * DEPTH + b"BOXc").verdict is Verdict.CLEAN


@pytest.mark.usefixtures("boxes")
def test_many_notes_do_not_crowd_out_an_alarm() -> None:
    for data in (b"BOXl", b"BOXbBOXbBOXl"):
        found = scanned(data)
        assert found.verdict is Verdict.SUSPICIOUS
        assert len(found.findings) == MOST_FINDINGS


@pytest.mark.usefixtures("boxes")
def test_the_names_that_loading_imports_are_those_of_all_members() -> None:
    assert scanned(b"BOXbBOXc").imported == ("box:b", "box:c")


@pytest.mark.usefixtures("boxes")
def test_a_file_of_two_formats_is_suspicious() -> None:
    both = scanned(b"BOXp")
    assert both.verdict is Verdict.SUSPICIOUS
    assert both.formats == ("box", "rival")


def test_coverage_counts_each_byte_once() -> None:
    coverage = Coverage(10)
    coverage.claim(6, 10)
    coverage.claim(-3, 5)
    coverage.claim(1, 3)
    assert coverage.gaps() == [(4, 6)]
    assert coverage.covered == 8


def test_a_view_never_reads_past_its_end() -> None:
    view = View(b"0123456789", 2, 6)
    assert view.raw(0, 4) == b"2345"
    assert view.find(b"6") == -1
    for at, count in ((0, 5), (4, 1), (-1, 1), (0, -1), (3, 2)):
        with pytest.raises(Malformed):
            view.raw(at, count)
        with pytest.raises(Malformed):
            view.part(at, count)
    with pytest.raises(Malformed):
        view.number(2, 4)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_every_rule_holds_on_its_own_examples(rule: SupplyRule) -> None:
    for spelled in rule.true:
        found = scanned(example(spelled))
        assert rule.id in {finding.rule for finding in found.findings}, spelled
        assert found.verdict is not Verdict.CLEAN or rule.severity.rank > 2
    for spelled in rule.false:
        assert rule.id not in {finding.rule for finding in scanned(example(spelled)).findings}, spelled


def test_every_fact_in_the_source_has_a_rule_and_every_rule_a_fact() -> None:
    said: set[str] = set()
    for file in ROOM.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        said |= set(re.findall(r'(?:\.fact|\.find|Refused)\(\s*"([a-z_0-9]+\.[a-z-]+)"', text))
    for fact in sorted(said):
        assert rule_for(fact)
    identifiers = [rule.id for rule in rules()]
    assert len(identifiers) == len(set(identifiers))
