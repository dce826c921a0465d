"""Names as spans: the tagger everywhere, the transformer where it is unsure, or wherever there is doubt."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from casemate.core.errors import MissingPartError
from casemate.privacy.text.names.tagger import CLASSES, REACH, Labelled, Tagger, candidates
from casemate.privacy.text.names.tokens import GAP, LONGEST, PARAGRAPH
from casemate.privacy.text.names.windows import LIMIT, windows
from casemate.privacy.text.spans import Reach, Span
from casemate.privacy.text.titles import after_titles
from casemate.privacy.text.transformer import TYPES, Read, Transformer, load

RUN: Final = 10
"""Words of the longest span; a longer run of names is that many words, then each word by itself."""
SHORTEST: Final = 2
"""Code points of the shortest: an initial that stands alone names nobody."""
_PHONE: Final = 7
"""Digits of the shortest telephone number."""
SOURCES: Final = frozenset({"tagger", "transformer"})
"""Of the spans that are told of."""
Depth = Literal["tagger", "unsure", "everywhere"]
"""Where the transformer reads: nowhere, where the tagger is unsure, wherever there is any doubt."""
_OTHERS: Final = tuple(each for each in TYPES if each not in CLASSES)


class Names:
    """Finds persons, places and organizations.

    Without the transformer's files it goes on with the tagger and says so once.

    Args:
        depth: where the transformer reads.
        model: folder of its files; the user's cache if none.
        tagger: instead of the one that comes with casemate.

    Raises:
        UnreadableError: the transformer's files have changed since they were fetched.
    """

    def __init__(self, depth: Depth = "unsure", model: Path | None = None, tagger: Tagger | None = None) -> None:
        self._tagger = tagger or Tagger()
        self._all = depth == "everywhere"
        self.transformer = None if depth == "tagger" else _found(model)

    @property
    def reach(self) -> Reach:
        """See ``Detector``."""
        side = REACH + (LIMIT * 2 if self.transformer else 0)
        return Reach(side, RUN * (LONGEST + GAP), side)

    def find(self, text: str) -> Iterator[Span]:
        """See ``Detector``."""
        yield from self._found(text, self._tagger.label(text))

    def find_all(self, texts: Sequence[str]) -> Iterator[Iterator[Span]]:
        """What `find` says of each of many texts, for less: short ones cost most for being asked about one by one."""
        for text, words in zip(texts, self._tagger.label_all(texts), strict=True):
            yield self._found(text, words)

    def _found(self, text: str, words: Labelled) -> Iterator[Span]:
        best, margin, read = words.best, words.margin, None
        model = self.transformer
        for start, end, mine in self._windows(text, words):
            if model is None:
                break
            if read is None:
                best, margin, read = best.copy(), margin.copy(), np.zeros(len(best), dtype=bool)
            said = model.read(text[start:end])
            mixed = self._tagger.weights.mixed(words.odds[mine], aligned(words, mine, said, start))
            best[mine], margin[mine] = candidates(mixed)
            read[mine] = True
            yield from _others(text, said, start)
        yield from self._spans(text, words, best, margin, read)

    def _windows(self, text: str, words: Labelled) -> Iterator[tuple[int, int, slice]]:
        """Windows that the transformer reads, and the words in them."""
        least, most = self._tagger.weights.possible if self._all else self._tagger.weights.unsure
        unsure, done = words.start[(words.margin > least) & (words.margin < most)], 0
        for place in unsure.tolist():
            if place < done:
                continue
            first = text.rfind("\n", 0, place) + 1  # a line is cut by what stands in it
            last = text.find("\n", place) + 1 or len(text)
            for begin, stop in windows(text[first:last]):
                start, end = first + begin, first + stop
                low, high = np.searchsorted(unsure, [start, end]).tolist()
                if low < high:
                    yield start, end, slice(*np.searchsorted(words.start, [start, end]).tolist())
            done = last

    def _spans(
        self,
        text: str,
        words: Labelled,
        best: NDArray[np.int64],
        margin: NDArray[np.float64],
        read: NDArray[np.bool_] | None,
    ) -> Iterator[Span]:
        for begin, stop in runs(best, words.gap):
            start, end = int(words.start[begin]), int(words.end[stop - 1])
            while start < end and not text[start].isalnum():
                start += 1
            while end > start and not (text[end - 1].isalnum() or (text[end - 1] == "." and text[end - 2].isupper())):
                end -= 1
            if CLASSES[int(best[begin])] == "PERSON":
                start = after_titles(text, start, end)
            if end - start < SHORTEST:
                continue
            kind, by = int(best[begin]), read is not None and bool(read[begin])
            score = self._tagger.weights.probability(sum(margin[begin:stop].tolist()) / (stop - begin), kind, by)
            yield Span(start, end, CLASSES[kind], score, "transformer" if by else "tagger")


def runs(best: NDArray[np.int64], gap: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last + 1 of the words of each span."""
    found: list[tuple[int, int]] = []
    first = stop = kind = -1
    for at in np.flatnonzero(best).tolist():
        mine = int(best[at])
        if at != stop or mine != kind or gap[at] == PARAGRAPH:
            first = at
        if first < at < first + RUN:
            found[-1] = (first, at + 1)
        else:
            found.append((at, at + 1))
        stop, kind = at + 1, mine
    return found


