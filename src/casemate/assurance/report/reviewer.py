"""The security reviewer's door: what was tried, by whom, with what budget, and what was not tried at all."""

from __future__ import annotations

import csv
import dataclasses
import importlib.resources
from functools import cache

from markupsafe import Markup

from casemate.assurance import wording
from casemate.assurance.controls import best, worst
from casemate.assurance.kinds import covers
from casemate.assurance.report import svg
from casemate.assurance.report.page import Page, mark, number
from casemate.assurance.report.svg import Line, Mark
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Verdict
from casemate.core.threat import ThreatModel

STAGES = ("data", "training", "deployment", "inference")
"""The columns of the threat map."""

MOST_CHARTS = 24
MOST_LINES = 4


@dataclasses.dataclass(frozen=True)
class Cell:
    """Whether a threat was tried at a stage: "absent" (it does not act there), "untested", "measured" or "judged"."""

    state: str
    verdict: Verdict | None = None
    defended: Verdict | None = None


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart with its heading and legend."""

    title: str
    subject: str
    drawing: Markup
    legend: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Adversary:
    """One assessment's threat model, with what was spent."""

    title: str
    model: ThreatModel
    budget: Markup
    spent: Markup
    adaptive: str


@cache
def threats() -> dict[str, dict[str, tuple[str, ...]]]:
    """Threat -> stage -> evidence kinds, from the catalog."""
    text = (importlib.resources.files("casemate") / "catalogs" / "threats.csv").read_text(encoding="utf-8")
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        found.setdefault(row["threat"], {})[row["stage"]] = tuple(row["kinds"].split())
    return found


def threat_map(page: Page) -> list[tuple[str, list[Cell]]]:
    """The rows of the map: each threat with a cell for each stage."""
    return [
        (threat, [_cell(page, stages[stage]) if stage in stages else Cell("absent") for stage in STAGES])
        for threat, stages in threats().items()
    ]


def _cell(page: Page, kinds: tuple[str, ...]) -> Cell:
    view = page.dossier.view
    bare = [x.record for x in view.measured if any(covers(k, x.measurement.kind) for k in kinds)]
    cured = [x.record for x in view.paired if any(covers(k, x.pair.after.kind) for k in kinds)]
    loads = [r for r in view.records if r.predicate_type.endswith(":load:1")] if "supply/model-scan" in kinds else []
    if not bare and not cured and not loads:
        return Cell("untested")
    if loads and not bare:
        clean = all(r.predicate.get("verdict") == "clean" or r.predicate.get("allowed") for r in loads)
        return Cell("judged", Verdict.PASS if clean else Verdict.FAIL)
    plain = [j.verdict for r in bare for _, j in page.verdicts.get(r.index, ())]
    after = [j.verdict for r in cured for _, j in page.verdicts.get(r.index, ())]
    if not plain and not after:
        return Cell("measured")
    return Cell("judged", worst(plain or after), best(after) if after and plain else None)


def adversaries(page: Page) -> list[Adversary]:
    """Each assessment that ran, with its adversary; the largest budget where it ran with several."""
    found: dict[str, tuple[int, Measurement]] = {}
    for i, x in enumerate(page.dossier.view.measured):
        m = x.measurement
        if not m.kind.startswith("attack/"):
            continue
        if m.assessment not in found or m.queries > found[m.assessment][1].queries:
            found[m.assessment] = (i, m)
    judged: dict[str, list[Pair]] = {}
    for y in page.dossier.view.paired:
        judged.setdefault(y.pair.after.assessment, []).append(y.pair)
    rows = []
    for assessment, (i, m) in found.items():
        spec = page.dossier.assessments.get(assessment)
        queries = m.threat_model.queries
        path = f"measurements/{i}/threat_model/queries"
        again = judged.get(assessment, [])
        adaptive = "not run again" if not again else "knows the defense" if all(p.adaptive for p in again) else (
            "does not know every defense"
        )  # fmt: skip
        rows.append(
            Adversary(
                title=spec.title if spec else assessment,
                model=m.threat_model,
                budget=number(path, queries, text="no bound" if queries is None else f"{queries:,}"),
                spent=number(f"measurements/{i}/queries", m.queries),
                adaptive=adaptive,
            )
        )
    return rows


