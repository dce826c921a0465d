"""What a transformer reads at once: a line, or some sentences of one, cut by what stands there and nothing else.

A line of at most ``LONG`` code points is one window. A longer one is cut at ends of sentences that the letters before
them choose, what is then still longer at every end of a sentence, then at spaces chosen in the same way
(content-defined chunking: Muthitacharoen, Chen, Mazieres, A low-bandwidth network file system, SOSP 2001). So a stream
that knows ``LIMIT`` code points around a place knows its window.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

LONG: Final = 400
"""Code points of the longest piece that is not cut again."""
LIMIT: Final = 512
"""Code points of the longest window; what is still longer has no words in it that anybody reads, and is left out."""
_LINE: Final = re.compile(r"\n")
_SENTENCE: Final = re.compile(r"(?<=\w{3}[.!?…])(?<!Mrs\.)(?<!Prof\.)(?<!Miss\.)\s")
_SPACE: Final = re.compile(r"\s(?=\S)")
_LEVELS: Final = ((_LINE, 1), (_SENTENCE, 3), (_SENTENCE, 1), (_SPACE, 8))
"""Where a piece is cut, and which of those places: one in so many."""
_TAIL: Final = 12


def windows(text: str) -> list[tuple[int, int]]:
    r"""Starts and ends of windows, in order; together they are the text but for what is left out.

    Example:
        >>> windows("She left.\nDr. Who came.")
        [(0, 10), (10, 23)]
    """
    pieces = [(0, len(text))] if text else []
    for level, (expression, rate) in enumerate(_LEVELS):
        cut: list[tuple[int, int]] = []
        for start, end in pieces:
            if level and end - start <= LONG:
                cut.append((start, end))
            else:
                cut += pairwise([start, *_places(text, start, end, expression, rate), end])
        pieces = cut
    return [(start, end) for start, end in pieces if 0 < end - start <= LIMIT]


def _places(text: str, start: int, end: int, expression: re.Pattern[str], rate: int) -> Iterator[int]:
    for found in expression.finditer(text, start, end):
        at = found.end()
        tail = text[max(at - _TAIL, 0) : at].encode("utf-8", "surrogatepass")
        if rate == 1 or zlib.crc32(tail) % rate == 0:
            yield at