def aligned(words: Labelled, mine: slice, said: Read, start: int) -> NDArray[np.float64]:
    """(n, 3) what the model says of each word (nothing, person, place): the mean over the word's pieces."""
    low = np.searchsorted(said.end, words.start[mine] - start, "right")
    high = np.maximum(np.searchsorted(said.start, words.end[mine] - start, "left"), low)
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(said.odds[:, :3], axis=0)])
    count = high - low
    nothing = np.array([0.0, -10.0, -10.0])
    return np.where(count[:, None] > 0, (sums[high] - sums[low]) / np.maximum(count, 1)[:, None], nothing)


def _others(text: str, said: Read, start: int) -> Iterator[Span]:
    """What else the model finds; whole words."""
    best = said.odds.argmax(axis=1)
    at = 0
    while at < len(best):
        kind = int(best[at])
        stop = at + 1
        while kind > 2 and stop < len(best) and best[stop] == kind and said.start[stop] - said.end[stop - 1] <= 1:
            stop += 1
        if kind > 2:
            first, last = start + int(said.start[at]), start + int(said.end[stop - 1])
            while first > 0 and text[first].isalnum() and text[first - 1].isalnum():
                first -= 1
            while last < len(text) and text[last - 1].isalnum() and text[last].isalnum():
                last += 1
            type = _plausible(text[first:last], _OTHERS[kind - 3])
            if type:
                yield Span(first, last, type, float(np.exp(said.odds[at:stop, kind].mean())), "transformer")
        at = stop


def _plausible(found: str, type: str) -> str:
    """The type, where what was found can be of it: a shorter number than any telephone's is one of an address.

    Example:
        >>> [_plausible(each, "PHONE_NUMBER") for each in ("555-0123", "16454", "fax")]
        ['PHONE_NUMBER', 'ZIP_CODE', '']
    """
    if type == "PHONE_NUMBER":
        digits = sum(map(str.isdigit, found))
        return type if digits >= _PHONE else "ZIP_CODE" if digits else ""
    return "" if type == "EMAIL_ADDRESS" and "@" not in found else type


_SAID: set[str] = set()


def _found(model: Path | None) -> Transformer | None:
    try:
        found = load(model)
        why = "its files have not been fetched"
    except MissingPartError as error:
        found, why = None, str(error)
    if found is None and why not in _SAID:
        _SAID.add(why)
        warnings.warn(
            f"names are found by the tagger alone: the transformer is not here ({why}); "
            "casemate redact --fetch-model brings it, mode='fast' does without names",
            stacklevel=4,
        )
    return found
