"""A private model on one picture: what its certificate claims, what an attack shows, and what privacy cost.

Three parts below each other. The epsilon that is claimed, as a line, and the epsilons that attacks have shown, as bars
that must not cross it. The membership attack's curve over the region that the claim allows: each point is a box of all
shares that its limits leave open, and a box that lies wholly outside the region refutes the claim. The accuracy of the
model as it was and of the private one.
"""

from __future__ import annotations

import dataclasses
import math

from markupsafe import Markup, escape

from casemate.assurance import wording
from casemate.assurance.report.page import Page, counted, mark, number, quoted
from casemate.assurance.report.scales import Scale, linear
from casemate.assurance.report.svg import Box, Mark
from casemate.core.measurement import Measurement

KIND_CLAIM, KIND_AUDIT = "privacy/dp-accounting", "privacy/dp-audit"
CERTIFICATE = "urn:casemate:certificate:1"
WHOLE = Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
WIDTH, LEFT, RIGHT = 320, 46, 312
STEPS = 64
"""Pieces of the bound's line."""


@dataclasses.dataclass(frozen=True)
class Claimed:
    """One private model.

    Attributes:
        subject: its name.
        drawing: the picture.
        numbers: (what, figure) pairs, for who reads.
        refuted: whether an attack shows more than is claimed.
    """

    subject: str
    drawing: Markup
    numbers: tuple[tuple[str, Markup], ...]
    refuted: bool


@dataclasses.dataclass(frozen=True)
class _Found:
    measurement: Measurement
    path: str


@dataclasses.dataclass(frozen=True)
class _Rectangle:
    """A point of the curve with its limits, as shares of strangers accused (x) and of members recognized (y)."""

    x: Mark
    y: Mark


def claims(page: Page) -> list[Claimed]:
    """Every model whose certificate counts and was attacked."""
    found: dict[str, list[_Found]] = {}
    for each in page.dossier.view.measured:
        if each.measurement.kind in (KIND_CLAIM, KIND_AUDIT):
            found.setdefault(each.measurement.subject, []).append(
                _Found(each.measurement, page.places[each.record.index])
            )
    return [made for subject, figures in found.items() if (made := _claimed(page, subject, figures)) is not None]


def allowed(fpr: float, epsilon: float, delta: float) -> float:
    """The largest share of members that any test recognizes at a share of strangers accused.

    Kairouz, Oh & Viswanath 2015, "The composition theorem for differential privacy", theorem 2.1.

    Example:
        >>> allowed(0.1, math.log(2), 0.0), round(allowed(0.8, math.log(2), 0.0), 12)
        (0.2, 0.9)
    """
    growth = math.exp(min(epsilon, 700.0))
    return max(min(growth * fpr + delta, 1 - (1 - fpr - delta) / growth, 1.0), 0.0)


def _claimed(page: Page, subject: str, figures: list[_Found]) -> Claimed | None:
    epsilons = [each for each in figures if each.measurement.metric == "epsilon"]
    shown = [each for each in figures if each.measurement.metric == "epsilon_lower_bound"]
    if not epsilons or not shown:
        return None
    claim = epsilons[0]
    epsilon = claim.measurement.estimate
    before, after = _accuracy(page, _original(page, subject)), _accuracy(page, subject)
    refuted = any(_low(mark(each.measurement)) > epsilon for each in shown)
    numbers = [("claimed", Markup("epsilon <b>{}</b>").format(number(f"{claim.path}/estimate", epsilon)))]
    for each in shown:
        least = number(f"{each.path}/estimate", each.measurement.estimate)
        note = quoted(f"{each.path}/note", each.measurement.note)
        what = f"shown, {each.measurement.at['attack']}"
        numbers.append((what, Markup("at least <b>{}</b><small>{}</small>").format(least, note)))
    told = [(what, each) for what, each in (("original", before), ("private", after)) if each is not None]
    numbers += [(f"accuracy, {what}", counted(each.path, each.measurement)) for what, each in told]
    spoken = [
        f"{subject}: epsilon {wording.figure(epsilon)} claimed",
        *(f"{wording.figure(each.measurement.estimate)} shown by {each.measurement.at['attack']}" for each in shown),
        *(f"accuracy of the {what} model {wording.counted(each.measurement)}" for what, each in told),
    ]
    picture = _Picture()
    picture.epsilons(epsilon, [(str(each.measurement.at["attack"]), mark(each.measurement)) for each in shown])
    counts = any(_low(mark(m)) > epsilon for m in (x.measurement for x in shown) if m.at["attack"] == "membership")
    picture.curve(_rectangles(figures), epsilon, float(shown[0].measurement.at["delta"]), counts=counts)
    picture.accuracies([(what, mark(each.measurement)) for what, each in told])
    refuted = any(_low(mark(each.measurement)) > epsilon for each in shown)
    return Claimed(subject, picture.drawn("; ".join(spoken)), tuple(numbers), refuted)


