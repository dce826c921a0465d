"""An assessment of redaction as a page for a browser: figures and intervals, nothing from the texts."""

from __future__ import annotations

import html

from casemate.privacy.text.assess import Assessed
from casemate.privacy.text.attacks import Attacked
from casemate.privacy.text.leaks import Count, Leak
from casemate.privacy.text.types import types
from casemate.privacy.text.view import framed, relation

_NOTE = (
    "A thing (a person, a number) leaks if any letter of any of its mentions in a document can be seen. Bars show the "
    "share that leaks; the line across is the interval of 95 %, over documents."
)


def leak_page(made: Assessed, sample: str) -> str:
    """An HTML page.

    Args:
        made: what was measured.
        sample: what the sample is called.
    """
    clean, kept = made.leaks.clean, made.leaks.kept
    head = (
        f"<p>{html.escape(sample)}: {len(made.made):,} documents. Nothing leaked in {clean.k:,} of {clean.n:,} "
        f"(at least {clean.rate.low:.1%}). Of the words that nobody marked, {kept.rate.value:.1%} stayed.</p>"
    )
    rows = "".join(_leak(each) for each in made.leaks.groups)
    leaks = (
        "<h2>By type and language</h2><p>" + _NOTE + "</p><table class=wide><tr><th>type</th><th>language</th><th></th>"
        "<th class=n>things</th><th class=n>at most</th><th class=n>letters</th><th class=n>at most</th></tr>"
        f"{rows}</table>"
    )
    attacks = "<h2>What attacks on the result achieve</h2>" + "".join(map(_attack, made.attacks))
    return framed("What leaks", head + leaks + attacks)


def _leak(each: Leak) -> str:
    mark = f' class="{relation(each.type)}"' if each.type in types() else " class=none"
    return (
        f"<tr><td><mark{mark}>{html.escape(each.type)}</mark></td>"
        f"<td>{html.escape(each.language)}</td><td>{bar(each.entities)}</td>{_cells(each.entities)}"
        f"{_cells(each.letters)}</tr>"
    )


def _cells(count: Count) -> str:
    return f'<td class="n">{count.k:,} of {count.n:,}</td><td class="n">{count.rate.high:.1%}</td>'


def _attack(each: Attacked) -> str:
    title = f"<figure><b>{html.escape(each.attack)}</b>: {html.escape(each.goal)}"
    if each.skipped:
        return f"{title}<p>not tried: {html.escape(each.skipped)}</p></figure>"
    return (
        f"{title}<table class=wide><tr><td class=first>{html.escape(each.against)}</td><td>{bar(each.before)}</td>"
        f"{_cells(each.before)}</tr><tr><td>redacted</td><td>{bar(each.after)}</td>{_cells(each.after)}</tr></table>"
        f"<p>The attacker knows {html.escape('; '.join(each.knows))}, and how texts were redacted. "
        f"{html.escape(each.note)}.</p></figure>"
    )


def bar(count: Count) -> str:
    """A share and its interval, as a picture."""
    rate = count.rate
    low, high, value = (round(160 * part, 1) for part in (rate.low, rate.high, rate.value))
    return (
        '<svg width="160" height="14" role="img" aria-label="'
        f'{rate.value:.1%}, {rate.low:.1%} to {rate.high:.1%}"><rect width="160" height="14" rx="3" class="back"/>'
        f'<rect width="{value}" height="14" rx="3" class="bar"/><rect x="{low}" y="6" width="{max(high - low, 1)}" '
        'height="2" class="line"/></svg>'
    )
