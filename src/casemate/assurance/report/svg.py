"""Charts as pure functions from figures to SVG: no script, no font, no network, a few hundred bytes each.

Tracks (dumbbells, interval rows) place things in percent of their width, so they stretch without distorting text.
Curves have a fixed view box of about the width of a phone. Colors and strokes come from the report's style sheet.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from markupsafe import Markup, escape

from casemate.assurance import wording
from casemate.assurance.report.scales import Scale, budget, linear
from casemate.core.policy import Tolerance

ROW = 26
"""Height of a track in pixels."""


@dataclasses.dataclass(frozen=True)
class Mark:
    """An estimate with its interval; the bounds are None where there is none."""

    estimate: float
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a curve chart: (x, mark) in the order of x."""

    label: str
    points: tuple[tuple[float, Mark], ...]


def interval_row(mark: Mark, scale: Scale, tolerance: Tolerance | None = None, label: str = "") -> Markup:
    """One figure with its interval over the accepted zone."""
    return _track(_zone(scale, tolerance) + _whisker(mark, scale, "now"), label)


def dumbbell(before: Mark, after: Mark, scale: Scale, tolerance: Tolerance | None = None, label: str = "") -> Markup:
    """A figure before (hollow) and after (filled) a defense, each with its interval, over the accepted zone."""
    a, b = (_percent(scale, m.estimate) for m in (before, after))
    link = f'<line class="link" x1="{a}" x2="{b}" y1="13" y2="13"/>'
    parts = link + _whisker(before, scale, "was", 7) + _whisker(after, scale, "now", 19)
    return _track(_zone(scale, tolerance) + parts, label)


def bracket(lower: Mark, upper: Mark, scale: Scale, tolerance: Tolerance | None = None, label: str = "") -> Markup:
    """What is proven (a filled bar from zero), what is open (dashed) and where the attack stopped, with intervals."""
    left, right = scale.share(lower.estimate), scale.share(upper.estimate)
    bars = (
        f'<rect class="proven" x="0" width="{100 * left:.2f}%" y="6" height="14"/>'
        f'<rect class="open" x="{100 * left:.2f}%" width="{max(100 * (right - left), 0):.2f}%" y="6" height="14"/>'
    )
    return _track(
        _zone(scale, tolerance) + bars + _whisker(lower, scale, "was", 9) + _whisker(upper, scale, "now", 17), label
    )


def axis(scale: Scale, unit: str) -> Markup:
    """The ticks of a track."""
    ticks = "".join(
        f'<text class="tick" x="{_percent(scale, t)}" y="11" text-anchor="{_anchor(scale, t)}">'
        f"{escape(wording.figure(t, unit))}</text>"
        for t in scale.ticks
    )
    return Markup(f'<svg class="axis" height="14" aria-hidden="true">{ticks}</svg>')  # noqa: S704


def curve(
    lines: Sequence[Line],
    unit: str,
    *,
    x_title: str,
    x_unit: str = "",
    tolerance: Tolerance | None = None,
    label: str = "",
) -> Markup:
    """Lines with confidence bands over an attack budget, and the tolerance as a dashed line."""
    xs = budget([x for line in lines for x, _ in line.points])
    marks = [m for line in lines for _, m in line.points]
    bound = None if tolerance is None else _limit(tolerance)
    proportion = unit in wording.PERCENT
    ys = linear(
        [v for m in marks for v in (m.estimate, m.low, m.high)] + [bound],
        floor=0.0 if proportion else -float("inf"),
        ceiling=1.0 if proportion else float("inf"),
    )
    box = Box(xs, ys)
    body = box.grid(unit, x_title, x_unit)
    for index, line in enumerate(lines):
        body += box.line(line, index)
    if bound is not None:
        y = box.y(bound)
        body += f'<line class="limit" x1="{box.left}" x2="{box.right}" y1="{y}" y2="{y}"/>'
    return _figure(body, label)


def calibration(points: Sequence[tuple[float, Mark]], label: str = "") -> Markup:
    """Observed shares against claimed confidence, with intervals, and the diagonal they should lie on."""
    whole = Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
    box = Box(whole, whole)
    body = box.grid("proportion", "confidence", x_unit="proportion")
    body += f'<line class="limit" x1="{box.x(0)}" y1="{box.y(0)}" x2="{box.x(1)}" y2="{box.y(1)}"/>'
    for x, mark in points:
        body += box.point(x, mark)
    return _figure(body, label)


def tradeoff(
    points: Sequence[tuple[str, float, float, float, float]], units: tuple[str, str], label: str = ""
) -> Markup:
    """What each defense costs and buys: arrows from (quality, attack) before to after, numbered like the list below."""
    xs, ys = (
        linear(values, ceiling=1.0 if unit in wording.PERCENT else float("inf"))
        for unit, values in zip(
            units,
            ([v for p in points for v in (p[1], p[3])], [v for p in points for v in (p[2], p[4])]),
            strict=True,
        )
    )
    box = Box(xs, ys)
    body = box.grid(units[1], "quality", x_unit=units[0])
    for index, (_, x0, y0, x1, y1) in enumerate(points):
        tone = f"s{index % 4}"
        body += f'<line class="arrow {tone}" x1="{box.x(x0)}" y1="{box.y(y0)}" x2="{box.x(x1)}" y2="{box.y(y1)}"/>'
        body += f'<circle class="was {tone}" cx="{box.x(x0)}" cy="{box.y(y0)}" r="4"/>'
        body += f'<circle class="now {tone}" cx="{box.x(x1)}" cy="{box.y(y1)}" r="5"/>'
    return _figure(body, label)


