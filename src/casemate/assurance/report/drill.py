"""The page and the results file of a drill: pure functions from what happened to bytes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec
from jinja2 import Template
from markupsafe import Markup, escape

from casemate.assurance import wording
from casemate.assurance.report.page import mark
from casemate.assurance.report.scales import Scale
from casemate.assurance.report.svg import axis, interval_row
from casemate.assurance.report.templating import SECURITY_POLICY, template
from casemate.core.measurement import Measurement, Pair
from casemate.core.png import png

SCHEMA = "casemate.drill/1"

SHARES = Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
"""The scale of off-road rates."""

LENGTH, SIDE = 104.0, 3.3
"""Metres along and to either side that a picture of drives shows."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One way to drive the judged drives.

    Attributes:
        name: of the condition.
        title: for people.
        network: which network drives.
        off: the off-road rate.
        deviation: the mean of the most metres off the lane's center.
        deviations: of each drive.
    """

    name: str
    title: str
    network: str
    off: Measurement
    deviation: Measurement
    deviations: tuple[float, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The difference between two conditions on the same drives, second minus first."""

    title: str
    first: str
    second: str
    metric: str
    difference: float
    low: float
    high: float
    p: float | None
    method: str


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What the drill set out to show, and whether it did, on the estimates."""

    text: str
    said: str
    reached: bool


class Laid(msgspec.Struct, frozen=True, kw_only=True):
    """A sticker: middle and size in metres along and across the road, and the gray of each cell, along by across."""

    along: float
    across: float
    long: float
    wide: float
    grays: tuple[tuple[float, ...], ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A finished drill.

    Attributes:
        drill: its name.
        claim: what is claimed, and what is not.
        seed: of everything.
        settings: of the parts.
        subjects: SHA-256 of the networks' weights.
        conditions, changes, pairs, goals: what was measured.
        stickers: by network they were made against.
        seconds: CPU time by part.
        limits: what the drill does not show.
        road: half widths in metres: "line", "edge", "off".
    """

    schema: str = SCHEMA
    drill: str
    claim: str
    seed: int
    settings: dict[str, dict[str, float | str]]
    subjects: dict[str, str]
    conditions: tuple[Condition, ...]
    changes: tuple[Change, ...]
    pairs: tuple[Pair, ...]
    goals: tuple[Goal, ...]
    stickers: dict[str, tuple[Laid, ...]]
    seconds: dict[str, float]
    limits: tuple[str, ...]
    road: dict[str, float]

    @property
    def reached(self) -> bool:
        """Whether every goal was reached."""
        return all(goal.reached for goal in self.goals)


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """What only the page shows.

    Attributes:
        paths: by condition, a drive's (along, across) points each.
        frames: (title, pictures): rows of pixels as bytes each.
        distances: metres before the stickers' middle, one a picture.
    """

    paths: Mapping[str, Sequence[Sequence[tuple[float, float]]]]
    frames: Sequence[tuple[str, Sequence[Sequence[bytes]]]]
    distances: Sequence[float]


def results(report: Report) -> bytes:
    """results.json of a drill."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"


def page(report: Report, pictures: Pictures) -> bytes:
    """One static HTML file: figures, frames, stickers and drives."""
    text = _template().render(
        report=report,
        pictures=pictures,
        security_policy=SECURITY_POLICY,
        rows=[
            (each, interval_row(mark(each.off), SHARES, label=f"off-road rate, {each.title}"))
            for each in report.conditions
        ],
        axis=axis(SHARES, "proportion"),
        frames=[(title, [_picture(rows, title) for rows in shown]) for title, shown in pictures.frames],
        prints={name: [_print(each) for each in laid] for name, laid in report.stickers.items()},
        drives=[
            (each, _drives(report, each, pictures.paths[each.name]))
            for each in report.conditions
            if each.name in pictures.paths
        ],
    )
    return text.encode()


@cache
def _template() -> Template:
    return template("drill.html.j2", {"counted": wording.counted, "figure": wording.figure, "signed": wording.signed})


def _picture(rows: Sequence[bytes], title: str) -> Markup:
    code = base64.b64encode(png(rows)).decode()
    return Markup(  # noqa: S704
        f'<img class="frame" width="{len(rows[0])}" height="{len(rows)}" alt="{escape(title)}" '
        f'src="data:image/png;base64,{code}">'
    )


def _print(laid: Laid) -> Markup:
    """A sticker as it lies, its far end up, 40 units a metre."""
    return Markup(  # noqa: S704
        f'<svg class="print" viewBox="0 0 {40 * laid.wide:.0f} {40 * laid.long:.0f}" width="{40 * laid.wide:.0f}" '
        f'role="img" aria-label="sticker of {laid.long} by {laid.wide} metres">'
        f"{_cells(laid, 40 * laid.wide, 40 * laid.long, 0, 0, upright=True)}</svg>"
    )


def _cells(laid: Laid, width: float, height: float, x: float, y: float, *, upright: bool) -> str:
    """The cells of a sticker: along goes up when upright, else to the right; the left side is left, else up."""
    long, wide = len(laid.grays), len(laid.grays[0])
    found = []
    for i, row in enumerate(laid.grays):
        for j, gray in enumerate(row):
            if upright:
                w, h = width / wide, height / long
                left, top = width - (j + 1) * w, height - (i + 1) * h
            else:
                w, h = width / long, height / wide
                left, top = i * w, height - (j + 1) * h
            tone = round(255 * gray)
            found.append(
                f'<rect x="{x + left:.2f}" y="{y + top:.2f}" width="{w + 0.05:.2f}" height="{h + 0.05:.2f}" '
                f'fill="rgb({tone},{tone},{tone})"/>'
            )
    return "".join(found)


def _drives(report: Report, condition: Condition, paths: Sequence[Sequence[tuple[float, float]]]) -> Markup:
    """All drives of a condition from above, the road straightened; what is across is drawn four times as large."""
    x, y = 640 / LENGTH, 88 / SIDE
    road = report.road
    parts = ['<rect class="verge" width="640" height="176"/>']
    parts += [
        f'<rect class="asphalt" y="{88 - road["edge"] * y:.1f}" width="640" height="{2 * road["edge"] * y:.1f}"/>'
    ]
    for side in (road["line"], -road["line"]):
        parts.append(f'<line class="line" x1="0" x2="640" y1="{88 - side * y:.1f}" y2="{88 - side * y:.1f}"/>')
    for laid in report.stickers.get(_lies(condition.name), ()):
        width, height = laid.long * x, laid.wide * y
        left, top = laid.along * x - width / 2, 88 - laid.across * y - height / 2
        parts.append(_cells(laid, width, height, left, top, upright=False))
    for path, most in sorted(zip(paths, condition.deviations, strict=True), key=lambda each: each[1]):
        points = " ".join(f"{along * x:.0f},{88 - across * y:.1f}" for along, across in path)
        tone = "gone" if most > road["off"] else "kept"
        parts.append(f'<polyline class="{tone}" points="{points}"/>')
    label = f"{len(paths)} drives from above: {wording.counted(condition.off)} leave the road"
    return Markup(  # noqa: S704
        f'<svg class="above" viewBox="0 0 640 176" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _lies(condition: str) -> str:
    """Against which network the stickers were made that lie on the road in this condition."""
    return {"attacked": "plain", "hardened-transferred": "plain", "hardened-attacked": "hardened"}.get(condition, "")
