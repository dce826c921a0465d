"""Small neural networks as recipes: fitted alone as a target, or by the dozen as shadow models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import log_softmax, softmax

from casemate.core.digests import Digest
from casemate.core.errors import DataError
from casemate.data.dataset import Dataset
from casemate.targets.answers import Scores
from casemate.targets.target import Codes, Target
from casemate.training.batched import CHUNK, Array, Schedule, logits, train

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class MLPRecipe:
    """A multilayer perceptron trained by minibatch gradient descent.

    Attributes:
        schedule: architecture and descent.
        prepare: a fitted transformer from frames to numbers, or None where all columns are numbers already. It is
            fitted beforehand, on rows that are no one's secret, and stays the same for every fit.

    Example:
        >>> MLPRecipe(Schedule(hidden=(8,), epochs=2)).schedule.hidden
        (8,)
    """

    schedule: Schedule = field(default_factory=Schedule)
    prepare: Any = None

    @property
    def digest(self) -> Digest:
        """Digest of the schedule and the transformer."""
        return Digest.of(f"casemate.training.mlp:{self.schedule!r}:{self.prepare!r}".encode())

    def fit(self, rows: Dataset, seed: int) -> Target:
        """Train a new model on these rows: the one the pool would train with this seed on these rows."""
        table = numbers(rows.features, self.prepare)
        every = np.arange(len(rows), dtype=np.int64)[None]
        weights = train(table, rows.labels, len(rows.classes), rows=every, seeds=[seed], how=self.schedule)
        network = Network([layer[0] for layer in weights], self.schedule, self.prepare)
        return Target(rows.name, NetworkBackend(network, rows.classes))

    def log_scores(self, rows: Dataset, masks: Mask, seeds: Sequence[int]) -> Array:
        """Train one model a mask, many at a time, and ask each about all rows.

        Args:
            rows: n rows.
            masks: (N, n) which of them each model is trained on.
            seeds: (N,).

        Returns:
            (N, n, classes) log-probabilities, float32.
        """
        table = numbers(rows.features, self.prepare)
        made = np.empty((len(masks), len(rows), len(rows.classes)), dtype=np.float32)
        for chunk in _alike(masks):
            chosen = np.stack([np.flatnonzero(masks[model]) for model in chunk])
            mine = [seeds[model] for model in chunk]
            weights = train(table, rows.labels, len(rows.classes), rows=chosen, seeds=mine, how=self.schedule)
            made[chunk] = log_softmax(logits(weights, table, self.schedule.activation), axis=2)
        return made


@dataclass(frozen=True)
class Network:
    """A trained network.

    Attributes:
        weights: (inputs + 1, outputs) a layer, biases last.
        schedule: how it was made.
        prepare: the transformer in front of it, or None.
    """

    weights: list[Array]
    schedule: Schedule
    prepare: Any = None

    def logits(self, frame: pd.DataFrame) -> Array:
        """(n, classes) logits."""
        stacked = [layer[None] for layer in self.weights]
        answer: Array = logits(stacked, numbers(frame, self.prepare), self.schedule.activation)[0]
        return answer


@dataclass(frozen=True)
class NetworkBackend:
    """Answers for a network."""

    model: Network
    classes: tuple[str, ...]
    gives_scores: bool = True

    def scores(self, rows: pd.DataFrame) -> Scores:
        """(n, classes) probabilities."""
        return np.asarray(softmax(self.model.logits(rows).astype(np.float64), axis=1))

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the predicted classes."""
        return np.asarray(self.model.logits(rows).argmax(axis=1), dtype=np.int64)


def numbers(frame: pd.DataFrame, prepare: Any) -> Array:
    """(n, d) float64 inputs of a network.

    Raises:
        DataError: a column is not numeric, or a value is missing.
    """
    try:
        made = np.asarray(frame if prepare is None else prepare.transform(frame), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            "the network takes numbers only", cause="a column holds text", next_step="give a fitted transformer"
        ) from error
    if not np.isfinite(made).all():
        raise DataError("the network takes no missing values", next_step="give a transformer that imputes them")
    return made


def _alike(masks: Mask) -> list[list[int]]:
    """Models in chunks of at most ``CHUNK`` that train on equally many rows."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for model, size in enumerate(masks.sum(axis=1).tolist()):
        by_size[size].append(model)
    return [same[first : first + CHUNK] for same in by_size.values() for first in range(0, len(same), CHUNK)]
