"""The reviewer's page of robustness: what is proven to hold, what an attack turned, and pictures of what it turned."""

from __future__ import annotations

import base64
import dataclasses

from markupsafe import Markup

from casemate.assurance import wording
from casemate.assurance.report import svg
from casemate.assurance.report.page import Page, counted, number, scale_for
from casemate.core.measurement import Measurement, Pair

BRACKETED = ("robust_accuracy", "certified_accuracy")
"""The upper and the lower end, as metrics of one kind at one point."""
SIGNS = "masking_signs"


@dataclasses.dataclass(frozen=True)
class Bracketed:
    """One subject at one point: a row of the table.

    Attributes:
        subject: the model, or "model + defense".
        point: the radius, in words.
        chart: certified to attacked, with intervals.
        clean, certified, attacked: figures; clean is empty where it was not measured.
        trust: whether the attack can be believed.
        change: the paired p of the attacked accuracy, for a defense.
        cost: what the defense says it took.
    """

    subject: str
    point: str
    chart: Markup
    clean: Markup
    certified: Markup
    attacked: Markup
    trust: str
    change: Markup
    cost: str


@dataclasses.dataclass(frozen=True)
class Gallery:
    """A row of pictures: (data address, what it shows)."""

    title: str
    subject: str
    pictures: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class _Found:
    measurement: Measurement
    path: str
    pair: Pair | None = None
    pair_path: str = ""


def brackets(page: Page) -> tuple[list[Bracketed], Markup]:
    """Every bracket that was measured, before and after defenses, and the axis under their charts."""
    found: dict[tuple[str, str, str], dict[str, _Found]] = {}
    for figure in _figures(page):
        m = figure.measurement
        if m.metric in (*BRACKETED, SIGNS):
            found.setdefault((wording.point(m.at), m.assessment, m.subject), {})[m.metric] = figure
    whole = {key: each for key, each in found.items() if set(BRACKETED) <= set(each)}
    if not whole:
        return [], Markup()
    tolerances = [page.tolerance(each[BRACKETED[0]].measurement) for each in whole.values()]
    marks = [each[metric].measurement for each in whole.values() for metric in BRACKETED]
    scale = scale_for(marks, tolerances)
    clean = _clean(page)
    rows = []
    for (point, _, subject), each in whole.items():
        upper, lower = (each[metric] for metric in BRACKETED)
        proven, left = wording.counted(lower.measurement), wording.counted(upper.measurement)
        rows.append(
            Bracketed(
                subject=subject,
                point=point,
                chart=svg.bracket(
                    svg.Mark(lower.measurement.estimate, lower.measurement.low, lower.measurement.high),
                    svg.Mark(upper.measurement.estimate, upper.measurement.low, upper.measurement.high),
                    scale,
                    page.tolerance(upper.measurement),
                    f"{subject}, {point}: certified {proven}; attacked {left}",
                ),
                clean=clean.get(subject, Markup()),
                certified=counted(lower.path, lower.measurement),
                attacked=counted(upper.path, upper.measurement),
                trust=each.get(SIGNS, upper).measurement.note or "not examined",
                change=_change(upper),
                cost=upper.pair.conclusion if upper.pair else "",
            )
        )
    return rows, svg.axis(scale, marks[0].unit)


def galleries(page: Page) -> list[Gallery]:
    """Every exhibit of the ledger."""
    return [
        Gallery(
            title=shown.exhibit.title,
            subject=shown.exhibit.subject,
            pictures=tuple(
                (f"data:image/png;base64,{base64.b64encode(each.png).decode('ascii')}", each.label)
                for each in shown.exhibit.pictures
            ),
        )
        for shown in page.dossier.view.exhibits
    ]


def _figures(page: Page) -> list[_Found]:
    measured = [_Found(x.measurement, page.places[x.record.index]) for x in page.dossier.view.measured]
    paired = [
        _Found(x.pair.after, f"{page.places[x.record.index]}/after", x.pair, page.places[x.record.index])
        for x in page.dossier.view.paired
    ]
    return measured + paired


def _clean(page: Page) -> dict[str, Markup]:
    """Accuracy without an attack, by subject."""
    found = {
        each.measurement.subject: number(f"{each.path}/estimate", each.measurement.estimate, each.measurement.unit)
        for each in _figures(page)
        if each.measurement.kind == "model/accuracy" and each.measurement.metric == "accuracy"
        if not each.measurement.at
    }
    for each in _figures(page):
        for place, cost in enumerate(each.pair.quality if each.pair else ()):
            if cost.metric == "accuracy":
                path = f"{each.pair_path}/quality/{place}/after"
                found.setdefault(each.measurement.subject, number(path, cost.after, "proportion"))
    return found


def _change(found: _Found) -> Markup:
    if found.pair is None:
        return Markup()
    difference = number(f"{found.pair_path}/difference", found.pair.difference, found.measurement.unit)
    sign = "+" if found.pair.difference > 0 else ""
    if found.pair.p is None:
        return Markup("<small>change {}{}, not paired</small>").format(sign, difference)
    p = number(f"{found.pair_path}/p", found.pair.p)
    return Markup("<small>change {}{}, p = {}</small>").format(sign, difference, p)