def _rectangles(figures: list[_Found]) -> list[_Rectangle]:
    """The points of the membership attack's curve."""
    rates = {
        (each.measurement.metric, at): each.measurement
        for each in figures
        for at in (each.measurement.at.get("fpr", each.measurement.at.get("fnr")),)
        if at is not None
    }
    members = [_Rectangle(mark(rates["fpr", at]), mark(m)) for (metric, at), m in rates.items() if metric == "tpr"]
    strangers = [_Rectangle(_rest(m), _rest(rates["fnr", at])) for (metric, at), m in rates.items() if metric == "tnr"]
    return members + strangers


def _rest(m: Measurement) -> Mark:
    """The share that a measured one leaves."""
    return Mark(1 - m.estimate, None if m.high is None else 1 - m.high, None if m.low is None else 1 - m.low)


class _Picture:
    """Parts below each other; each takes the height that it needs."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.height = 0

    def epsilons(self, claimed: float, shown: list[tuple[str, Mark]]) -> None:
        """Bars of what is shown, and a line at what is claimed."""
        top, row = 24, 24
        scale = linear([0.0, claimed, *(m.estimate for _, m in shown)], floor=0.0)
        bottom = top + row * len(shown)
        box = Box(scale, WHOLE, left=LEFT, right=RIGHT, top=top, bottom=bottom)
        for index, (what, m) in enumerate(shown):
            y = top + row * index
            tone = "broken" if _low(m) > claimed else "holds"
            width = max(float(box.x(m.estimate)) - LEFT, 1.5)
            self.parts.append(
                f'<rect class="bar {tone}" x="{LEFT}" y="{y + 9}" width="{width:.1f}" height="8"/>'
                f'<text class="tick" x="{LEFT}" y="{y + 6}">shown by the attack: {escape(what)}</text>'
            )
        x, anchor = box.x(claimed), _anchor(scale, claimed, 0.2)
        self.parts.append(
            f'<line class="claim" x1="{x}" x2="{x}" y1="{top - 8}" y2="{bottom}"/>'
            f'<text class="tick strong" x="{x}" y="{top - 12}" text-anchor="{anchor}">'
            f"claimed {escape(wording.figure(claimed))}</text>"
        )
        self._ticks(box, scale)
        self.parts.append(f'<text class="title" x="{RIGHT}" y="{bottom + 30}" text-anchor="end">epsilon</text>')
        self.height = bottom + 36

    def curve(self, found: list[_Rectangle], epsilon: float, delta: float, *, counts: bool) -> None:
        """The region that the claim allows, and the points; ``counts``: whether those outside speak against it."""
        top = self.height + 20
        box = Box(WHOLE, WHOLE, left=LEFT, right=RIGHT, top=top, bottom=top + RIGHT - LEFT)
        self._title("members recognized", top - 8)
        shares = [step / STEPS for step in range(STEPS + 1)]
        upper = [(x, allowed(x, epsilon, delta)) for x in shares]
        outline = [*upper, *((1 - x, 1 - y) for x, y in upper)]  # whoever recognizes strangers is bound likewise
        corners = " ".join(f"{box.x(x)},{box.y(y)}" for x, y in outline)
        line = " ".join(f"{box.x(x)},{box.y(y)}" for x, y in upper)
        self.parts.append(
            f"{box.grid('proportion', 'strangers wrongly accused', 'proportion')}"
            f'<polygon class="zone" points="{corners}"/><polyline class="bound" points="{line}"/>'
        )
        for each in found:
            beyond = counts and _low(each.y) > allowed(_high(each.x), epsilon, delta)
            tone = "broken" if beyond else "holds"
            left, right, low, high = (
                box.x(_low(each.x)),
                box.x(_high(each.x)),
                box.y(_low(each.y)),
                box.y(_high(each.y)),
            )
            self.parts.append(
                f'<rect class="limits {tone}" x="{left}" y="{high}" width="{float(right) - float(left):.1f}" '
                f'height="{float(low) - float(high):.1f}"/>'
                f'<circle class="point {tone}" cx="{box.x(each.x.estimate)}" cy="{box.y(each.y.estimate)}" r="2.2"/>'
            )
        self.height = box.bottom + 40

    def accuracies(self, told: list[tuple[str, Mark]]) -> None:
        """The accuracy of each model with its interval."""
        if not told:
            return
        top, row = self.height + 22, 24
        scale = linear([v for _, m in told for v in (m.estimate, m.low, m.high)], floor=0.0, ceiling=1.0)
        bottom = top + row * len(told)
        box = Box(scale, WHOLE, left=LEFT, right=RIGHT, top=top, bottom=bottom)
        self._title("accuracy on rows never seen", top - 10)
        for index, (what, m) in enumerate(told):
            y, tone = top + row * index + 13, "now" if what == "private" else "was"
            side = "start" if scale.share(m.estimate) < 0.5 else "end"
            self.parts.append(
                f'<line class="whisker {tone}" x1="{box.x(_low(m))}" x2="{box.x(_high(m))}" y1="{y}" y2="{y}"/>'
                f'<circle class="{tone}" cx="{box.x(m.estimate)}" cy="{y}" r="4.5"/>'
                f'<text class="tick" x="{box.x(m.estimate)}" y="{y - 8}" text-anchor="{side}">{escape(what)} '
                f"{escape(wording.figure(m.estimate, 'proportion'))}</text>"
            )
        self._ticks(box, scale, "proportion")
        self.height = bottom + 24

    def drawn(self, label: str) -> Markup:
        """The whole picture."""
        return Markup(  # noqa: S704
            f'<svg class="plot claimed" viewBox="0 0 {WIDTH} {self.height}" role="img" aria-label="{escape(label)}">'
            f"{''.join(self.parts)}</svg>"
        )

    def _title(self, text: str, y: int) -> None:
        self.parts.append(f'<text class="title" x="{LEFT}" y="{y}">{escape(text)}</text>')

    def _ticks(self, box: Box, scale: Scale, unit: str = "") -> None:
        self.parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{box.bottom}" y2="{box.bottom}"/>')
        self.parts += [
            f'<text class="tick" x="{box.x(tick)}" y="{box.bottom + 14}" text-anchor="{_anchor(scale, tick, 0.04)}">'
            f"{escape(wording.figure(tick, unit))}</text>"
            for tick in scale.ticks
        ]


def _anchor(scale: Scale, value: float, near: float) -> str:
    """Where a text begins so that it stays inside the picture."""
    share = scale.share(value)
    return "start" if share < near else "end" if share > 1 - near else "middle"


def _low(m: Mark) -> float:
    return m.estimate if m.low is None else m.low


def _high(m: Mark) -> float:
    return m.estimate if m.high is None else m.high


def _original(page: Page, subject: str) -> str:
    """The name of the model that a private one replaces, if it is part of the system; else ""."""
    view = page.dossier.view
    for record in reversed(view.records):
        if record.predicate_type == CERTIFICATE and any(each.name == subject for each in record.subjects):
            original = record.predicate.get("says", {}).get("original") or {}
            names = [name for name, sha256 in view.current.items() if sha256 == original.get("sha256")]
            measured = {each.measurement.subject for each in view.measured}
            return next((name for name in names if name in measured), "")
    return ""


def _accuracy(page: Page, subject: str) -> _Found | None:
    return next(
        (
            _Found(x.measurement, page.places[x.record.index])
            for x in reversed(page.dossier.view.measured)
            if x.measurement.kind == "model/accuracy"
            and x.measurement.metric == "accuracy"
            and x.measurement.subject == subject
            and not x.measurement.at
        ),
        None,
    )
