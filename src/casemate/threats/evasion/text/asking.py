"""The only door between an attack and the classifier: many texts at once, each with a budget of its own.

A search is a generator. It yields the changes it wants to ask about and is sent the answers; so each is written for one
text alone, runs beside the others, and its n-th query is the same whoever else is attacked.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from casemate.targets.target import Target
from casemate.threats.evasion.text.changes import Change
from casemate.threats.evasion.text.classifier import as_rows
from casemate.threats.evasion.text.limits import Room
from casemate.threats.evasion.text.words import Layout

TINY = 1e-12


class Answer(NamedTuple):
    """What one query said: whether the answer turned, and the margin left (1 or -1 where labels are all there is)."""

    turned: bool
    margin: float


Asked = list[tuple[Change, ...]]
Search = Generator[Asked, list[Answer], None]


@dataclass
class Victim:
    """One text under attack and what is known about it.

    Attributes:
        layout, room, label: the text, what may change, and the answer to be turned.
        budget: the most queries; the text itself is the first.
        used: queries spent.
        best: the cheapest changes within the limits that turned the answer, or None.
        first: the query that first did so, or 0.
    """

    layout: Layout
    room: Room
    label: int
    budget: int
    used: int = 0
    best: tuple[Change, ...] | None = None
    first: int = 0
    history: list[tuple[int, tuple[Change, ...]]] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Queries left."""
        return self.budget - self.used

    def within(self, changes: Sequence[Change]) -> bool:
        """Whether these changes stay inside the limits."""
        return len(changes) <= self.room.words and sum(change.edits for change in changes) <= self.room.edits

    def at(self, queries: int) -> tuple[Change, ...] | None:
        """The cheapest example found within that many queries."""
        found = [changes for when, changes in self.history if when <= queries]
        return found[-1] if found else None

    def remember(self, changes: tuple[Change, ...]) -> None:
        """Keep an example that turned the answer when it is inside the limits and cheaper than the last."""
        if not self.within(changes) or not changes:
            return
        self.first = self.first or self.used
        if self.best is None or cost(changes) < cost(self.best):
            self.best = changes
            self.history.append((self.used, changes))


def cost(changes: Sequence[Change]) -> tuple[int, int]:
    """What examples are compared by: words changed, then edits."""
    return len(changes), sum(change.edits for change in changes)


def write(layout: Layout, changes: Sequence[Change]) -> str:
    """The text with the changes made."""
    return layout.replaced({change.word: change.written for change in changes})


def answers(target: Target, texts: Sequence[str], labels: Sequence[int], scored: bool) -> list[Answer]:
    """Ask about texts: has the answer turned, and how far is it from turning?

    The margin is the log-probability of the label less that of the best other class.
    """
    if not scored:
        turned = target.labels(as_rows(texts)) != np.asarray(labels)
        return [Answer(bool(yes), -1.0 if yes else 1.0) for yes in turned]
    scores = target.scores(as_rows(texts))
    codes = scores.argmax(axis=1)
    return [
        Answer(int(code) != label, margin(row, label)) for row, code, label in zip(scores, codes, labels, strict=True)
    ]


def margin(scores: npt.NDArray[np.float64], label: int) -> float:
    """How far one row of probabilities is from another answer, as a difference of logarithms."""
    logs = np.log(np.maximum(scores, TINY))
    return float(logs[label] - np.delete(logs, label).max())


def run(target: Target, victims: Mapping[int, Victim], searches: Mapping[int, Search], *, scored: bool) -> None:
    """Answer all searches round by round until each has ended or spent its budget.

    Every round asks at least one query of each search still open, so no search outlives its budget. Of what a search
    asks beyond its budget nothing is sent, and the search is closed.
    """
    waiting: dict[int, Asked] = {}
    for number, search in searches.items():
        _step(waiting, number, search, None)
    while waiting:
        sent = {number: asked[: victims[number].left] for number, asked in waiting.items()}
        texts = [write(victims[number].layout, changes) for number, asked in sent.items() for changes in asked]
        labels = [victims[number].label for number, asked in sent.items() for _ in asked]
        replies = iter(answers(target, texts, labels, scored) if texts else [])
        whole, waiting = waiting, {}
        for number, asked in sent.items():
            got = []
            for changes in asked:
                victims[number].used += 1
                got.append(next(replies))
                if got[-1].turned:
                    victims[number].remember(changes)
            if len(asked) == len(whole[number]) and victims[number].left > 0:
                _step(waiting, number, searches[number], got)
            else:
                searches[number].close()


def _step(waiting: dict[int, Asked], number: int, search: Search, got: list[Answer] | None) -> None:
    """Let one search think until it asks something; it is over when it returns."""
    try:
        asked = next(search) if got is None else search.send(got)
        while not asked:
            asked = search.send([])
        waiting[number] = asked
    except StopIteration:
        pass
