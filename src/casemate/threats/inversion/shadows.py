"""Shadow models: the same recipe on random parts of the pool, to see how each row's answer depends on its presence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from casemate.core.errors import TargetError
from casemate.core.seeds import derive
from casemate.data.dataset import Dataset
from casemate.threats.inversion.answers import by_class
from casemate.threats.inversion.signals import log_odds
from casemate.training.recipe import Recipe

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Design:
    """Which rows each shadow model is trained on.

    Shadows come in blocks that rotate a window over one random order of the pool, so that every row is in the planned
    share of each block (pairs of complementary halves when half of the pool was trained on). Membership plays no part:
    a design that knew it, or that left the target out of a set where every row is in exactly half of the models, would
    give membership away by counting alone.

    Attributes:
        rows: how many rows the pool has.
        inclusion: the share each shadow trains on; kept within [1/4, 3/4], so that both worlds are seen.
        seed: of the random orders.
    """

    rows: int
    inclusion: float
    seed: int

    @property
    def share(self) -> float:
        """The share actually used."""
        return min(0.75, max(0.25, self.inclusion))

    @property
    def block(self) -> int:
        """How many shadows share one order of the pool."""
        return max(2, round(1.0 / min(self.share, 1.0 - self.share)))

    def masks(self, shadows: Sequence[int]) -> Mask:
        """(len(shadows), rows) which rows these shadows train on; the same whatever else is asked for.

        Example:
            >>> Design(6, 0.5, 1).masks(range(4)).sum(axis=0).tolist()
            [2, 2, 2, 2, 2, 2]
        """
        block = self.block
        size = round(self.share * self.rows)
        masks = np.zeros((len(shadows), self.rows), dtype=np.bool_)
        for position, shadow in enumerate(shadows):
            order = np.random.default_rng(derive(self.seed, "block", shadow // block)).permutation(self.rows)
            start = (shadow % block) * self.rows // block
            masks[position, np.roll(order, -start)[:size]] = True
        return masks


def train(recipe: Recipe, rows: Dataset, design: Design, shadows: Sequence[int]) -> npt.NDArray[np.float32]:
    """Train some shadow models and note the log-odds they give every row's own label.

    Returns:
        (len(shadows), n) float32.

    Raises:
        TargetError: the recipe cannot be trained on a random part of the rows, or its model cannot answer about the
            others.
    """
    signals = np.empty((len(shadows), len(rows)), dtype=np.float32)
    for position, (shadow, mask) in enumerate(zip(shadows, design.masks(shadows), strict=True)):
        try:
            model = recipe.fit(rows.take(mask, f"shadow {shadow}"), derive(design.seed, "fit", shadow))
            scores = by_class(model.scores(rows.features), model.classes, len(rows.classes))
        except (ValueError, TargetError) as error:
            raise TargetError(
                "a shadow model trained on a random part of the rows failed",
                cause="its part lacks a class, or the others have values it has not seen",
                next_step="let the preprocessing ignore unseen values, as OneHotEncoder(handle_unknown='ignore')",
            ) from error
        signals[position] = log_odds(scores, rows.labels)
    return signals
