"""What a notebook shows for a measurement or a pair: the same track as the report, in a self-contained fragment."""

from __future__ import annotations

from markupsafe import Markup, escape

from casemate.assurance import wording
from casemate.assurance.report import svg
from casemate.assurance.report.page import mark, scale_for
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Tolerance

STYLE = (
    "<style>.cm{display:grid;grid-template-columns:minmax(10rem,auto) minmax(10rem,22rem) auto;gap:0 1rem;"
    "align-items:center;font:14px/1.4 sans-serif;font-variant-numeric:tabular-nums}.cm small{opacity:.75}"
    ".cm svg{display:block;width:100%;overflow:visible}.cm .base{stroke:#8884}.cm .zone{fill:#3a8a5f26}"
    ".cm .edge{stroke:#3a8a5f}.cm .link{stroke:#888;stroke-dasharray:2 2}.cm .whisker{stroke-width:2}"
    ".cm .now{stroke:#4a74b4;fill:#4a74b4}.cm .was{stroke:#888;fill:none}.cm text{font-size:10px;fill:#808080}</style>"
)


def measurement_html(measurement: Measurement, tolerance: Tolerance | None = None) -> str:
    """A measurement as a fragment of HTML for ``_repr_html_``: name, interval, words."""
    m = measurement
    scale = scale_for([m], [tolerance])
    track = svg.interval_row(mark(m), scale, tolerance, wording.counted(m))
    return _fragment(wording.name(m), m.subject, track, svg.axis(scale, m.unit), wording.counted(m))


def pair_html(pair: Pair, tolerance: Tolerance | None = None) -> str:
    """A pair as a fragment of HTML for ``_repr_html_``: before, after and what the defense is."""
    scale = scale_for([pair.before, pair.after], [tolerance])
    said = f"{wording.figure(pair.before.estimate, pair.before.unit)} → {wording.counted(pair.after)}"
    track = svg.dumbbell(mark(pair.before), mark(pair.after), scale, tolerance, said)
    return _fragment(wording.name(pair.after), pair.defense, track, svg.axis(scale, pair.after.unit), said)


def _fragment(name: str, subject: str, track: Markup, axis: Markup, said: str) -> str:
    lead = f"<div><b>{escape(wording.sentence(name)[:-1])}</b><br><small>{escape(subject)}</small></div>"
    return f'{STYLE}<div class="cm">{lead}<div>{track}{axis}</div><div>{escape(said)}</div></div>'
