"""Words and their hashes, as arrays: a text of a megabyte is cut and hashed in a few dozen calls of numpy.

A hash of a stretch is a polynomial over its code points modulo 2**64, taken as a difference of running sums (Karp and
Rabin, IBM J. Res. Dev. 31:249, 1987), so that words, beginnings and endings cost one subtraction each. It depends on
nothing but the letters: not on the process, the platform, or where in the text the stretch stands.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST: Final = 40
"""Code points of the longest word that is looked into; longer ones are all alike."""
GAP: Final = 8
"""Code points between two words that belong together at most."""
PIECE: Final = 32_768
"""Code points that are cut at once, so that arrays stay in the processor's cache."""
SPACE, NEWLINE, LOWER, UPPER, LETTER, DIGIT, OTHER = range(7)
"""Classes of code points; words are runs of letters and digits, everything else is a word by itself."""
GLUED, APART, LINE, PARAGRAPH = range(4)
"""What stands before a word: nothing, spaces, one line break, more than that."""

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]

_BASE: Final = 0x9E3779B97F4A7C15
_LONG: Final = np.uint64(0x5851F42D4C957F2D)
_PLANE: Final = 0x10000
_COUNTED: Final = np.array([[LOWER], [UPPER], [LETTER], [DIGIT], [NEWLINE]], dtype=np.uint8)
_LAST: Final = np.array([[3], [2], [4]])
_IS_WORD: Final = np.isin(np.arange(7), (LOWER, UPPER, LETTER, DIGIT))
_GAP: Final = np.full((GAP + 2, 3), PARAGRAPH, dtype=np.int64)
_GAP[: GAP + 1, :2] = (APART, LINE)
_GAP[0, 0] = GLUED


class Tokens(NamedTuple):
    """(n,) arrays, one element a word.

    Attributes:
        start, end: code points.
        word: hash of the lower-case letters.
        head, tail: hashes of the first and last three lower-case letters.
        pair, four: hashes of the last two and four.
        shape: which classes of letters it is made of; the code point of a sign by itself, above 255.
        gap: what stands before it.
    """

    start: Ints
    end: Ints
    word: Hashes
    head: Hashes
    tail: Hashes
    pair: Hashes
    four: Hashes
    shape: Ints
    gap: Ints


def tokens(codes: NDArray[np.uint32]) -> Tokens:
    """Cut and hash at most ``PIECE`` and some code points.

    Args:
        codes: (m,) code points.
    """
    classes, lower = _tables()
    small = np.minimum(codes, _PLANE)
    kind, low = classes[small], lower[small] if len(codes) == 0 or codes.max() < _PLANE else _lowered(codes)
    inside = np.zeros(len(codes) + 2, dtype=bool)
    inside[1:-1] = _IS_WORD[kind]
    sign = kind == OTHER
    start = np.flatnonzero((inside[1:-1] & ~inside[:-2]) | sign)
    end = np.flatnonzero((inside[1:-1] & ~inside[2:]) | sign) + 1
    powers, inverses = _powers(len(codes) + 1)
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum((low + np.uint64(1)) * powers[:-1], out=sums[1:])
    size = end - start
    first = np.concatenate([start, start, np.maximum(end - _LAST, start).ravel()])
    last = np.concatenate([end, np.minimum(start + 3, end), end, end, end])
    word, head, tail, pair, four = ((sums[last] - sums[first]) * inverses[first]).reshape(5, -1)
    long = size > LONGEST
    word[long] = _LONG
    running = np.zeros((5, len(codes) + 1), dtype=np.int32)
    np.cumsum(kind == _COUNTED, axis=1, out=running[:, 1:])
    lowers, uppers, letters, digits = running[:4, end] - running[:4, start]
    shape = (
        (kind[start] == UPPER) + (uppers == size) * 2 + (lowers > 0) * 4 + (digits > 0) * 8 + (letters > 0) * 16
        + (np.minimum(size, 4) - 1) * 32 + (uppers > 1) * 128
    )  # fmt: skip
    shape = np.where(sign[start], codes[start].astype(np.int64) + 256, shape)
    shape[long] = 255
    gap = np.full(len(start), PARAGRAPH, dtype=np.int64)
    width, breaks = start[1:] - end[:-1], running[4, start[1:]] - running[4, end[:-1]]
    gap[1:] = _GAP[np.minimum(width, GAP + 1), np.minimum(breaks, 2)]
    return Tokens(start, end, word, head, tail, pair, four, shape, gap)


def _lowered(codes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    lower = _tables()[1]
    return np.where(codes < _PLANE, lower[np.minimum(codes, _PLANE - 1)], codes)


@cache
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """Class and lower-case letter by code point; beyond the first plane everything is a sign."""
    kinds = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Zs": SPACE, "Zl": NEWLINE, "Zp": NEWLINE, "Cf": SPACE}
    classes, lower = np.full(_PLANE + 1, OTHER, dtype=np.uint8), np.arange(_PLANE + 1, dtype=np.uint64)
    for code in range(_PLANE):
        letter = chr(code)
        group = unicodedata.category(letter)
        classes[code] = kinds.get(group, {"L": LETTER, "M": LETTER, "N": DIGIT}.get(group[0], OTHER))
        folded = letter.lower()
        if len(folded) == 1:
            lower[code] = ord(folded)
    classes[[ord(each) for each in "\t\x0b\x0c\x1f"]] = SPACE
    classes[[ord(each) for each in "\n\r\x85"]] = NEWLINE
    classes[ord("\r")] = SPACE  # half of a line break
    classes[ord("_")] = LETTER
    return classes, lower


@cache
def _most() -> tuple[Hashes, Hashes]:
    size = 2 * PIECE
    both = []
    for base in (_BASE, pow(_BASE, -1, 2**64)):
        row = np.full(size, base, dtype=np.uint64)
        row[0] = 1
        both.append(np.cumprod(row))
    return both[0], both[1]


def _powers(count: int) -> tuple[Hashes, Hashes]:
    powers, inverses = _most()
    return powers[:count], inverses[:count]
