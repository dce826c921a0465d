"""Passages with what was found in them, marked: for a browser and for a terminal. No script, nothing from outside."""

from __future__ import annotations

import html
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from casemate.privacy.text.editor import Passage
from casemate.privacy.text.spans import Span
from casemate.privacy.text.types import types
from casemate.privacy.text.work import Outcome

AROUND: Final = 120
"""Code points that are shown on either side of a span; what lies farther away is left out."""

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2024;--paper:#fff;--soft:#60646c;--line:#e0e1e6;--card:#f9f9fb;
--direct:#cfe3ff;--quasi:#ffe8b3;--special:#f5d0f5;--secret:#ffd1cc}
@media(prefers-color-scheme:dark){:root{--ink:#edeef0;--paper:#111113;--soft:#a0a4ab;--line:#2e3135;--card:#18191b;
--direct:#123a6b;--quasi:#5a4300;--special:#561f5b;--secret:#6b1d17}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:2rem 1.25rem;color:var(--ink);
background:var(--paper);font:16px/1.55 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.05rem;margin:2rem 0 .5rem;overflow-wrap:anywhere}
p{margin:.25rem 0;color:var(--soft)}table{border-collapse:collapse;margin:1rem 0}
th,td{text-align:left;padding:.3rem 1.25rem .3rem 0;border-bottom:1px solid var(--line);font-weight:400}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}th{color:var(--soft)}
figure{margin:.5rem 0;padding:.6rem .8rem;background:var(--card);border:1px solid var(--line);border-radius:.4rem}
figure table{margin:0}figure tr:last-child>*{border-bottom:0}figure th{font-size:.85rem;width:14rem;
vertical-align:top;overflow-wrap:anywhere}pre{margin:0;font:14px/1.7 ui-monospace,monospace;white-space:pre-wrap;
overflow-wrap:anywhere;unicode-bidi:plaintext}
mark{color:inherit;border-radius:.25rem;padding:.1rem .25rem}mark small{color:inherit;
opacity:.8;font-size:.75em;padding-left:.4em}
del{opacity:.75}.direct{background:var(--direct)}.quasi{background:var(--quasi)}.special{background:var(--special)}
.secret{background:var(--secret)}
table.wide{width:100%}td.first{width:40%}.none{background:none;padding-left:0}.back{fill:var(--line)}.bar{fill:var(--soft)}.line{fill:var(--ink)}svg{vertical-align:middle}
@media print{body{max-width:none}figure{break-inside:avoid}}
"""
_RELATIONS: Final = {
    "direct": "identifies a person or an account",
    "quasi": "narrows down who it is",
    "special": "special category (GDPR, article 9)",
    "secret": "opens something",
}


def page(outcomes: Iterable[Outcome], *, reveal: bool = False) -> str:
    """An HTML page that shows where something was found.

    Args:
        outcomes: of documents, with their passages.
        reveal: whether what was found is shown too; without, the page holds nothing that the result does not.
    """
    given = list(outcomes)
    counts = sum((Counter(each.counts) for each in given), Counter[str]())
    rows = "".join(
        f'<tr><td><mark class="{relation(name)}">{html.escape(name)}</mark></td><td class="n">{count:,}</td>'
        f"<td>{html.escape(_RELATIONS[relation(name)])}</td></tr>"
        for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    said = (
        "This page shows what was found: it is as confidential as the documents."
        if reveal
        else "What was found is not on this page; what stands in its place is."
    )
    table = f"<table><tr><th>type</th><th class=n>found</th><th>which</th></tr>{rows}</table>" if rows else ""
    body = "".join(_document(each, reveal) for each in given if each.counts)
    return framed("Redaction", f"<p>{_summary(given)} {said}</p>{table}{_unread(given)}{body}")


def _summary(outcomes: Sequence[Outcome]) -> str:
    unread, found = sum(bool(each.error) for each in outcomes), sum(bool(each.counts) for each in outcomes)
    many = f"{len(outcomes):,} documents" if len(outcomes) != 1 else "1 document"
    return f"{many}: something was found in {found:,}, {unread:,} could not be read."


def _unread(outcomes: Sequence[Outcome]) -> str:
    """What was not read, or not all of it, and why."""
    rows = "".join(
        f"<tr><td>{_safe(each.name)}</td><td>{'<b>not read</b>: ' if each.error else ''}{_safe(said)}</td></tr>"
        for each in outcomes
        for said in (each.error, *each.notes)
        if said
    )
    return f"<h2>What was not read, and why</h2><table class=wide>{rows}</table>" if rows else ""


def framed(title: str, body: str) -> str:
    """A page of its own, around what stands in it."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width,initial-scale=1"><meta http-equiv="Content-Security-Policy" '
        f"content=\"default-src 'none';style-src 'unsafe-inline'\"><title>casemate redact: {title}</title>"
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>\n"
    )


