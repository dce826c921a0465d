"""Charts put figures where they belong, and the case says what the verdicts say."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.assurance.case import Claim, build_case
from casemate.assurance.report import svg
from casemate.assurance.report.scales import Scale, budget, linear
from casemate.assurance.report.svg import Line, Mark
from casemate.core.policy import Tolerance, Verdict
from tests.assurance.builder import clinical

LIMIT = Tolerance(name="t", kind="k", metric="m", at_most=0.25)
finite = st.floats(-1e6, 1e6, allow_nan=False)


def test_a_figure_stands_at_its_place() -> None:
    scale = Scale(0.0, 0.5, (0.0, 0.25, 0.5))
    chart = svg.interval_row(Mark(0.1, 0.05, 0.2), scale, LIMIT, "label")
    assert 'cx="20.00%"' in chart
    assert 'x1="10.00%" x2="40.00%"' in chart
    assert 'width="50.00%"' in chart


def test_a_dumbbell_has_a_hollow_before_and_a_filled_after() -> None:
    scale = Scale(0.0, 1.0, (0.0, 1.0))
    root = ET.fromstring(svg.dumbbell(Mark(0.8), Mark(0.2), scale))
    circles = {c.get("class"): c.get("cx") for c in root.iter("circle")}
    assert circles == {"was": "80.00%", "now": "20.00%"}


def test_what_is_accepted_lies_on_the_right_side() -> None:
    scale = Scale(0.0, 1.0, (0.0, 1.0))
    least = Tolerance(name="t", kind="k", metric="m", at_least=0.75)
    assert 'x="75.00%" width="25.00%"' in svg.interval_row(Mark(0.5), scale, least)
    assert 'x="0.00%" width="25.00%"' in svg.interval_row(Mark(0.5), scale, LIMIT)


@given(st.lists(finite, min_size=1, max_size=8))
def test_scales_hold_every_value_and_have_few_round_ticks(values: list[float]) -> None:
    for scale in (linear(values), budget(values)):
        assert 1 <= len(scale.ticks) <= 12
        assert list(scale.ticks) == sorted(set(scale.ticks))
        for v in values:
            assert 0 <= scale.share(v) <= 1
        shares = [scale.share(v) for v in sorted(values)]
        assert shares == sorted(shares)


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=6))
def test_scales_survive_anything(values: list[float | None]) -> None:
    scale = linear(values, floor=0.0, ceiling=1.0)
    assert math.isfinite(scale.low)
    assert scale.low < scale.high


@given(
    st.lists(
        st.tuples(st.floats(1, 1e5), st.floats(0, 1), st.floats(0, 0.2)),
        min_size=2,
        max_size=8,
        unique_by=lambda p: p[0],
    )
)
def test_curves_are_valid_and_stay_in_their_box(points: list[tuple[float, float, float]]) -> None:
    line = Line("a < b & c", tuple((x, Mark(y, y - half, y + half)) for x, y, half in sorted(points)))
    root = ET.fromstring(svg.curve([line], "proportion", x_title="<queries>", tolerance=LIMIT, label='"quoted"'))
    (path,) = (e.get("points", "") for e in root.iter("polyline"))
    for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path):
        assert 0 <= float(x) <= 320
        assert 0 <= float(y) <= 196


def test_other_charts_are_valid() -> None:
    ET.fromstring(svg.calibration([(0.2, Mark(0.25, 0.1, 0.4)), (0.8, Mark(0.7))], "calibration"))
    ET.fromstring(svg.tradeoff([("d", 0.8, 0.3, 0.8, 0.1)], ("proportion", "proportion"), "trade"))
    ET.fromstring(svg.axis(linear([0.0, 0.2]), "proportion"))


def walk(claim: Claim) -> list[Claim]:
    return [claim, *(c for part in claim.parts for c in walk(part))]


@pytest.fixture(scope="module")
def case() -> Claim:
    return build_case(clinical())


def test_the_case_covers_every_declared_assessment(case: Claim) -> None:
    titles = {spec.title for spec in clinical().catalog.assessments if not spec.id.startswith("record.")}
    told = " ".join(c.text for c in case.parts)
    assert all(title in told for title in titles)


def test_a_claim_is_no_better_than_its_worst_part(case: Claim) -> None:
    assert case.verdict is Verdict.FAIL
    assert {c.verdict for c in case.parts} >= {Verdict.FAIL, Verdict.PASS, Verdict.NOT_APPLICABLE}


def test_every_attack_has_an_open_doubt_and_evidence(case: Claim) -> None:
    for claim in case.parts[1:]:
        if claim.verdict not in (Verdict.NOT_APPLICABLE, Verdict.NOT_EVIDENCED):
            assert claim.evidence
            assert any(not d.answered for d in claim.defeaters)


def test_a_known_false_defense_is_doubted_by_name(case: Claim) -> None:
    rounded = next(c for c in walk(case) if "rounded" in c.text)
    assert rounded.verdict is Verdict.FAIL
    assert any("no defense" in d.text for d in rounded.defeaters)