@dataclasses.dataclass(frozen=True)
class Box:
    """The plotting area of a chart with a fixed view box.

    Attributes:
        xs, ys: the scales.
        left, right, top, bottom: where it lies, in units of the view box.
    """

    xs: Scale
    ys: Scale
    left: int = 46
    right: int = 312
    top: int = 10
    bottom: int = 158

    def x(self, value: float) -> str:
        """The place of a figure from left to right."""
        return _short(self.left + (self.right - self.left) * self.xs.share(value))

    def y(self, value: float) -> str:
        """The place of a figure from top to bottom."""
        return _short(self.bottom - (self.bottom - self.top) * self.ys.share(value))

    def grid(self, unit: str, x_title: str, x_unit: str = "") -> str:
        """Lines and ticks of both axes."""
        parts = [
            f'<line class="grid" x1="{self.left}" x2="{self.right}" y1="{self.y(t)}" y2="{self.y(t)}"/>'
            f'<text class="tick" x="{self.left - 7}" y="{float(self.y(t)) + 3.5:.1f}" text-anchor="end">'
            f"{escape(wording.figure(t, unit))}</text>"
            for t in self.ys.ticks
        ]
        parts += [
            f'<text class="tick" x="{self.x(t)}" y="{self.bottom + 16}" text-anchor="{_anchor(self.xs, t)}">'
            f"{escape(wording.figure(t, x_unit))}</text>"
            for t in self.xs.ticks[:: 2 if len(self.xs.ticks) > 5 else 1]
        ]
        title = (
            f'<text class="title" x="{self.right}" y="{self.bottom + 32}" text-anchor="end">{escape(x_title)}</text>'
        )
        return "".join(parts) + title

    def line(self, line: Line, index: int) -> str:
        """A line with its band."""
        tone = f"s{index % 4}"
        bounded = [(x, m.low, m.high) for x, m in line.points if m.low is not None and m.high is not None]
        band = ""
        if len(bounded) > 1:
            up = " ".join(f"{self.x(x)},{self.y(high)}" for x, _, high in bounded)
            down = " ".join(f"{self.x(x)},{self.y(low)}" for x, low, _ in reversed(bounded))
            band = f'<polygon class="band {tone}" points="{up} {down}"/>'
        path = " ".join(f"{self.x(x)},{self.y(m.estimate)}" for x, m in line.points)
        dots = "".join(
            f'<circle class="dot {tone}" cx="{self.x(x)}" cy="{self.y(m.estimate)}" r="2.6"/>' for x, m in line.points
        )
        return f'{band}<polyline class="path {tone}" points="{path}"/>{dots}'

    def point(self, x: float, mark: Mark) -> str:
        """A point with its whisker."""
        bar = ""
        if mark.low is not None and mark.high is not None:
            y1, y2 = self.y(mark.low), self.y(mark.high)
            bar = f'<line class="whisker now" x1="{self.x(x)}" x2="{self.x(x)}" y1="{y1}" y2="{y2}"/>'
        return f'{bar}<circle class="now" cx="{self.x(x)}" cy="{self.y(mark.estimate)}" r="3.5"/>'


def _track(body: str, label: str) -> Markup:
    base = f'<line class="base" x1="0" x2="100%" y1="{ROW / 2}" y2="{ROW / 2}"/>'
    role = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(f'<svg class="track" height="{ROW}" {role}>{base}{body}</svg>')  # noqa: S704


def _figure(body: str, label: str) -> Markup:
    role = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(f'<svg class="plot" viewBox="0 0 320 196" {role}>{body}</svg>')  # noqa: S704


def _zone(scale: Scale, tolerance: Tolerance | None) -> str:
    """The accepted part of a track, and its edge."""
    if tolerance is None:
        return ""
    edge = scale.share(_limit(tolerance))
    start, width = (0.0, edge) if tolerance.at_most is not None else (edge, 1 - edge)
    return (
        f'<rect class="zone" x="{100 * start:.2f}%" width="{100 * width:.2f}%" y="2" height="{ROW - 4}"/>'
        f'<line class="edge" x1="{100 * edge:.2f}%" x2="{100 * edge:.2f}%" y1="2" y2="{ROW - 2}"/>'
    )


def _whisker(mark: Mark, scale: Scale, tone: str, y: int = ROW // 2) -> str:
    bar = ""
    if mark.low is not None and mark.high is not None:
        low, high = _percent(scale, mark.low), _percent(scale, mark.high)
        bar = f'<line class="whisker {tone}" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
    return f'{bar}<circle class="{tone}" cx="{_percent(scale, mark.estimate)}" cy="{y}" r="4.5"/>'


def _limit(tolerance: Tolerance) -> float:
    return tolerance.at_most if tolerance.at_most is not None else float(tolerance.at_least or 0.0)


def _percent(scale: Scale, value: float) -> str:
    return f"{100 * scale.share(value):.2f}%"


def _anchor(scale: Scale, tick: float) -> str:
    share = scale.share(tick)
    return "start" if share < 0.02 else "end" if share > 0.98 else "middle"


def _short(value: float) -> str:
    return f"{value:.1f}"
