"""What a transformer reads at once: sentences, cut by what stands there and nothing else.

Where a sentence ends depends on a few letters around; a sentence longer than ``LONG`` is cut again at spaces that the
letters before them choose (content-defined chunking: Muthitacharoen, Chen, Mazieres, A low-bandwidth network file
system, SOSP 2001). So a stream that knows ``LIMIT`` code points around a place knows its window.
"""

from __future__ import annotations

import re
import zlib
from itertools import pairwise
from typing import Final

LONG: Final = 320
"""Code points of the longest sentence that is not cut again."""
LIMIT: Final = 512
"""Code points of the longest window; what is still longer has no words in it that anybody reads, and is left out."""
_END: Final = re.compile(r"\n[\s]{0,8}|(?<=\w{3}[.!?…])(?<!Mrs\.)(?<!Prof\.)(?<!Miss\.)[\s]{1,8}")
_SPACE: Final = re.compile(r"\s(?=\S)")
_TAIL: Final = 12


def windows(text: str) -> list[tuple[int, int]]:
    """Starts and ends of windows, in order; together they are the text but for what is left out.

    Example:
        >>> windows("She left. Dr. Who came.")
        [(0, 10), (10, 23)]
    """
    edges = [0, *(each.end() for each in _END.finditer(text)), len(text)]
    found: list[tuple[int, int]] = []
    for start, end in pairwise(edges):
        if end - start <= LONG:
            found.append((start, end))
            continue
        inner = [start, *(at.end() for at in _SPACE.finditer(text, start, end) if _chosen(text, at.end())), end]
        found += [(low, high) for low, high in pairwise(inner) if high - low <= LIMIT]
    return [(start, end) for start, end in found if end > start]


def _chosen(text: str, at: int) -> bool:
    tail = text[max(at - _TAIL, 0) : at].encode("utf-8", "surrogatepass")
    return zlib.crc32(tail) % 8 == 0
