"""Runs of digits: most numbers that are looked for are made of them, and most texts have next to none.

`leads` says of an expression whether all that it matches holds `LEAST` digits with at most `GAP` other bytes between
two of them. Such expressions are only run around places where a text has that (`areas`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final, NamedTuple

from casemate.patterns.backends import Search, searching

LEAST: Final = 6
GAP: Final = 3
_DIGITS: Final = frozenset(range(ord("0"), ord("9") + 1))
_RUN: Final = rf"(\d(?:[^\d]{{0,{GAP}}}\d){{{LEAST - 1},60}})"
"""A run, or as much of it as is taken at once."""


class _Runs(NamedTuple):
    """What every match holds: digits before its first gap, in its longest run, behind its last gap.

    Attributes:
        before, longest, behind: numbers of digits.
        head, tail: most other bytes that stand before the first digit, and behind the last one.
        whole: whether there is no gap, so that it is one run.
    """

    before: int
    longest: int
    behind: int
    head: int
    tail: int
    whole: bool

    def then(self, other: _Runs) -> _Runs:
        """One after the other."""
        if self.whole and not self.before:
            head = self.head + other.head
            return other._replace(head=head, tail=head if other.whole and not other.before else other.tail)
        if other.whole and not other.before:
            return self._replace(tail=self.tail + other.head)
        near = self.tail + other.head <= GAP
        middle = self.behind + other.before if near else 0
        return _Runs(
            self.before + other.before if self.whole and near else self.before,
            max(self.longest, other.longest, middle),
            other.behind + self.behind if other.whole and near else other.behind,
            self.head,
            other.tail,
            self.whole and other.whole and near,
        )


_NOTHING: Final = _Runs(0, 0, 0, 0, 0, True)
_FAR: Final = GAP + 1


def leads(expression: str) -> bool:
    r"""Whether all that an expression matches holds a run.

    Example:
        >>> leads(r"\d{3}-\d{2}-\d{4}"), leads(r"\d{3}|\d{6}"), leads(r"[A-Z]{2}\d{6}"), leads(r"\d{2}(?:[ .]?\d){4}")
        (True, False, True, True)
    """
    return _sequence(parser.parse(expression.encode())).longest >= LEAST


def _sequence(tree: Any) -> _Runs:
    made = _NOTHING
    for kind, value in tree:
        made = made.then(_one(kind, value))
    return made


def _one(kind: Any, value: Any) -> _Runs:
    if kind in (codes.LITERAL, codes.IN):
        members = [(kind, value)] if kind is codes.LITERAL else value
        return _Runs(1, 1, 1, 0, 0, True) if all(_digit(*each) for each in members) else _other(1)
    if kind in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        low, high, body = value
        inner, made = _sequence(body), _NOTHING
        for _ in range(min(low, 2 * LEAST)):
            made = made.then(inner)
        # what may follow or not counts as bytes that are no digits, unless it is digits and nothing else
        more = high - min(low, 2 * LEAST)
        width = 0 if inner.whole and inner.before and not inner.head + inner.tail else _width(body)
        return made.then(_other(min(width * more, _FAR))) if more and width else made
    if kind is codes.SUBPATTERN:
        return _sequence(value[-1])
    if kind is codes.BRANCH:
        return _either([_sequence(each) for each in value[1]])
    return _other(0 if kind is codes.AT else 1)


def _either(found: Sequence[_Runs]) -> _Runs:
    """What holds whichever it is."""
    return _Runs(
        min(each.before for each in found), min(each.longest for each in found), min(each.behind for each in found),
        max(each.head for each in found), max(each.tail for each in found), all(each.whole for each in found),
    )  # fmt: skip


def _other(width: int) -> _Runs:
    return _Runs(0, 0, 0, width, width, True)


def _digit(kind: Any, value: Any) -> bool:
    if kind is codes.LITERAL:
        return value in _DIGITS
    if kind is codes.RANGE:
        return value[0] in _DIGITS and value[1] in _DIGITS
    return kind is codes.CATEGORY and value is codes.CATEGORY_DIGIT


def _width(tree: Any) -> int:
    return min(int(tree.getwidth()[1]), _FAR)


@cache
def _search() -> Search:
    return searching(_RUN)


def areas(data: bytes, reach: int) -> Sequence[tuple[int, int]]:
    """Stretches around runs, in order, apart from each other; all of it where they are most of it.

    Example:
        >>> areas(b"x" * 50 + b"123456" + b"x" * 900, 20), areas(b"x" * 50 + b"12345", 20), areas(b"123456", 20)
        (((30, 76),), (), ((0, 6),))
    """
    search, size, at = _search(), len(data), 0
    made: list[tuple[int, int]] = []
    while True:
        (start, end), _ = search(data, at, size)
        if end < 0:
            break
        if size <= reach:
            return ((0, size),)
        if made and start - reach <= made[-1][1]:
            made[-1] = made[-1][0], min(end + reach, size)
        else:
            made.append((max(start - reach, 0), min(end + reach, size)))
        at = end
    return tuple(made) if 2 * sum(last - first for first, last in made) <= size else ((0, size),)


def around(ends: Sequence[int], size: int, reach: int) -> Iterator[tuple[int, int]]:
    """Stretches around some places, in order, apart from each other.

    Example:
        >>> list(around([5, 50, 60, 200], 205, 10))
        [(0, 15), (40, 70), (190, 205)]
    """
    first = last = -reach
    for end in sorted(ends):
        if end - reach > last:
            if last > 0:
                yield first, last
            first = max(end - reach, 0)
        last = min(end + reach, size)
    if last > 0:
        yield max(first, 0), last


def common(one: Iterable[tuple[int, int]], other: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Stretches that are in both of two lists of stretches in order.

    Example:
        >>> list(common([(0, 10), (20, 30)], [(5, 22), (25, 40)]))
        [(5, 10), (20, 22), (25, 30)]
    """
    left, right = iter(one), iter(other)
    mine, theirs = next(left, None), next(right, None)
    while mine is not None and theirs is not None:
        first, last = max(mine[0], theirs[0]), min(mine[1], theirs[1])
        if first < last:
            yield first, last
        if mine[1] < theirs[1]:
            mine = next(left, None)
        else:
            theirs = next(right, None)
