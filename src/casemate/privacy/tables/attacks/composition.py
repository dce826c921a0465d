"""Composition: two releases of the same people, each of which holds what it promises, give away what neither does.

Ganta, Kasiviswanathan & Smith, Composition attacks and auxiliary information in data privacy, KDD 2008. A person is in
a class of either release, and has a value that both classes have. From c rows of one class and d of the other, out of a
share p of everybody that have a value, Bayes' rule makes it likely as ``c d / p``, with the other rows of the two
classes drawn independently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from casemate.core.errors import UsageError
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.tables.attacks.outcome import Outcome
from casemate.privacy.tables.attacks.published import Published
from casemate.privacy.tables.hierarchies import Floats, Whole
from casemate.privacy.tables.inference import as_text


@dataclass(frozen=True)
class Composition:
    """Guess a sensitive attribute of people who are in two releases.

    Attributes:
        of: the attribute, which both release as it is.
        victims: at most so many people are attacked.
        seed: of whom is drawn.
    """

    of: str
    victims: int = 3000
    seed: int = 0

    @property
    def setting(self) -> str:
        """What is guessed."""
        return f"guesses {self.of!r} from two releases"

    @property
    def threat_model(self) -> ThreatModel:
        """The adversary."""
        return ThreatModel(
            goal=f"learn {self.of!r} of a person in two releases",
            knowledge=("all quasi-identifiers of a person", "both releases, the hierarchies and the algorithm"),
            access=Access.LABELS,
            queries=0,
        )

    def run(self, first: Published, second: Published) -> Outcome:
        """Attack two releases of one table; without the second, the attacker guesses the commonest value of the class.

        Raises:
            UsageError: they are of different people, or one does not release the attribute.
        """
        if len(first.people) != len(second.people) or any(self.of not in each.others for each in (first, second)):
            raise UsageError(
                f"these are not two releases of {self.of!r} of the same people",
                next_step="give two releases that were made of one table",
            )
        texts = [as_text(value) for value in first.people[self.of]]
        told, values = pd.factorize(pd.Series(texts, dtype=object))
        true: Whole = told.astype(np.int64)
        inside = [np.full(len(true), -1, dtype=np.int64) for _ in range(2)]
        counts = []
        for owner, each in zip(inside, (first, second), strict=True):
            owner[each.kept] = each.cells.owner
            count = np.zeros((len(each.cells), len(values)))
            np.add.at(count, (each.cells.owner, true[each.kept]), 1.0)
            counts.append(count)
        both = np.flatnonzero((inside[0] >= 0) & (inside[1] >= 0))
        who = both[np.isin(both, first.victims(self.victims, self.seed))]
        share = np.bincount(true, minlength=len(values)) / len(true)
        one, two = (count[owner[who]] for count, owner in zip(counts, inside, strict=True))
        joined = np.round(one * two / share, 9)
        return Outcome("composition", self.setting, _right(joined, true[who]), without=_right(one, true[who]))


def _right(weight: Floats, true: Whole) -> Floats:
    """(people,) the chance that one of the likeliest values is the right one."""
    top = weight == weight.max(axis=1, keepdims=True)
    chance: Floats = top[np.arange(len(true)), true] / top.sum(axis=1)
    return chance
