"""One span a place: what overlaps becomes one stretch, which is all of it, and has the type of the strongest.

Nothing that any recognizer found is left uncovered because another won. A chain of overlapping spans is cut where it
becomes longer than ``MOST``, so that a stream never has to wait for the end of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from casemate.privacy.text.spans import Span

MOST: Final = 4096
"""Code points between the starts of the first and the last span of a stretch."""


def settled(spans: Iterable[Span], threshold: float) -> list[Span]:
    """Spans in order, none overlapping another.

    Args:
        spans: in any order.
        threshold: least score of those that count.

    Example:
        >>> url, mail = Span(0, 20, "URL", 0.7, "url"), Span(5, 15, "EMAIL_ADDRESS", 0.9, "email")
        >>> [(each.start, each.end, each.type) for each in settled([url, mail], 0.5)]
        [(0, 20, 'URL')]
    """
    kept: list[Span] = []
    group: list[Span] = []
    end = -1
    for each in sorted((one for one in spans if one.score >= threshold), key=lambda one: (one.start, one.end)):
        if group and (each.start >= end or each.start - group[0].start > MOST):
            kept.append(_one(group, kept))
            group = []
        group.append(each)
        end = max(end, each.end)
    if group:
        kept.append(_one(group, kept))
    return kept


def _one(group: list[Span], kept: list[Span]) -> Span:
    """The stretch of a group; the longest gives the type, and of those equally long the surest.

    A secret gives it before all others: whoever keeps URLs does not mean to keep the password in one. Of those equally
    long, a checksum that holds and a word near come before what only looks like something, however sure a model is.
    """
    if len(group) == 1 and not (kept and kept[-1].end > group[0].start):
        return group[0]
    best = max(group, key=_strength)
    start, end = group[0].start, max(each.end for each in group)
    start = max(start, kept[-1].end) if kept else start  # where a chain was cut
    if (start, end) == (best.start, best.end):
        return best
    return Span(start, end, best.type, best.score, best.source, best.why)


def _strength(span: Span) -> tuple[bool, int, bool, float, str]:
    told = span.score == 1 or any(each == "checksum holds" or each.startswith("near ") for each in span.why)
    return span.type == "SECRET", span.end - span.start, told, span.score, span.source
