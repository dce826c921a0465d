"""A linear tagger of persons, places and organizations.

Two passes over hashed features: the first looks at words, the second also at what the first made of the words around,
which is what a chain of labels would give without walking along it (Cohen and Carvalho, Stacked sequential learning,
IJCAI 2005). Weights of one byte lie in a table, four classes to a row; sums are of whole numbers, so the result is the
same on every machine. Made by ``tools/train_names.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.privacy.text.names.features import SIDE, Around, around, hashed, neighbors, plan, rows, spread
from casemate.privacy.text.names.tokens import GAP, LONGEST, PIECE, Ints, Tokens, tokens

CLASSES: Final = ("", "PERSON", "LOCATION", "ORGANIZATION")
NEAR: Final = 2
"""Words on each side whose first labels the second pass sees."""
REACH: Final = (SIDE + NEAR) * (LONGEST + GAP + 1)
"""Code points on each side of a word on which its label depends, at most."""
_LANES: Final = np.arange(4, dtype=np.uint64) * np.uint64(16)
_BIAS: Final = 128
_BREAK: Final = "\n\n"
SHIFT: Final = 1.5
"""How much less likely than nothing a name may be and still be a candidate; its probability decides."""
_RULED_OUT: Final = -2.5
"""Margin below which a word is no name. Reading all above -3 finds 3 of 10,000 letters more in the development
templates, for a twentieth more work."""
_DOUBTLESS: Final = 2.0
"""Margin above which a word is a name, whatever a transformer says: reading for those up to 6 too finds 5 of 10,000
letters more there, for a tenth."""
_SURE: Final = (1.0, 3.0)
"""Margins of the first pass between unsure, fair and sure."""


class Weights(NamedTuple):
    """What the tagger learned.

    Attributes:
        first, second: (rows, 4) int8 of the two passes.
        scales: (2,) of a step of the first and of the second.
        tau: margins between the classes below which a word is unsure.
        mix: (8, 4) from the tagger's odds, the transformer's three and 1 to odds of both.
        platt: (2, 4, 2) slope and intercept of the probability that a span is right, by whether the transformer has
            read it and by class (Platt, Probabilistic outputs for support vector machines, 1999).
    """

    first: NDArray[np.int8]
    second: NDArray[np.int8]
    scales: NDArray[np.float64]
    tau: float = 2.0
    mix: NDArray[np.float64] = np.eye(8, 4)
    platt: NDArray[np.float64] = np.tile([1.0, 0.0], (2, 4, 1))

    @property
    def possible(self) -> tuple[float, float]:
        """Margins of words that may be names, and not beyond doubt."""
        return _RULED_OUT, _DOUBTLESS

    @property
    def unsure(self) -> tuple[float, float]:
        """Margins of words that hang in the balance."""
        return -self.tau, self.tau

    def mixed(self, odds: NDArray[np.float64], said: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 4) odds of tagger and transformer together."""
        return np.asarray(np.hstack([odds, said, np.ones((len(odds), 1))]) @ self.mix)

    def probability(self, margin: float, kind: int, read: bool) -> float:
        """That a span is right, by its mean margin."""
        slope, intercept = self.platt[int(read), kind].tolist()
        return 1 / (1 + math.exp(min(-slope * margin - intercept, 30.0)))


class Labelled(NamedTuple):
    """(n,) words and their scores.

    Attributes:
        start, end: code points.
        gap: what stands before each; see `casemate.privacy.text.names.tokens`.
        odds: (n, 4) logarithms, up to a constant, of the probability of each class.
        best, margin: see `candidates`.
    """

    start: Ints
    end: Ints
    gap: Ints
    odds: NDArray[np.float64]
    best: NDArray[np.int64]
    margin: NDArray[np.float64]


