"""The engineer's door: what fails, how it was found, how to fix it, how to run it again. Failures first."""

from __future__ import annotations

import dataclasses

from markupsafe import Markup

from casemate.assurance import wording
from casemate.assurance.controls import WORST_FIRST
from casemate.assurance.judging import Judgment
from casemate.assurance.report import svg
from casemate.assurance.report.page import Page, counted, mark, number, quoted, scale_for
from casemate.assurance.verdicts import improvement
from casemate.core.findings import Rule
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Tolerance, Verdict

SHOWN = 12
"""Rows in a card before it refers to the evidence table, which holds all of them."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One judged figure: its name, its track, its words."""

    label: str
    subject: str
    chart: Markup
    said: Markup
    verdict: Verdict
    record: int
    needed: Markup | None = None


@dataclasses.dataclass(frozen=True)
class Group:
    """Rows of one metric on one scale."""

    rows: tuple[Row, ...]
    axis: Markup


@dataclasses.dataclass(frozen=True)
class Card:
    """One assessment with its worst verdict."""

    assessment: str
    title: str
    verdict: Verdict
    happened: Markup
    groups: tuple[Group, ...]
    hidden: bool
    rerun: str
    rule: Rule | None


def cards(page: Page) -> list[Card]:
    """A card for each assessment that has a verdict, worst first, then the gravest rule."""
    by_assessment: dict[str, list[tuple[int, Judgment]]] = {}
    for place, judgment in enumerate(page.results.verdicts):
        if judgment.record is not None:
            by_assessment.setdefault(judgment.assessment, []).append((place, judgment))
    found = [_card(page, name, judged) for name, judged in by_assessment.items()]
    return sorted(found, key=lambda c: (WORST_FIRST.index(c.verdict), c.rule.severity.rank if c.rule else 9))


def _card(page: Page, assessment: str, judged: list[tuple[int, Judgment]]) -> Card:
    rows = sorted(judged, key=lambda x: WORST_FIRST.index(x[1].verdict))
    place, worst = rows[0]
    pairs = {x.record.index: x.pair for x in page.dossier.view.paired}
    measured = {x.record.index: x.measurement for x in page.dossier.view.measured}
    shown = sorted(rows[:SHOWN], key=lambda x: x[1].record or 0)
    metrics: dict[str, list[tuple[Judgment, Measurement, Pair | None]]] = {}
    for _, j in shown:
        pair = pairs.get(j.record) if j.record is not None else None
        m = pair.after if pair else measured[j.record or 0]
        metrics.setdefault(m.metric, []).append((j, m, pair))
    seed = next(m.seed for _, m, _ in next(iter(metrics.values())))
    spec = page.dossier.assessments.get(assessment)
    broken = any(j.verdict is Verdict.FAIL and j.record not in pairs for _, j in rows)
    return Card(
        assessment=assessment,
        title=(spec.rule.title if broken else spec.title) if spec else assessment,
        verdict=worst.verdict,
        happened=quoted(f"verdicts/{place}/reason", worst.reason),
        groups=tuple(_group(page, found) for found in metrics.values()),
        hidden=len(rows) > SHOWN,
        rerun=page.dossier.rerun(assessment, page.results.plan.seed if page.results.plan else seed),
        rule=spec.rule if spec else None,
    )


def _group(page: Page, found: list[tuple[Judgment, Measurement, Pair | None]]) -> Group:
    figures = [m for _, m, _ in found] + [p.before for _, _, p in found if p]
    scale = scale_for(figures, [j.tolerance for j, _, _ in found])
    several = len(page.dossier.subjects) > 1
    rows = []
    for j, m, pair in found:
        path = page.places[j.record or 0]
        label = _spoken(m, pair, j.tolerance)
        if pair is None:
            chart, said = svg.interval_row(mark(m), scale, j.tolerance, label), counted(path, m)
        else:
            chart = svg.dumbbell(mark(pair.before), mark(pair.after), scale, j.tolerance, label)
            said = changed(path, pair)
        place = next(i for i, own in page.verdicts[j.record or 0] if own is j)
        needed = (
            number(f"verdicts/{place}/needed", j.needed) if j.needed and j.verdict is Verdict.INCONCLUSIVE else None
        )
        rows.append(
            Row(
                label=wording.sentence(wording.name(m))[:-1],
                subject=m.subject if several or pair is not None else "",
                chart=chart,
                said=said,
                verdict=j.verdict,
                record=j.record or 0,
                needed=needed,
            )
        )
    return Group(rows=tuple(rows), axis=svg.axis(scale, figures[0].unit))


def changed(path: str, pair: Pair) -> Markup:
    """Before and after in words."""
    unit = pair.after.unit
    better = improvement(pair)[0]
    before = number(f"{path}/before/estimate", pair.before.estimate, unit)
    after = number(f"{path}/after/estimate", pair.after.estimate, unit)
    note = "" if better else " <small>no measurable gain</small>"
    return Markup("{} → <b>{}</b>{}").format(before, after, Markup(note))  # noqa: S704


def _spoken(m: Measurement, pair: Pair | None, tolerance: Tolerance | None) -> str:
    """What a track shows, for who cannot see it."""
    limit = ""
    if tolerance is not None:
        at_most = tolerance.at_most is not None
        bound = tolerance.at_most if at_most else tolerance.at_least
        limit = f"; accepted: at {'most' if at_most else 'least'} {wording.figure(bound, m.unit)}"
    if pair is None:
        return f"{wording.name(m)}: {wording.counted(m)}{limit}"
    return f"{wording.name(m)} before: {wording.counted(pair.before)}; after: {wording.counted(pair.after)}{limit}"
