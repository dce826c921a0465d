"""What a decision about a word depends on: itself, four words on each side, nothing else.

All words, and all combinations that are looked at, are arrays: the number of calls of numpy does not depend on either,
which is what a short text costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.privacy.text.names.tokens import PARAGRAPH, Hashes, Ints, Tokens

BITS: Final = 19
"""Rows of the table of weights, as a power of two."""
SIDE: Final = 4
"""Words on each side that are looked at."""
_AGAIN: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX: Final = np.uint64(0x94D049BB133111EB)
_SALT: Final = 0xD6E8FEB86659FD93
_NONE: Final = np.uint64(0x2545F4914F6CDD1D)
_STEPS: Final = np.arange(-SIDE, SIDE + 1)[:, None]


class Around(NamedTuple):
    """Each word with its neighbors, of which there are none beyond a paragraph.

    Attributes:
        place: (n,) where the words stand in an array that has room between paragraphs.
        near: (2 SIDE + 1, n) where their neighbors stand.
        size: of that array.
        words, shapes: (2 SIDE + 1, n) hashes of the neighbors.
    """

    place: Ints
    near: Ints
    size: int
    words: Hashes
    shapes: Hashes


class Plan(NamedTuple):
    """Which rows of hashes are seen together: singles first, then pairs, then triples.

    Attributes:
        first, second, third: row numbers; (a,), (b,) of pairs and triples, (c,) of triples.
        salts: (a, 1).
    """

    first: Ints
    second: Ints
    third: Ints
    salts: Hashes


def plan(together: Sequence[tuple[int, ...]], offset: int = 0) -> Plan:
    """In the order in which `hashed` wants it."""
    ordered = sorted(together, key=len)
    salts = np.array([[(offset + at) * _SALT % 2**64] for at in range(1, len(ordered) + 1)], dtype=np.uint64)
    first, second, third = ([each[at] for each in ordered if len(each) > at] for at in range(3))
    return Plan(np.array(first), np.array(second, dtype=np.int64), np.array(third, dtype=np.int64), salts)


# Rows of what `rows` stacks: words (0 to 8), shapes (9 to 17), heads and tails (18 to 20, 21 to 23), and one each.
_W, _S, _HEAD, _TAIL = SIDE, 3 * SIDE + 1, 4 * SIDE + 3, 4 * SIDE + 6
_PAIR, _FOUR, _LEFT, _RIGHT, _LOWS, _SIZE, _GAPS = range(4 * SIDE + 8, 4 * SIDE + 15)
_PLAN: Final = plan([
    (_S,), (_W,), (_FOUR,), (_W - 1,), (_W + 1,), (_W - 2,), (_W + 2,), (_W - 3,), (_W + 3,), (_HEAD - 1,),
    (_HEAD + 1,), (_W, _S), (_HEAD, _S), (_TAIL, _S), (_PAIR, _S), (_HEAD, _TAIL), (_S, _GAPS), (_W - 1, _W),
    (_W, _W + 1), (_W - 1, _S), (_W + 1, _S), (_W - 1, _W + 1), (_W - 2, _W - 1), (_W + 1, _W + 2), (_TAIL - 1, _S),
    (_TAIL + 1, _S), (_LOWS, _S), (_SIZE, _S), (_LEFT, _S), (_RIGHT, _S), (_S, _S - 1, _S + 1), (_S, _S - 2, _S - 1),
    (_S, _S + 1, _S + 2), (_W - 2, _W - 1, _S), (_W + 1, _W + 2, _S), (_LEFT, _RIGHT, _S),
])  # fmt: skip


def around(words: Tokens) -> Around:
    """Each word with its neighbors."""
    room = np.cumsum(words.gap == PARAGRAPH)
    place = np.arange(len(words.gap)) + SIDE * room
    near = place + _STEPS
    size = len(words.gap) + SIDE * (int(room[-1]) + 1) if len(room) else SIDE
    seen = neighbors(np.array([words.word, spread(words.shape)]), place, near, size)
    return Around(place, near, size, seen[0], seen[1])


def neighbors(values: Hashes, place: Ints, near: Ints, size: int) -> Hashes:
    """(k, n) values to (k, rows of ``near``, n) values of the neighbors."""
    wide = np.full((len(values), size), _NONE)
    wide[:, place] = values
    return wide[:, near]


def rows(words: Tokens, seen: Around) -> Ints:
    """(features, n) rows of the table of weights."""
    plain = np.where((words.shape < 256) & (words.shape & 1 == 0), words.word, _NONE)
    near = neighbors(np.array([words.head, words.tail, plain]), seen.place, seen.near, seen.size)
    there = near[2] != _NONE
    column = np.arange(len(plain))
    left = near[2][SIDE - 1 - there[SIDE - 1 :: -1].argmax(axis=0), column]
    right = near[2][SIDE + 1 + there[SIDE + 1 :].argmax(axis=0), column]
    small = spread(np.array([
        there.sum(axis=0), np.minimum(words.end - words.start, 12), words.gap * 4 + np.append(words.gap[1:], PARAGRAPH),
    ]))  # fmt: skip
    single = np.array([words.pair, words.four, left, right, *small])
    return hashed(np.concatenate([seen.words, seen.shapes, near[0, SIDE - 1 : SIDE + 2], near[1, SIDE - 1 : SIDE + 2],
                                  single]), _PLAN)  # fmt: skip


def hashed(base: Hashes, by: Plan) -> Ints:
    """(features, n) rows of a table, one for each combination of rows of ``base``."""
    made = base[by.first]
    made += by.salts
    for more in (by.second, by.third):
        if len(more):
            part = made[-len(more) :]
            part ^= part >> np.uint64(29)
            part *= _AGAIN
            part += base[more]
    made ^= made >> np.uint64(32)
    made *= _MIX
    made >>= np.uint64(64 - BITS)
    return made.view(np.int64)


def spread(values: NDArray[np.int64]) -> Hashes:
    """Small numbers as hashes."""
    return (values.astype(np.uint64) + np.uint64(1)) * _AGAIN
