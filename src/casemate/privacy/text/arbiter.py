"""One span a place: what overlaps becomes one stretch, which is all of it, and has the type of the strongest.

Nothing that any recognizer found is left uncovered because another won. A chain of overlapping spans is cut where it
becomes longer than ``MOST``, so that a stream never has to wait for the end of one.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
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


def beside(text: str, names: Iterable[Span], numbers: Iterable[Span]) -> Iterator[Span]:
    r"""Names without the numbers that they run into: a telephone number below an address is no part of it.

    Args:
        text: in which they are.
        names: what is likely, by its words.
        numbers: what is certain, by its form.

    Example:
        >>> text = "Main Street 5\n+49 30 901820"
        >>> place, phone = Span(0, 27, "LOCATION", 0.7, "tagger"), Span(14, 27, "PHONE_NUMBER", 0.97, "phone")
        >>> [text[each.start : each.end] for each in beside(text, [place], [phone])]
        ['Main Street 5']
    """
    borders: list[tuple[int, int]] = []
    for start, end in sorted((each.start, each.end) for each in numbers):
        if borders and start <= borders[-1][1]:
            borders[-1] = borders[-1][0], max(end, borders[-1][1])
        else:
            borders.append((start, end))
    for name in names:
        at, first = name.start, max(bisect.bisect_left(borders, (name.start,)) - 1, 0)
        for start, end in map(borders.__getitem__, range(first, len(borders))):
            if start >= name.end:
                break
            if end > at:
                yield from _piece(text, name, at, start)
                at = end
        yield from [name] if at == name.start else _piece(text, name, at, name.end)


def _piece(text: str, name: Span, start: int, end: int) -> Iterator[Span]:
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    if end - start > 1:
        yield Span(start, end, name.type, name.score, name.source, name.why)


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