def relation(name: str) -> str:
    """How a type relates to a person; "direct" for types of the user's own."""
    return types()[name].relation if name in types() else "direct"


def _document(outcome: Outcome, reveal: bool) -> str:
    shown = ""
    for placed, some in itertools.groupby(outcome.passages, lambda each: bool(each.where)):
        if placed:
            cells = (
                f"<tr><th>{_safe(each.where)}</th><td><pre>{_passage(each, reveal)}</pre></td></tr>" for each in some
            )
            shown += f"<figure><table class=wide>{''.join(cells)}</table></figure>"
        else:
            shown += "".join(f"<figure><pre>{_passage(each, reveal)}</pre></figure>" for each in some)
    kept = sum(len(each.made.spans) for each in outcome.passages)
    more = sum(outcome.counts.values()) - kept
    rest = f"<p>and {more:,} more</p>" if outcome.passages and more > 0 else ""
    kinds = ", ".join(f"{count:,} {name}" for name, count in Counter(outcome.counts).most_common())
    return f"<h2>{_safe(outcome.name)}</h2><p>{html.escape(kinds)}</p>{shown}{rest}"


def _passage(passage: Passage, reveal: bool) -> str:
    parts = []
    for text, span, new in stretches(passage):
        if span is None:
            parts.append(_safe(text))
            continue
        why = ", ".join((f"{span.source}, {span.score:.2f}", *span.why))
        shown = (f"<del>{_safe(text)}</del> " if reveal else "") + _safe(new or "⌫")
        name = "" if span.type in new else f"<small>{span.type}</small>"
        parts.append(f'<mark class="{relation(span.type)}" title="{html.escape(why)}">{shown}{name}</mark>')
    return "".join(parts)


def stretches(passage: Passage) -> Iterator[tuple[str, Span | None, str]]:
    """(text, span or None, replacement): what was found and what is around it; far away is "…"."""
    text, at = passage.text, 0
    spans = passage.made.spans
    for number, (span, new) in enumerate(zip(spans, passage.made.replacements, strict=True)):
        yield clipped(text[at : span.start], first=number == 0), None, ""
        yield text[span.start : span.end], span, new
        at = span.end
    tail = text[at:]
    yield (tail if len(tail) <= AROUND else tail[:AROUND] + " …"), None, ""


def clipped(text: str, *, first: bool) -> str:
    """What stands between two spans, or before the first."""
    if first:
        return text if len(text) <= AROUND else "… " + text[-AROUND:]
    return text if len(text) <= 2 * AROUND else f"{text[:AROUND]} … {text[-AROUND:]}"


def colored(passage: Passage, *, color: bool) -> str:
    """What was and what is, for a terminal; as ``[-was-]{+is+}`` where there are no colors."""
    parts = []
    for text, span, new in stretches(passage):
        plain = printable(text)
        if span is None:
            parts.append(plain)
        elif color:
            parts.append(f"\x1b[31;9m{plain}\x1b[0m\x1b[32m{printable(new)}\x1b[0m")
        else:
            parts.append(f"[-{plain}-]{{+{printable(new)}+}}")
    return "".join(parts)


def printable(text: str) -> str:
    """Text that cannot steer a terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)


def _safe(text: str) -> str:
    return html.escape(printable(text))
