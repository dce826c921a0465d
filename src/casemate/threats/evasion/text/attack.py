"""Evasion of text classifiers: a few words written differently, and the answer turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.targets.target import Target
from casemate.threats.evasion.text.asking import Search, Victim, answers, run, write
from casemate.threats.evasion.text.changes import Change, Typos, Writer, proposals
from casemate.threats.evasion.text.limits import Limits
from casemate.threats.evasion.text.prior import TextPrior
from casemate.threats.evasion.text.searching import Menu, by_labels, by_scores
from casemate.threats.evasion.text.words import Layout

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TextExamples:
    """What an attack found, text by text.

    Attributes:
        originals, labels: the texts and the answers that were to be turned.
        texts: the changed texts; the original where nothing was found.
        changes: the words written differently; empty where nothing was found.
        correct: (n,) whether the classifier answered the original with its label; the others were not attacked.
        first: (n,) the query that first turned the answer inside the limits, or 0.
        queries: (n,) queries spent; the original itself is the first.
        unconfirmed: (n,) examples that the classifier answered differently when asked again; they are no examples.
    """

    originals: tuple[str, ...]
    labels: Counts
    texts: tuple[str, ...]
    changes: tuple[tuple[Change, ...], ...]
    correct: npt.NDArray[np.bool_]
    first: Counts
    queries: Counts
    unconfirmed: npt.NDArray[np.bool_]

    def turned(self, queries: int | None = None) -> npt.NDArray[np.bool_]:
        """(n,) correctly answered texts that were turned, within so many queries."""
        most = np.inf if queries is None else queries
        return self.correct & (self.first > 0) & (self.first <= most)


@dataclass(frozen=True)
class TextAttack:
    """Write words differently, inside limits, until the answer turns.

    Attributes:
        writers: the ways to write a word.
        limits: what must still hold of an example.
        budget: queries a text, the text itself included.
        scores: use scores; False asks for labels only.
        prior: what the attacker learned from labeled texts of its own, or None.
        boldness: how much of the posterior's spread the search explores.
        trim: queries spent, after the first success, on taking changes back.

    Reference:
        Thompson sampling over a Bayesian linear model of the margin (Agrawal & Goyal 2013, arXiv:1209.3352) in place of
        the word-importance rankings of Gao et al. 2018, arXiv:1801.04354, and Jin et al. 2019, arXiv:1907.11932.
    """

    writers: tuple[Writer, ...] = (Typos(),)
    limits: Limits = field(default_factory=Limits)
    budget: int = 200
    scores: bool = True
    prior: TextPrior | None = None
    boldness: float = 0.5
    trim: int = 20

    def __post_init__(self) -> None:
        if self.budget < 2 or not self.writers or self.trim < 0:
            raise UsageError(
                "this attack cannot start",
                cause="it needs a way to write words, and two queries: the text itself and a change of it",
                next_step="for example TextAttack(writers=(Typos(),), budget=200)",
            )

    def __call__(
        self, target: Target, texts: Sequence[str], labels: Sequence[int], *, seed: int, numbers: Sequence[int] = ()
    ) -> TextExamples:
        """Attack every text that is answered with its label.

        Args:
            target: the classifier; restrict it to the access the threat model grants.
            texts: n texts.
            labels: their n class codes.
            seed: root of all randomness.
            numbers: the texts' numbers in the whole data set; each number has its own random stream.

        Raises:
            UsageError: texts, labels and numbers differ in length, or a label is no class of the target.
            TargetError: the classifier raised or gave scores that are not finite.
            AccessError: scores are needed and the target gives labels only.
        """
        named = list(numbers) or list(range(len(texts)))
        codes = np.asarray(labels, dtype=np.int64).reshape(-1)
        self._check(target, len(texts), codes, len(named))
        if not texts:
            return _collect((), codes, {}, np.empty(0, dtype=bool), np.empty(0, dtype=bool))
        starts = answers(target, texts, codes.tolist(), self.scores)
        correct = np.array([not start.turned for start in starts])
        victims: dict[int, Victim] = {}
        searches: dict[int, Search] = {}
        for at in np.flatnonzero(correct).tolist():
            layout = Layout.of(texts[at], self.limits.protected)
            victim = Victim(layout, self.limits.room(layout), int(codes[at]), self.budget, used=1)
            stream = np.random.default_rng(derive(seed, "text", int(named[at])))
            menu = self._menu(layout, int(codes[at]), stream)
            if not menu.changes or victim.room.words == 0:
                continue
            victims[at] = victim
            searches[at] = (
                by_scores(victim, menu, starts[at].margin, stream, boldness=self.boldness, trim=self.trim)
                if self.scores
                else by_labels(victim, menu, stream, trim=self.trim)
            )
        run(target, victims, searches, scored=self.scores)
        return _collect(tuple(texts), codes, victims, correct, self._unconfirmed(target, victims, len(texts)))

    def _menu(self, layout: Layout, label: int, stream: np.random.Generator) -> Menu:
        lists = proposals(layout, self.writers, stream)
        menu = Menu.of(lists)
        return (
            menu if self.prior is None else Menu(menu.changes, menu.word, self.prior.hint(layout, menu.changes, label))
        )

    def _unconfirmed(self, target: Target, victims: dict[int, Victim], count: int) -> npt.NDArray[np.bool_]:
        """Ask once more about everything that is going to be claimed."""
        found = [at for at, victim in victims.items() if victim.best]
        wrong = np.zeros(count, dtype=bool)
        if found:
            texts = [write(victims[at].layout, victims[at].best or ()) for at in found]
            again = answers(target, texts, [victims[at].label for at in found], self.scores)
            wrong[found] = [not answer.turned for answer in again]
        return wrong

    @staticmethod
    def _check(target: Target, texts: int, labels: Counts, numbers: int) -> None:
        if len({texts, len(labels), numbers}) > 1:
            raise UsageError(
                f"{texts} texts came with {len(labels)} labels and {numbers} numbers",
                next_step="give one label (and one number, or none) a text",
            )
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(target.classes)):
            raise UsageError(
                "a label is no class of the target",
                cause=f"labels are codes from 0 to {len(target.classes) - 1}",
                next_step="give the position of each class in target.classes",
            )


def _collect(
    texts: tuple[str, ...],
    labels: Counts,
    victims: dict[int, Victim],
    correct: npt.NDArray[np.bool_],
    wrong: npt.NDArray[np.bool_],
) -> TextExamples:
    first, queries = np.zeros(len(texts), dtype=np.int64), np.ones(len(texts), dtype=np.int64)
    written = list(texts)
    changes: list[tuple[Change, ...]] = [()] * len(texts)
    for at, victim in victims.items():
        queries[at] = victim.used
        if victim.best is not None and not wrong[at]:
            first[at], changes[at] = victim.first, victim.best
            written[at] = write(victim.layout, victim.best)
    return TextExamples(texts, labels, tuple(written), tuple(changes), correct, first, queries, wrong)
