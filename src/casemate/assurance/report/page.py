"""What the parts of the HTML page share: figures that say where in results.json they stand, and lookups."""

from __future__ import annotations

import dataclasses
from functools import cached_property

from markupsafe import Markup, escape

from casemate.assurance import wording
from casemate.assurance.dossier import Dossier
from casemate.assurance.judging import Judgment, matches
from casemate.assurance.report.results import Results, collect
from casemate.assurance.report.scales import Scale, linear
from casemate.assurance.report.svg import Mark
from casemate.core.measurement import Measurement
from casemate.core.policy import Tolerance, Verdict

SLUGS = {verdict: verdict.value.lower().replace("_", "-") for verdict in Verdict}
"""The style-sheet class of each verdict."""

NAMES = {verdict: verdict.value.replace("_", " ").lower() for verdict in Verdict}
"""The word for each verdict."""


def number(path: str, value: float | int | None, unit: str = "", text: str | None = None) -> Markup:
    """A figure with its exact value and its place in results.json, so that a test can compare each one."""
    said = wording.figure(value, unit) if text is None else text
    said = said.replace(" %", "\u00a0%")
    if value is None:
        return Markup(f'<span class="none" data-p="{escape(path)}">{escape(said)}</span>')  # noqa: S704
    return Markup(f'<data value="{value!r}" data-p="{escape(path)}">{escape(said)}</data>')  # noqa: S704


def pointer(key: str) -> str:
    """A key as a JSON pointer writes it (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def quoted(path: str, text: str) -> Markup:
    """A sentence of results.json, word for word, with its place."""
    return Markup(f'<span data-p="{escape(path)}">{unbroken(text)}</span>')  # noqa: S704


def prose(text: str) -> Markup:
    """A rule's text, in which `backticks` mark code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    marked = (Markup("<code>{}</code>").format(p) if i % 2 else unbroken(p) for i, p in enumerate(pieces))
    return Markup("").join(marked)


def unbroken(text: str) -> Markup:
    """Text in which a figure and its percent sign stay on one line."""
    return escape(text.replace(" %", "\u00a0%"))


def badge(verdict: Verdict) -> Markup:
    """A verdict as a shape, a word and a color."""
    slug = SLUGS[verdict]
    return Markup(  # noqa: S704
        f'<span class="v {slug}"><svg aria-hidden="true"><use href="#v-{slug}"/></svg>{NAMES[verdict]}</span>'
    )


def counted(path: str, m: Measurement) -> Markup:
    """A measurement in words, like ``wording.counted``, each figure with its place."""

    def at(field: str, unit: str = m.unit) -> Markup:
        return number(f"{path}/{field}", getattr(m, field), unit)

    if m.k is not None and m.n:
        if m.k == 0 and m.high is not None:
            return Markup("{} of {} (at most {})").format(at("k", ""), at("n", ""), at("high"))
        if m.k == m.n and m.low is not None:
            return Markup("{} of {} (at least {})").format(at("k", ""), at("n", ""), at("low"))
        lead = Markup("<b>{}</b> <small>{} of {}</small>").format(at("estimate"), at("k", ""), at("n", ""))
    else:
        lead = Markup("<b>{}</b>").format(at("estimate"))
    if m.low is None or m.high is None:
        return Markup("{} <small>no interval</small>").format(lead)
    return Markup("{} <small>{} to {}</small>").format(lead, at("low"), at("high"))


def mark(m: Measurement) -> Mark:
    """A measurement as charts take it."""
    return Mark(m.estimate, m.low, m.high)


def bounds(unit: str) -> tuple[float, float]:
    """What the figures of a unit cannot leave."""
    return (0.0, 1.0) if unit in wording.PERCENT else (-float("inf"), float("inf"))


def scale_for(measurements: list[Measurement], tolerances: list[Tolerance | None]) -> Scale:
    """One scale for figures that are shown below each other."""
    values = [v for m in measurements for v in (m.estimate, m.low, m.high)]
    limits = [v for t in tolerances if t for v in (t.at_most, t.at_least)]
    floor, ceiling = bounds(measurements[0].unit)
    lowest = min((v for v in values if v is not None), default=0.0)
    return linear(values + limits, floor=min(floor, lowest) if floor == 0 else floor, ceiling=ceiling)


@dataclasses.dataclass(frozen=True)
class Page:
    """A dossier with its results and the places of things in them."""

    dossier: Dossier

    @cached_property
    def results(self) -> Results:
        """The results that every figure of the page is taken from."""
        return collect(self.dossier)

    @cached_property
    def places(self) -> dict[int, str]:
        """Record index -> where its measurement or pair stands in results.json."""
        found = {row.record: f"measurements/{i}" for i, row in enumerate(self.results.measurements)}
        return found | {row.record: f"pairs/{i}" for i, row in enumerate(self.results.pairs)}

    @cached_property
    def verdicts(self) -> dict[int, list[tuple[int, Judgment]]]:
        """Record index -> its judgments, with their places in results.json."""
        found: dict[int, list[tuple[int, Judgment]]] = {}
        for place, judgment in enumerate(self.results.verdicts):
            if judgment.record is not None:
                found.setdefault(judgment.record, []).append((place, judgment))
        return found

    def tolerance(self, m: Measurement) -> Tolerance | None:
        """The first tolerance that speaks of a measurement."""
        return next((t for t in self.dossier.policy.tolerances if matches(t, m)), None)