def curves(page: Page) -> list[Chart]:
    """Every figure that was measured at three or more points of an axis, as lines with bands."""
    series: dict[tuple[str, str, str, str], dict[str, list[tuple[float, Measurement]]]] = {}
    for x in page.dossier.view.measured:
        m = x.measurement
        axes = [(axis, v) for axis, v in m.at.items() if not isinstance(v, str)]
        if not axes or not m.kind.startswith("attack/") or m.direction == "none":
            continue
        along, place = next((each for each in axes if each[0] == "queries"), axes[0])
        label = ", ".join(
            v if isinstance(v, str) else f"{wording.words(axis)} {wording.axis_value(axis, v)}"
            for axis, v in m.at.items()
            if axis != along
        )
        key = (f"{m.subject}, {m.kind.rpartition('/')[2]}", m.metric, along, m.kind)
        series.setdefault(key, {}).setdefault(label, []).append((float(place), m))
    charts: list[Chart] = []
    for (subject, metric, axis, _), lines in series.items():
        whole = {label: sorted(points, key=lambda p: p[0]) for label, points in lines.items() if len(points) >= 3}
        if whole and len(charts) < MOST_CHARTS:
            charts.append(_curve(page, metric, subject, axis, dict(list(whole.items())[:MOST_LINES])))
    return charts


def _curve(
    page: Page, metric: str, subject: str, axis: str, lines: dict[str, list[tuple[float, Measurement]]]
) -> Chart:
    first = next(iter(lines.values()))[0][1]
    last = next(iter(lines.values()))[-1][1]
    tolerance = next((t for points in lines.values() for _, m in points if (t := page.tolerance(m))), None)
    title = wording.sentence(wording.words(metric))[:-1]
    spoken = "; ".join(
        f"{label or title}: {wording.figure(points[0][1].estimate, first.unit)} at {points[0][0]:g} to "
        f"{wording.figure(points[-1][1].estimate, last.unit)} at {points[-1][0]:g} {wording.words(axis)}"
        for label, points in lines.items()
    )
    drawn = [Line(label, tuple((x, mark(m)) for x, m in points)) for label, points in lines.items()]
    return Chart(
        title=f"{title} by {wording.words(axis)}",
        subject=subject,
        drawing=svg.curve(
            drawn,
            first.unit,
            x_title=wording.words(axis),
            x_unit="proportion" if axis in wording.SHARES else "",
            tolerance=tolerance,
            label=spoken,
        ),
        legend=tuple(label for label in lines if label),
    )


def tradeoffs(page: Page) -> list[Chart]:
    """What each defense costs and buys, one chart for each attacked metric and quality metric."""
    found: dict[tuple[str, str, str, str], list[tuple[str, float, float, float, float]]] = {}
    ways = {metric.name: metric.direction for spec in page.dossier.catalog.assessments for metric in spec.metrics}
    better: dict[str, str] = {}
    for x in page.dossier.view.paired:
        p = x.pair
        if p.after.unit not in wording.PERCENT and p.before.estimate == p.after.estimate:
            continue  # a count that did not move is no trade
        better[wording.words(p.after.metric)] = "up" if p.after.direction == "higher" else "down"
        for q in p.quality:
            better[wording.words(q.metric)] = "left" if ways.get(q.metric) == "lower" else "right"
            key = (wording.words(p.after.metric), p.after.unit, wording.words(q.metric), "proportion")
            point = (p.defense, q.before, p.before.estimate, q.after, p.after.estimate)
            found.setdefault(key, []).append(point)
    return [
        Chart(
            title=f"{wording.sentence(attack)[:-1]} against {quality}",
            subject=f"{better[attack]} and to the {better[quality]} is better",
            drawing=svg.tradeoff(points, (quality_unit, unit), ", ".join(name for name, *_ in points)),
            legend=tuple(name for name, *_ in points[:MOST_LINES]),
        )
        for (attack, unit, quality, quality_unit), points in found.items()
    ]


def calibrations(page: Page) -> list[Chart]:
    """Calibration charts, where the share of right answers was measured at several confidences."""
    found: dict[str, list[tuple[float, Mark]]] = {}
    for x in page.dossier.view.measured:
        predicted = x.measurement.at.get("confidence")
        if x.measurement.metric == "reliability" and isinstance(predicted, float):
            found.setdefault(x.measurement.subject, []).append((predicted, mark(x.measurement)))
    return [
        Chart(
            title="Share of right answers by confidence",
            subject=subject,
            drawing=svg.calibration(sorted(points, key=_first)),
        )
        for subject, points in found.items()
    ]


def _first(point: tuple[float, Mark]) -> float:
    return point[0]
