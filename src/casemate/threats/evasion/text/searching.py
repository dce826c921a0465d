"""Which words to change, and how: from scores by Thompson sampling, from labels by taking back what is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from casemate.threats.evasion.text.asking import Answer, Search, Victim
from casemate.threats.evasion.text.changes import Change
from casemate.threats.evasion.text.limits import Room
from casemate.threats.evasion.text.posterior import Floats, Positions, Posterior


@dataclass(frozen=True)
class Menu:
    """All changes one text offers.

    Attributes:
        changes: every proposal.
        word: (a,) for each, the rank of its word among the words that have any.
        hint: (a,) what it does to the margin as far as the attacker can tell beforehand, or None.
    """

    changes: tuple[Change, ...]
    word: Positions
    hint: Floats | None = None

    @classmethod
    def of(cls, lists: Sequence[Sequence[Change]], hint: Floats | None = None) -> Menu:
        """From one list of proposals a word."""
        kept = [each for each in lists if each]
        word = np.repeat(np.arange(len(kept)), [len(each) for each in kept]) if kept else np.empty(0, dtype=np.int64)
        return cls(tuple(change for each in kept for change in each), word.astype(np.int64), hint)

    def take(self, chosen: Positions) -> tuple[Change, ...]:
        """The chosen changes, in the order of the text."""
        return tuple(sorted((self.changes[at] for at in chosen), key=lambda change: change.word))

    def pick(self, value: Floats, victim: Victim) -> Positions:
        """The changes that lower the margin most inside the limits: the best of each word, greedily by value an edit.

        Only changes with a negative value are taken; the most negative where there is none.
        """
        order = np.lexsort((np.arange(len(value)), value))
        leaders = order[np.sort(np.unique(self.word[order], return_index=True)[1])]
        words, edits = victim.room.words, victim.room.edits
        chosen: list[int] = []
        for at in leaders:
            if len(chosen) == words or (value[at] >= 0 and chosen):
                break
            if self.changes[at].edits <= edits:
                chosen.append(int(at))
                edits -= self.changes[at].edits
        return np.array(sorted(chosen), dtype=np.int64)


def by_scores(
    victim: Victim, menu: Menu, start: float, stream: np.random.Generator, *, boldness: float, trim: int
) -> Search:
    """Ask for what a draw from the posterior holds best, learn, repeat; after a success take back what is not needed.

    Each query is an attempt and a probe at once: the words are ranked with a few queries in all instead of one each.
    """
    count = int(menu.word.max()) + 1 if len(menu.word) else 0
    mean = np.full(len(menu.word), -start / max(count, 1)) if menu.hint is None else menu.hint
    belief = Posterior(menu.word, mean, start / np.sqrt(max(count, 1)))
    asked: set[tuple[int, ...]] = {()}
    while victim.best is None:
        chosen = menu.pick(belief.draw(stream, boldness), victim)
        for louder in range(1, 9):  # a draw that repeats a query would teach nothing
            if tuple(chosen) not in asked:
                break
            chosen = menu.pick(belief.draw(stream, boldness * (1 + louder / 2)), victim)
        if tuple(chosen) in asked:
            return
        asked.add(tuple(chosen))
        (answer,) = yield [menu.take(chosen)]
        belief.learn(chosen, answer.margin - start)
    yield from take_back(victim, _ranked(victim, menu, belief, stream), trim)


def _ranked(victim: Victim, menu: Menu, belief: Posterior, stream: np.random.Generator) -> list[Change]:
    """The changes of the best example, the least useful first."""
    value = dict(zip(menu.changes, belief.draw(stream, 0.0), strict=True))
    return sorted(victim.best or (), key=lambda change: (-value[change], change.word))


def take_back(victim: Victim, ranked: Sequence[Change], queries: int) -> Search:
    """Undo changes of an example that still turns the answer without them, in groups that halve (delta debugging).

    Ends: each pass either undoes something, or halves the group until it is one change.

    Reference:
        Zeller & Hildebrandt 2002, IEEE TSE 28(2), the algorithm ddmin.
    """
    kept, size, at, stop = list(ranked), max(len(ranked) // 2, 1), 0, victim.used + queries
    while len(kept) > 1 and victim.used < stop:
        if at >= len(kept):
            if size == 1:
                return
            size, at = max(size // 2, 1), 0
        without = kept[:at] + kept[at + size :]
        if not without:
            at += size
            continue
        answer: list[Answer] = yield [tuple(sorted(without, key=lambda change: change.word))]
        if answer[0].turned:
            kept = without
        else:
            at += size


def by_labels(victim: Victim, menu: Menu, stream: np.random.Generator, *, trim: int) -> Search:
    """Change words until the answer turns, within the limits or not; then take back what is not needed.

    Probes may leave the limits, examples may not. Without a turned answer labels say nothing, so which words, how many
    and how is drawn anew each time, around the hint where there is one. It ends with the budget: each turn counts.
    """
    hint = np.zeros(len(menu.word)) if menu.hint is None else menu.hint
    spread = float(hint.std()) or 1.0
    wide = replace(victim, room=Room(len(victim.layout.spans), 10**9))
    asked: set[tuple[int, ...]] = {()}
    for turn in range(victim.budget):
        share = 1.0 if turn < 2 else stream.random()  # of the words, roughly; all of them first
        value = hint + spread * stream.standard_normal(len(hint)) * (turn > 0 or menu.hint is None)
        value = value - np.quantile(value, share) - 1e-9
        chosen = menu.pick(value, victim if turn % 2 == 0 else wide)
        if tuple(chosen) in asked:
            continue
        asked.add(tuple(chosen))
        answer: list[Answer] = yield [menu.take(chosen)]
        if answer[0].turned:
            known = dict(zip(menu.changes, hint, strict=True))
            tie = {change: stream.random() for change in menu.take(chosen)}
            ranked = sorted(menu.take(chosen), key=lambda change: (-known[change], tie[change]))
            yield from take_back(victim, ranked, victim.budget if victim.best is None else trim)
            if victim.best is not None:
                return
