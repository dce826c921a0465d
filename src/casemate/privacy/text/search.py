"""Where expressions match: what waits for a run of digits, or for a word near, only runs where there is one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from casemate.patterns.engine import Scanner
from casemate.patterns.pattern import Pattern
from casemate.privacy.text import runs
from casemate.privacy.text.encoded import Encoded
from casemate.privacy.text.nearby import Near, Nearby, rarest

MARGIN: Final = 40
"""Bytes around what holds a run that are run with it, so that no match ends where its part does."""
FEW: Final = 45
"""Expressions that wait for words and digits together: fewer are idle more often, and take more calls when they are
not."""
FEWER: Final = 12
"""Those that wait for words alone, which have more to read."""


class Search:
    """Finds where expressions match, with as little work as a text allows.

    Args:
        free: what counts by itself.
        needy: what only counts near a word.
        words: of each of the needy, of which one must be near.

    Raises:
        MissingPartError: neither hyperscan nor google-re2 is installed.
    """

    def __init__(self, free: Sequence[Pattern], needy: Sequence[Pattern], words: Sequence[Collection[str]]) -> None:
        anywhere, numbers = _halves(free)
        others, identifiers = _halves(needy)
        # together what waits for words of other alphabets, and for the most common words, so that the rest is idle
        abroad = [each for each in identifiers if not all(map(rarest, words[each]))]
        identifiers = abroad + [each for each in identifiers if each not in abroad]
        waiting = identifiers + sorted(others, key=lambda each: min(map(len, words[each]), default=0))
        self._anywhere = anywhere
        self._after = [*numbers, *(~each for each in waiting)]
        self._free, self._leading = len(numbers), len(numbers) + len(identifiers)
        self._scanner = Scanner([free[each] for each in anywhere], together=len(anywhere))
        self._waiting = Scanner(
            [free[each] for each in numbers] + [needy[each] for each in waiting],
            together=[
                len(numbers),
                len(abroad),
                *_parts(len(identifiers) - len(abroad), FEW),
                *_parts(len(others), FEWER),
            ],
        )
        self._reach = max((each.most for each in self._waiting.patterns[: self._leading]), default=0) + MARGIN
        self._nearby = Nearby([words[each] for each in waiting], [needy[each].most for each in waiting])

    def places(self, texts: Sequence[Encoded]) -> list[list[tuple[int, int, int]]]:
        """Start, stop and number of each match in each text, in bytes and in no order; ``~number`` if it needs a word.

        Raises:
            OverflowError: there are far more than in any text.
        """
        # step by step for all texts: expressions of one step drive those of another out of the processor's caches
        ends = [self._scanner.ends(each.data) for each in texts]
        digits = [runs.areas(each.data, self._reach) for each in texts]
        found = [
            [(start, stop, self._anywhere[number]) for number, start, stop in self._scanner.confirmed(each.data, some)]
            for each, some in zip(texts, ends, strict=True)
        ]
        nearby = map(self._nearby.of, texts)
        where = [_Where(self._free, self._leading, parts, near) for parts, near in zip(digits, nearby, strict=True)]
        for each, keep, mine in zip(texts, where, found, strict=True):
            mine += [
                (start, stop, self._after[number]) for number, start, stop in self._waiting.places(each.data, keep)
            ]
        return found


class _Where:
    """Numbers where there are runs of digits, needy ones where there is a word too; see ``Keep``.

    Args:
        free: how many patterns need a run alone; these come first.
        leading: how many need a run.
        parts: areas around runs.
        near: words; None where all count as near.
    """

    def __init__(self, free: int, leading: int, parts: Sequence[tuple[int, int]], near: Near | None) -> None:
        self._free, self._leading, self._parts, self._near = free, leading, parts, near

    def areas(self, numbers: range, size: int) -> Iterable[tuple[int, int]]:
        """See ``Keep``."""
        parts = self._parts if numbers.start < self._leading else ((0, size),)
        if not parts or self._near is None or numbers.start < self._free:
            return parts
        mine = self._near.areas(range(numbers.start - self._free, numbers.stop - self._free), size)
        return runs.common(parts, mine) if len(parts) > 1 else mine

    def __call__(self, number: int, stops: list[int]) -> list[int]:
        """See ``Keep``."""
        return stops if self._near is None or number < self._free else self._near(number - self._free, stops)


def _halves(patterns: Sequence[Pattern]) -> tuple[list[int], list[int]]:
    """Numbers of those that match anything, and of those that match runs of digits."""
    leads = [runs.leads(each.expression) for each in patterns]
    return [at for at, each in enumerate(leads) if not each], [at for at, each in enumerate(leads) if each]


def _parts(count: int, most: int) -> list[int]:
    return [min(most, count - at) for at in range(0, count, most)]
