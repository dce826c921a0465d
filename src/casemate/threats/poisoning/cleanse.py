"""Cleansing by ranking: rows whose labels contradict all models that never saw them are dropped or relabeled.

Cleansing is part of the recipe: whoever trains with the cleansed recipe cleanses first, whatever the rows. So an attack
that poisons the rows meets the defense as it would be in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from casemate.core.declarations import DefenseSpec
from casemate.core.digests import Digest
from casemate.core.errors import UsageError
from casemate.core.policy import Policy
from casemate.core.seeds import derive
from casemate.data.dataset import Dataset, Rows
from casemate.targets.target import Target
from casemate.threats.poisoning.declarations import CLEANSE
from casemate.threats.poisoning.ranking import Ranking
from casemate.training.engagement import Engagement, Proposal
from casemate.training.recipe import Recipe

Action = Literal["drop", "relabel"]
TRUSTED_SHARE = 0.3


@dataclass(frozen=True)
class CleansedRecipe:
    """A recipe that cleanses its rows before it trains.

    Attributes:
        inner: the recipe that trains.
        trusted: rows of the same population whose labels nobody could touch; they set the limit and are never trained
            on.
        ranking: how labels are ranked.
        action: what happens to flagged rows.
    """

    inner: Recipe
    trusted: Dataset
    ranking: Ranking = field(default_factory=Ranking)
    action: Action = "drop"

    @property
    def digest(self) -> Digest:
        """Digest of the inner recipe, the ranking, the action and the trusted rows."""
        parts = [self.inner.digest.hex, repr(self.ranking), self.action, self.trusted.digest.hex]
        return Digest.of_value(parts)

    def cleanse(self, rows: Dataset, seed: int) -> Dataset:
        """The rows without those that are flagged, or with their labels turned."""
        flagged = self.ranking(self.inner, rows, derive(seed, CLEANSE.id), self.trusted).flagged
        if self.action == "drop":
            return rows.take(~flagged)
        return rows.relabel(np.where(flagged, 1 - rows.labels, rows.labels))

    def fit(self, rows: Dataset, seed: int) -> Target:
        """Cleanse, then train."""
        return self.inner.fit(self.cleanse(rows, seed), seed)


class Cleanse:
    """The defense behind ``poisoning.cleanse``.

    Args:
        options: ``action`` ("drop" or "relabel"), ``folds``, ``share`` (the most of a clean set that may be flagged).
    """

    spec: DefenseSpec = CLEANSE

    def __init__(self, options: Mapping[str, Any] | None = None, **settings: Any) -> None:
        given = {**(options or {}), **settings}
        unknown = set(given) - {"action", "folds", "share"}
        if unknown or given.get("action", "drop") not in ("drop", "relabel"):
            raise UsageError(
                f"the options of {CLEANSE.id} cannot be used",
                cause=f"unknown: {', '.join(sorted(unknown))}" if unknown else 'action is "drop" or "relabel"',
                next_step="use action, folds and share",
            )
        self.action: Action = given.get("action", "drop")
        self.ranking = Ranking(folds=int(given.get("folds", 3)), share=float(given.get("share", 0.01)))

    def applies(self, engagement: Engagement) -> str:
        """A recipe, two classes and rows to trust are needed."""
        if engagement.recipe is None:
            return "no recipe: the model cannot be trained again"
        if len(engagement.members.classes) != 2:
            return "labels of more than two classes are not ranked yet"
        return "" if len(engagement.nonmembers) >= 20 else "fewer than 20 held-out rows to trust"

    def propose(self, engagement: Engagement, policy: Policy) -> Proposal:
        """Cleanse the training rows, train again, and keep cleansing in the recipe."""
        trusted, _ = halves(engagement)
        recipe = CleansedRecipe(recipe_of(engagement), engagement.nonmembers.take(trusted), self.ranking, self.action)
        seed = derive(engagement.seed, CLEANSE.id, "fit")
        rows = recipe.cleanse(engagement.members, seed)
        target = replace(recipe.inner.fit(rows, seed), name=engagement.target.name)
        changed = int((rows.labels != engagement.members.labels).sum()) if self.action == "relabel" else 0
        touched = changed or len(engagement.members) - len(rows)
        return Proposal(
            engagement.changed(
                target=target.answering(engagement.target.answers), members=rows, recipe=recipe, defense=CLEANSE.id
            ),
            settings={
                "action": self.action,
                "folds": self.ranking.folds,
                "share": self.ranking.share,
                "rows": touched,
                "trusted": len(trusted),
            },
            note=f"{touched} of {len(engagement.members):,} training rows were "
            + ("dropped" if self.action == "drop" else "given the other label"),
        )


def recipe_of(engagement: Engagement) -> Recipe:
    """The recipe, which must be there.

    Raises:
        UsageError: it is not.
    """
    if engagement.recipe is None:
        raise UsageError(
            f"model {engagement.name!r} has no recipe",
            cause="it cannot be trained again",
            next_step="set recipe = true for it, if its estimator is how it came to be",
        )
    return engagement.recipe


def halves(engagement: Engagement) -> tuple[Rows, Rows]:
    """Positions of the held-out rows that are trusted, and of those that accuracy is judged on; they share none."""
    rng = np.random.default_rng(derive(engagement.seed, "poisoning", "trusted"))
    order = rng.permutation(len(engagement.nonmembers))
    cut = int(TRUSTED_SHARE * len(order))
    return np.sort(order[:cut]), np.sort(order[cut:])
