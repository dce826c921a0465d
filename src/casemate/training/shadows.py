"""Shadow models: one recipe on many parts of a pool, and what each model says about every row.

One pool serves every attack and estimate that compares models which saw a row with models which did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from casemate.core.digests import Digest
from casemate.core.errors import UsageError
from casemate.core.observer import Observer, Silent
from casemate.data.dataset import Dataset
from casemate.training.recipe import Recipe

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

LEAST = 1e-30
"""Probabilities below this count as this; float64 scores of tree ensembles can be exactly zero."""


@dataclass(frozen=True)
class ShadowPool:
    """What N models, each trained on a part of n rows, say about all of them.

    Attributes:
        masks: (N, n) whether a model was trained on a row.
        logits: (N, n) log-odds log p - log(1 - p) of the row's own label; sigma(logits) is p.
    """

    masks: Mask
    logits: Floats

    def __post_init__(self) -> None:
        if self.masks.shape != self.logits.shape or self.masks.dtype != np.bool_:
            raise UsageError(
                f"a pool of masks {self.masks.shape} and logits {self.logits.shape} does not fit together",
                next_step="give one mask and one logit a model and row",
            )

    def __len__(self) -> int:
        return len(self.masks)

    def without(self, models: Sequence[int]) -> ShadowPool:
        """The pool without some models, for example the one under attack and its complement."""
        keep = np.setdiff1d(np.arange(len(self)), np.asarray(models, dtype=np.int64))
        return ShadowPool(self.masks[keep], self.logits[keep])


@runtime_checkable
class BatchedRecipe(Recipe, Protocol):
    """A recipe that can train many models at once."""

    @property
    def digest(self) -> Digest:
        """Digest of everything that decides the outcome but the rows and the seed."""

    def log_scores(self, rows: Dataset, masks: Mask, seeds: Sequence[int]) -> Floats:
        """(N, n, classes) log-probabilities of one model a mask on all rows."""


def train_pool(
    recipe: Recipe, rows: Dataset, masks: Mask, seeds: Sequence[int], observer: Observer | None = None
) -> ShadowPool:
    """Train one shadow model a mask and note what each says about every row.

    A recipe that can train many models at once does so; any other is fitted mask by mask. Either way model k is the
    one that ``recipe.fit(rows.take(masks[k]), seeds[k])`` gives.

    Args:
        recipe: how models come to be.
        rows: the pool, n rows.
        masks: (N, n) bool.
        seeds: (N,) one a model.
        observer: hears of each model.

    Raises:
        UsageError: masks, seeds and rows do not fit together, or a mask is empty.
    """
    if masks.shape != (len(seeds), len(rows)) or masks.dtype != np.bool_ or not masks.any(axis=1).all():
        raise UsageError(
            f"masks of shape {masks.shape} do not fit {len(seeds)} seeds and {len(rows)} rows, or one is empty",
            next_step="give one non-empty boolean mask a seed",
        )
    heard = observer or Silent()
    heard.begin("shadow models", len(seeds))
    if isinstance(recipe, BatchedRecipe):
        pool = own_log_odds(recipe.log_scores(rows, masks, seeds), rows.labels)
        heard.advance("shadow models", len(seeds))
    else:
        pool = np.empty(masks.shape, dtype=np.float32)
        for model, (mask, seed) in enumerate(zip(masks, seeds, strict=True)):
            target = recipe.fit(rows.take(mask, f"shadow {model}"), seed)
            pool[model] = own_log_odds(_log_scores(target.scores(rows.features), target.classes, rows), rows.labels)
            heard.advance("shadow models")
    heard.end("shadow models")
    return ShadowPool(masks, pool)


def own_log_odds(log_scores: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> Floats:
    """Log-odds of each row's own label from log-probabilities: log p_y - log of the sum of the others.

    Never log(p / (1 - p)): that saturates as soon as p rounds to one.

    Args:
        log_scores: (..., n, classes).
        labels: (n,).

    Returns:
        (..., n) float32.

    Reference:
        Carlini et al. 2022, "Membership inference attacks from first principles", IEEE S&P, section V-A.

    Example:
        >>> own_log_odds(np.log([[0.2, 0.8]]), np.array([1])).round(3).tolist()
        [1.3860000371932983]
    """
    scores = np.asarray(log_scores, dtype=np.float64)
    own = np.take_along_axis(scores, np.broadcast_to(labels[:, None], (*scores.shape[:-1], 1)), axis=-1)[..., 0]
    others = np.where(np.arange(scores.shape[-1]) == labels[:, None], -np.inf, scores)
    top = others.max(axis=-1)
    rest = top + np.log(np.exp(others - top[..., None]).sum(axis=-1))
    return np.asarray(own - rest, dtype=np.float32)


def _log_scores(scores: npt.NDArray[np.float64], classes: Sequence[str], rows: Dataset) -> npt.NDArray[np.float64]:
    """Log-probabilities over the data set's classes; a shadow that never saw a class gives it next to nothing.

    Recipes are fitted on class codes, so a model's class names are codes as text, or the data set's own names.
    """
    names = {name: code for code, name in enumerate(rows.classes)}
    own_names = set(classes) <= set(rows.classes)
    made = np.full((len(scores), len(rows.classes)), LEAST)
    for column, name in enumerate(classes):
        made[:, names[name] if own_names else int(name)] = np.maximum(scores[:, column], LEAST)
    return np.asarray(np.log(made))
