"""What a decision about a word depends on: itself, four words on each side, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from casemate.privacy.text.names.tokens import PARAGRAPH, Hashes, Ints, Tokens

BITS: Final = 18
"""Rows of the table of weights, as a power of two."""
SIDE: Final = 4
"""Words on each side that are looked at."""
_AGAIN: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX: Final = np.uint64(0x94D049BB133111EB)
_SALT: Final = 0xD6E8FEB86659FD93
_NONE: Final = np.uint64(0x2545F4914F6CDD1D)


def rows(words: Tokens) -> Ints:
    """(features, n) rows of the table of weights."""
    capital = (words.shape < 256) & (words.shape & 1 == 1)
    plain = (words.shape < 256) & ~capital
    w = _window(words.word, words.gap)
    s = _window(spread(words.shape), words.gap)
    head, tail = _window(words.head, words.gap, 1), _window(words.tail, words.gap, 1)
    left, right = _nearest(words, plain)
    lows = np.sum([each != _NONE for each in _window(np.where(plain, words.word, _NONE), words.gap)], axis=0)
    size = spread(np.minimum(words.end - words.start, 12))
    gaps = spread(words.gap * 4 + np.append(words.gap[1:], PARAGRAPH))
    here, form = w[SIDE], s[SIDE]
    one, two, back, behind = w[SIDE - 1], w[SIDE - 2], s[SIDE - 1], s[SIDE - 2]
    next_, after, ahead, beyond = w[SIDE + 1], w[SIDE + 2], s[SIDE + 1], s[SIDE + 2]
    return hashed([
        (form,), (here,), (here, form), (words.head, form), (words.tail, form), (words.pair, form), (words.four,),
        (words.head, words.tail), (form, gaps), (form, back, ahead), (behind, back, form), (form, ahead, beyond),
        (one,), (next_,), (two,), (after,), (one, here), (here, next_), (one, form), (next_, form), (one, next_),
        (two, one, form), (next_, after, form), (two, one), (next_, after), (tail[0], form), (tail[2], form),
        (head[0],), (head[2],), (spread(lows), form), (size, form), (left, form), (right, form), (left, right, form),
        (w[SIDE - 3],), (w[SIDE + 3],),
    ])  # fmt: skip


def hashed(parts: Iterable[tuple[Hashes, ...]], first: int = 0) -> Ints:
    """(features, n) rows of a table, one for each tuple of hashes that is seen together."""
    made = []
    for at, part in enumerate(parts, first + 1):
        total = part[0] + np.uint64(at * _SALT % 2**64)
        for each in part[1:]:
            total = (total ^ (total >> np.uint64(29))) * _AGAIN + each
        made.append(total)
    mixed = np.array(made)
    mixed ^= mixed >> np.uint64(32)
    mixed *= _MIX
    return (mixed >> np.uint64(64 - BITS)).astype(np.int64)


def spread(values: Ints) -> Hashes:
    """Small numbers as hashes."""
    return (values.astype(np.uint64) + np.uint64(1)) * _AGAIN


def _window(values: Hashes, gap: Ints, side: int = SIDE) -> list[Hashes]:
    """The same array, moved by -side to side words; beyond a paragraph there is nothing."""
    paragraph = np.cumsum(gap == PARAGRAPH)
    moved = []
    for by in range(-side, side + 1):
        there = np.arange(len(values)) + by
        valid = (there >= 0) & (there < len(values))
        there = np.clip(there, 0, max(len(values) - 1, 0))
        moved.append(np.where(valid & (paragraph[there] == paragraph), values[there], _NONE))
    return moved


def _nearest(words: Tokens, plain: np.ndarray) -> tuple[Hashes, Hashes]:
    """The nearest word without a capital on each side: what a name of many words stands between."""
    seen = _window(np.where(plain, words.word, _NONE), words.gap)
    found = []
    for order in (range(SIDE - 1, -1, -1), range(SIDE + 1, 2 * SIDE + 1)):
        best = np.full(len(plain), _NONE)
        for at in reversed(order):
            best = np.where(seen[at] != _NONE, seen[at], best)
        found.append(best)
    return found[0], found[1]