class Tagger:
    """Labels words.

    Args:
        weights: those that come with casemate if none are given.
    """

    def __init__(self, weights: Weights | None = None) -> None:
        self.weights = weights or shipped()
        self._first, self._second = _packed(self.weights.first), _packed(self.weights.second)

    def label(self, text: str) -> Labelled:
        """All words of a text, in order.

        Args:
            text: of any length; the work is linear, and it is done in pieces.
        """
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        parts = []
        for begin in range(0, max(len(codes), 1), PIECE):
            low, high = max(begin - REACH, 0), begin + PIECE + REACH
            words = tokens(codes[low:high])
            if len(codes) <= PIECE:
                return _labelled(words.start, words.end, words.gap, self._odds(words))
            mine = (words.start + low >= begin) & (words.start + low < begin + PIECE)
            odds = self._odds(words)[mine]
            parts.append((words.start[mine] + low, words.end[mine] + low, words.gap[mine], odds))
        start, end, gap, odds = (np.concatenate(each) for each in zip(*parts, strict=True))
        return _labelled(start, end, gap, odds)

    def label_all(self, texts: Sequence[str]) -> Iterator[Labelled]:
        """As `label` does each: no word sees beyond a paragraph, so texts with one between them are read together."""
        begins = np.cumsum([0, *(len(each) + len(_BREAK) for each in texts)])
        words = self.label(_BREAK.join(texts))
        edges = np.searchsorted(words.start, begins).tolist()
        for low, high, begin in zip(edges, edges[1:], begins.tolist(), strict=False):
            mine = slice(low, high)
            yield words._replace(
                start=words.start[mine] - begin, end=words.end[mine] - begin, gap=words.gap[mine],
                odds=words.odds[mine], best=words.best[mine], margin=words.margin[mine],
            )  # fmt: skip

    def _odds(self, words: Tokens) -> NDArray[np.float64]:
        if not len(words.start):
            return np.zeros((0, 4))
        seen = around(words)
        first = _summed(self._first, rows(words, seen)) * self.weights.scales[0]
        return np.asarray(first + _summed(self._second, second_rows(seen, first)) * self.weights.scales[1])


# Rows of what `second_rows` stacks: first labels around (0 to 4), the word before, itself and after, its shape.
_T, _WORD, _SHAPE = NEAR, 2 * NEAR + 2, 2 * NEAR + 4
_PLAN: Final = plan(
    [
        (_T,), (_T - 1, _T), (_T, _T + 1), (_T - 1, _T, _T + 1), (_T - 2, _T - 1, _T), (_T, _T + 1, _T + 2),
        (_T - 1, _WORD), (_T + 1, _WORD), (_T - 1, _SHAPE, _T), (_T + 1, _SHAPE, _T), (_T, _WORD - 1),
        (_T, _WORD + 1), (_T - 1, _WORD - 1, _T), (_T + 1, _WORD + 1, _T), (_T, _SHAPE), (_T, _WORD),
    ],
    offset=64,
)  # fmt: skip


def second_rows(seen: Around, odds: NDArray[np.float64]) -> Ints:
    """(features, n) rows of the second pass, given (n, 4) what the first one says."""
    ordered = np.sort(odds, axis=1)
    state = spread(odds.argmax(axis=1) * 3 + np.digitize(ordered[:, 3] - ordered[:, 2], _SURE))
    labels = neighbors(state[None], seen.place, seen.near[SIDE - NEAR : SIDE + NEAR + 1], seen.size)[0]
    return hashed(np.concatenate([labels, seen.words[SIDE - 1 : SIDE + 2], seen.shapes[SIDE : SIDE + 1]]), _PLAN)


def _packed(weights: NDArray[np.int8]) -> NDArray[np.uint64]:
    """Four weights in one number, so that one addition adds four."""
    return np.asarray(((weights.astype(np.int64) + _BIAS).astype(np.uint64) << _LANES).sum(axis=1))


def _summed(table: NDArray[np.uint64], which: Ints) -> NDArray[np.int64]:
    total = table[which].sum(axis=0)
    return np.asarray(((total[:, None] >> _LANES) & np.uint64(0xFFFF)).astype(np.int64) - _BIAS * len(which))


def _labelled(start: Ints, end: Ints, gap: Ints, odds: NDArray[np.float64]) -> Labelled:
    return Labelled(start, end, gap, odds, *candidates(odds))


def candidates(odds: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(n,) the class of each word, 0 for nothing, and by how much it is likelier than nothing."""
    best = odds[:, 1:].argmax(axis=1) + 1
    margin = odds[np.arange(len(odds)), best] - odds[:, 0]
    return np.where(margin > -SHIFT, best, 0), margin


@cache
def shipped() -> Weights:
    """The weights that come with casemate."""
    with (resources.files("casemate.privacy.text.names") / "weights.npz").open("rb") as stream:
        found = np.load(stream, allow_pickle=False)
        return Weights(
            found["first"], found["second"], found["scales"], float(found["tau"]), found["mix"], found["platt"]
        )
