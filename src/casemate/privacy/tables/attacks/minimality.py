"""Minimality: that nothing finer was released tells something about the values that are not to be learned.

Wong, Fu, Wang & Pei, Minimality attack in privacy preserving data publishing, VLDB 2007. The attacker knows everybody's
quasi-identifiers, so he can work out which generalizations lose less than the one that was chosen. Each of them must
have failed. He draws who has which value within each class, as the release allows, and keeps the draws with which they
do fail: what is left is drawn from his posterior, independently, without any chain that would have to mix.

Where hardly a draw is kept, a chain has to do (Metropolis et al. 1953): two people of a class swap values, unless a
generalization would then not have failed. It starts at the truth, which no attacker knows, so that what it has not yet
left behind flatters the attacker, and never the release.

With models of quasi-identifiers alone, as k-anonymity, the choice depends on nothing that he does not know already, and
tells him nothing: every draw is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.tables.anonymizer import Anonymizer
from casemate.privacy.tables.attacks.outcome import Outcome
from casemate.privacy.tables.attacks.published import Published
from casemate.privacy.tables.coding import Coded, Histogram, encode, tally
from casemate.privacy.tables.groups import Classes, Grouping, Node
from casemate.privacy.tables.hierarchies import Floats, Whole
from casemate.privacy.tables.inference import as_text
from casemate.privacy.tables.models import ROUNDING, Model

MOST_NODES: Final = 5_000
"""Ways to generalize, above which the attack is refused."""
FEWEST: Final = 30
"""Draws that must be kept, out of those made, or else a chain is walked."""
STEPS: Final = 5
"""Steps of the chain for each draw."""


@dataclass(frozen=True)
class Minimality:
    """Guess a sensitive attribute from the release and from what was not released.

    Attributes:
        of: the attribute.
        draws: how many assignments of values to people are drawn.
        seed: of the draws.
    """

    of: str
    draws: int = 2000
    seed: int = 0

    @property
    def threat_model(self) -> ThreatModel:
        """The adversary."""
        return ThreatModel(
            goal=f"learn {self.of!r} of a person in the release",
            knowledge=(
                "all quasi-identifiers of everybody in the table",
                "the released rows, the hierarchies, the models, the loss, and that the least loss was chosen",
            ),
            access=Access.LABELS,
            queries=0,
        )

    def run(self, published: Published, anonymizer: Anonymizer) -> Outcome:
        """Attack a release of the exact search that left nothing out.

        Args:
            published: the release.
            anonymizer: how it was made.

        Raises:
            UsageError: it was made otherwise, rows were left out, or there are too many ways to generalize.
        """
        release = published.cells
        if anonymizer.method != "exact" or len(published.kept) != len(published.people):
            raise UsageError(
                "the attack is on an exact search that left out nothing",
                cause="what else is chosen depends on more than the loss of a generalization",
                next_step="give a release of method 'exact' with a limit of 0",
            )
        if any(release.ordered) or self.of not in published.others:
            raise UsageError(f"{self.of!r} is not released as it is", next_step="name a sensitive attribute")
        coded = encode(published.people, dict(zip(release.names, release.hierarchies, strict=True)), (self.of,))
        node = tuple(int(each) for each in release.level[:, 0])
        rivals = self._rivals(coded, node, anonymizer)
        known = {label: place for place, label in enumerate(coded.histograms[self.of].labels)}
        told = np.array([known[as_text(value)] for value in published.people[self.of]], dtype=np.int64)
        owner = np.empty(len(told), dtype=np.int64)
        owner[published.kept] = release.owner
        values = len(coded.histograms[self.of].labels)
        whole = coded.histograms[self.of]
        fails = _Rivals(rivals, whole, self.of, [model for model in anonymizer.models if model.attribute])
        count, kept = self._drawn(fails, owner, told, values)
        fit = f"{kept / self.draws:.0%} of draws fit"
        if kept < FEWEST:
            count, fit = self._walked(fails, owner, told, values), "hardly a draw fits; a chain from the truth"
        plain = np.zeros((len(release), values))
        np.add.at(plain, (owner, told), 1.0)
        setting = f"guesses {self.of!r} from why nothing finer was released ({fit})"
        return Outcome("attribute disclosure", setting, _right(count, told), without=_right(plain[owner], told))

    def before(self, published: Published) -> Outcome:
        """The same people before anything is released of them: the attacker guesses the commonest value."""
        texts = np.array([as_text(value) for value in published.people[self.of]], dtype=object)
        _, told = np.unique(texts.astype(str), return_inverse=True)
        count = np.tile(np.bincount(told).astype(np.float64), (len(told), 1))
        return Outcome("attribute disclosure", f"guesses {self.of!r}", _right(count, told), without=_right(count, told))

    def _rivals(self, coded: Coded, node: Node, anonymizer: Anonymizer) -> list[tuple[Whole, Classes]]:
        """The class of each row, and the classes, of nodes that lose less and failed only by who has which value."""
        if math.prod(height + 1 for height in coded.heights) > MOST_NODES:
            raise UsageError(
                f"there are more than {MOST_NODES:,} ways to generalize",
                next_step="attack a release of fewer quasi-identifiers",
            )
        measure, grouping = anonymizer.loss.over(coded), Grouping(coded)

        def loss(at: Node) -> float:
            classes = grouping.classes(at)
            return measure.value(at, classes, np.ones(len(classes), dtype=bool))

        least = loss(node) * (1 - ROUNDING)
        public = [model for model in anonymizer.models if not model.attribute]
        found = [
            at
            for at in product(*(range(height + 1) for height in coded.heights))
            if loss(at) < least and all(model.holds(grouping.classes(at)).all() for model in public)
        ]
        if all(model.merging for model in anonymizer.models):  # what is below one that fails, fails too
            found = [at for at in found if not any(at != other and _below(at, other) for other in found)]
        grouped = [grouping.of(at) for at in found]
        return [(owner[coded.row], classes) for owner, classes in grouped]

    def _drawn(self, fails: _Rivals, owner: Whole, told: Whole, values: int) -> tuple[Floats, int]:
        """(people, values) how many of the draws that were kept give a person a value, and how many were kept."""
        draw = np.random.default_rng(derive(self.seed, "tables.minimality"))
        by_class = np.argsort(owner, kind="stable")
        count, kept, people = np.zeros((len(told), values)), 0, np.arange(len(told))
        for _ in range(self.draws):
            given = np.empty_like(told)
            given[np.lexsort((draw.random(len(told)), owner))] = told[by_class]
            if fails(given):
                count[people, given] += 1
                kept += 1
        return count, kept

    def _walked(self, fails: _Rivals, owner: Whole, told: Whole, values: int) -> Floats:
        """(people, values) how many steps of the chain give a person a value."""
        draw = np.random.default_rng(derive(self.seed, "tables.walk"))
        members = {int(each): np.flatnonzero(owner == each) for each in np.unique(owner)}
        given, people = told.copy(), np.arange(len(told))
        count = np.zeros((len(told), values))
        for _ in range(STEPS * self.draws):
            one = int(draw.integers(len(told)))
            two = int(draw.choice(members[int(owner[one])]))
            if given[one] != given[two]:
                given[[one, two]] = given[[two, one]]
                if not fails(given):
                    given[[one, two]] = given[[two, one]]
            count[people, given] += 1
        return count


@dataclass(frozen=True, eq=False)
class _Rivals:
    """Generalizations that lose less than the one that was chosen.

    Attributes:
        grouped: of each, the class of each row, and the classes.
        whole: the values there are.
        name: of the attribute.
        models: those that ask about values.
    """

    grouped: Sequence[tuple[Whole, Classes]]
    whole: Histogram
    name: str
    models: Sequence[Model]

    def __call__(self, given: Whole) -> bool:
        """Whether all of them fail with these values."""
        return all(self._fails(owner, classes, given) for owner, classes in self.grouped)

    def _fails(self, owner: Whole, classes: Classes, given: Whole) -> bool:
        ones = np.ones(len(given), dtype=np.int64)
        entries = tally(owner, given, ones, len(classes), len(self.whole.labels))
        counted = {self.name: Histogram(*entries, self.whole.labels, self.whole.whole)}
        seen = Classes(classes.rows, classes.inside, classes.population, counted)
        return not all(model.holds(seen).all() for model in self.models if model.attribute == self.name)


def _right(count: Floats, told: Whole) -> Floats:
    """(people,) the chance that one of the likeliest values is the right one."""
    top = count == count.max(axis=1, keepdims=True)
    chance: Floats = top[np.arange(len(told)), told] / top.sum(axis=1)
    return chance


def _below(node: Node, other: Node) -> bool:
    return all(level <= most for level, most in zip(node, other, strict=True))
