"""Linkage: whose row is this? The chance that an attacker points at the right one.

Three attackers (Elliot & Dale 1999; El Emam & Dankar, JAMIA 15, 2008): the prosecutor knows that a person is among the
rows, and looks for that person's row; the journalist has a row, and looks for its person among all there are; the
third has a list of the people in the order of the table, and pairs the first person of a class with its first row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.tables.attacks.matching import AT_ONCE, affordable, likeliest, located, mistaken, shares
from casemate.privacy.tables.attacks.outcome import Outcome
from casemate.privacy.tables.attacks.published import Published
from casemate.privacy.tables.cells import Cells
from casemate.privacy.tables.hierarchies import Floats, Whole

Scenario = Literal["prosecutor", "journalist", "order"]


@dataclass(frozen=True)
class Linkage:
    """Link people to released rows, knowing the hierarchies and how rows were generalized.

    Example:
        >>> import pandas as pd
        >>> from casemate.privacy.tables import Anonymizer, KAnonymity
        >>> people = pd.DataFrame({"age": [21, 22, 23, 54, 55, 56], "illness": list("abcabc")})
        >>> published = Published.after(Anonymizer([KAnonymity(3)]).release(people, ["age"]), people)
        >>> round(Linkage().run(published.before()).rate, 3), round(Linkage().run(published).rate, 3)
        (1.0, 0.333)

    Attributes:
        scenario: ``prosecutor``, ``journalist`` or ``order``.
        errors: chance that a value which the attacker knows is wrong, and then anybody's; prosecutor only. He knows
            this chance.
        knows: quasi-identifiers that he knows; all of them if None.
        more: columns that he knows besides, though they were not named as quasi-identifiers.
        victims: at most so many people are attacked (journalist: rows), drawn at random; by order everybody.
        seed: of whom is drawn, and of the errors.
    """

    scenario: Scenario = "prosecutor"
    errors: float = 0.0
    knows: Sequence[str] | None = None
    more: Sequence[str] = ()
    victims: int = 3000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scenario not in ("prosecutor", "journalist", "order"):
            raise UsageError(
                f"there is no scenario {self.scenario!r}", next_step="use 'prosecutor', 'journalist' or 'order'"
            )
        if not 0 <= self.errors < 1 or (self.errors and self.scenario != "prosecutor"):
            raise UsageError(
                f"values cannot be wrong with chance {self.errors}",
                cause="" if self.scenario == "prosecutor" else f"the scenario {self.scenario!r} has no errors",
                next_step="give a chance from 0 to below 1, to the prosecutor",
            )
        if self.victims < 1:
            raise UsageError("there is nobody to attack", next_step="give at least one victim")

    @property
    def setting(self) -> str:
        """What the attacker knows, in a few words."""
        known = "all quasi-identifiers" if self.knows is None else ", ".join(self.knows)
        known += f", {self.errors:.0%} of them wrong" if self.errors else ""
        known += f" and {', '.join(self.more)}" if self.more else ""
        return f"{self.scenario}, knows {known}"

    @property
    def threat_model(self) -> ThreatModel:
        """The adversary."""
        goal = {
            "prosecutor": "find the row of a person who is known to be in the release",
            "journalist": "find the person whom a released row is about",
            "order": "find the row of a person by the order of the table",
        }
        knowledge = (self.setting, "the hierarchies, the privacy models and the algorithm", "the released rows")
        return ThreatModel(goal=goal[self.scenario], knowledge=knowledge, access=Access.LABELS, queries=0)

    def run(self, published: Published) -> Outcome:
        """Attack a release.

        Raises:
            UsageError: a column is missing.
        """
        seen = published.known(self.knows, self.more)
        if self.scenario == "journalist":
            chances, classes = self._journalist(seen)
        elif self.scenario == "order":
            chances, classes = self._order(seen)
        else:
            chances, classes = self._prosecutor(seen)
        return Outcome("linkage", self.setting, chances, classes=classes)

    def _prosecutor(self, seen: Published) -> tuple[Floats, Whole]:
        """One over the rows that are likeliest, if the right one is among them."""
        cells, size = seen.cells, seen.cells.size
        places = cells.places(seen.people)
        share = shares(cells, places)
        exact = None if self.errors else located(cells, places)
        victims = seen.victims(
            self.victims if exact is not None else affordable(cells, self.victims, len(cells)), self.seed
        )
        owner = _owners(seen)
        if exact is not None:
            return np.asarray((exact == owner)[victims] / size[exact[victims]], dtype=np.float64), owner[victims]
        known = mistaken(
            places[:, victims], share, self.errors, [derive(self.seed, "tables.errors", name) for name in cells.names]
        )
        chances = np.zeros(len(victims))
        for at, top in likeliest(cells, known, share, self.errors):
            right = top[np.arange(len(at)), owner[victims[at]]]
            chances[at] = right / np.maximum(top @ size, 1)
        return chances, owner[victims]

    def _journalist(self, seen: Published) -> tuple[Floats, Whole]:
        """One over the people who fit a row."""
        draw = np.random.default_rng(derive(self.seed, "tables.rows"))
        by_person = np.argsort(seen.kept)  # the order of rows must not decide which are drawn
        places = seen.cells.places(seen.people)
        exact = located(seen.cells, places)
        few = self.victims if exact is not None else affordable(seen.cells, self.victims, len(seen.people))
        rows = by_person[np.sort(draw.permutation(len(by_person))[:few])]
        if exact is not None:
            counts = np.bincount(exact[exact >= 0], minlength=len(seen.cells))[seen.cells.owner[rows]]
        else:
            wanted, place = np.unique(seen.cells.owner[rows], return_inverse=True)
            counts = fitting(seen.cells.take(wanted), places)[place]
        return np.asarray(1.0 / counts, dtype=np.float64), seen.cells.owner[rows]

    def _order(self, seen: Published) -> tuple[Floats, Whole]:
        """Whether the row at a person's place within the class, by the order of the table, is the person's.

        The attacker leaves nothing to chance here, so that everybody is attacked: a few would say less.
        """
        owner = seen.cells.owner
        people, rows = np.lexsort((seen.kept, owner)), np.argsort(owner, kind="stable")
        right = np.zeros(len(seen.people))
        right[seen.kept[people]] = people == rows
        return right[np.sort(seen.kept)], owner[np.argsort(seen.kept)]


def _owners(seen: Published) -> Whole:
    """(people,) the cell of each one's row; -1 where none is released."""
    owner = np.full(len(seen.people), -1, dtype=np.int64)
    owner[seen.kept] = seen.cells.owner
    return owner


def fitting(cells: Cells, places: Whole) -> Whole:
    """(cells,) how many people each may stand for.

    Args:
        cells: of released rows.
        places: (columns, people) their values.
    """
    counts = np.zeros(len(cells), dtype=np.int64)
    step = max(1, AT_ONCE // len(cells))
    for start in range(0, places.shape[1], step):
        part = places[:, start : start + step]
        fits = np.ones((part.shape[1], len(cells)), dtype=bool)
        for column, values in enumerate(part):
            fits &= cells.contain(column, values)
        counts += fits.sum(axis=0)
    return counts
