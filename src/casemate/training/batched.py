"""Many small networks trained as one tensor: M multilayer perceptrons, one set of matrix products a step.

Training one small network is all overhead: each of its matrix products takes microseconds, and so does asking for it.
Here every array has a leading axis over models, so a step of M models costs M times the arithmetic but one time the
asking. Models do not influence each other: each has its own rows, order, initial weights and momentum, and a model
trained alone is bit by bit the one trained among others. Plain numpy, whose stacked products call BLAS once a model,
was measured faster than ``torch.baddbmm`` at these sizes (benchmarks/shadow_pool.py), so torch is not needed.

Layout: rows carry a last column of ones, and weights a last row of biases. Logits are kept class by class, (M, classes,
batch), because reductions along a long last axis are fast and along a short one slow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from casemate.core.seeds import derive

Activation = Literal["relu", "tanh"]
Array = npt.NDArray[Any]
Index = npt.NDArray[np.int64]

CHUNK = 16
"""Models trained together: enough to spread the cost of asking, few enough for the caches (8 to 64 differ by 5 %)."""


@dataclass(frozen=True)
class Schedule:
    """Minibatch gradient descent with momentum, as in ``torch.optim.SGD``.

    v = momentum * v + gradient + decay * w; w = w - rate * v. The last batch of an epoch may be short. The loss is the
    mean cross-entropy of a batch.

    Attributes:
        hidden: widths of the hidden layers.
        activation: "relu" or "tanh".
        epochs: passes over a model's rows.
        batch: rows a step.
        rate, momentum, decay: of the descent.
        precision: "float32" or "float64".
    """

    hidden: tuple[int, ...] = (64,)
    activation: Activation = "relu"
    epochs: int = 60
    batch: int = 64
    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 0.0
    precision: Literal["float32", "float64"] = "float32"


def initial(widths: Sequence[int], seed: int) -> list[Array]:
    """Initial weights of one model: (inputs + 1, outputs) a layer, uniform within 1 / sqrt(inputs), float64."""
    rng = np.random.default_rng(derive(seed, "weights"))
    return [rng.uniform(-1.0, 1.0, (inputs + 1, outputs)) / np.sqrt(inputs) for inputs, outputs in pairwise(widths)]


def orders(rows: int, seed: int) -> Iterator[Index]:
    """In which order one model sees its rows, epoch after epoch."""
    rng = np.random.default_rng(derive(seed, "orders"))
    while True:
        yield rng.permutation(rows)


def train(
    table: Array, labels: Index, classes: int, *, rows: Index, seeds: Sequence[int], how: Schedule
) -> list[Array]:
    """Train one model for each line of ``rows``.

    Args:
        table: (n, d) features all models draw from.
        labels: (n,) class codes.
        classes: how many classes there are.
        rows: (M, m) which rows each model is trained on.
        seeds: (M,) seed of each model's weights and orders.
        how: the schedule.

    Returns:
        For each layer (M, inputs + 1, outputs) weights; the last row holds the biases.
    """
    dtype = np.dtype(how.precision)
    widths = (table.shape[1], *how.hidden, classes)
    data = np.column_stack([table, np.ones(len(table))]).astype(dtype)
    weights = [np.stack(layer).astype(dtype) for layer in zip(*(initial(widths, seed) for seed in seeds), strict=True)]
    speeds = [np.zeros_like(layer) for layer in weights]
    spaces: dict[int, _Space] = {}
    shuffles = [orders(rows.shape[1], seed) for seed in seeds]
    for _ in range(how.epochs):
        turn = np.stack([mine[next(shuffle)] for mine, shuffle in zip(rows, shuffles, strict=True)])
        for first in range(0, turn.shape[1], how.batch):
            batch = np.ascontiguousarray(turn[:, first : first + how.batch])
            if batch.shape[1] not in spaces:
                spaces[batch.shape[1]] = _Space(weights, batch.shape[1])
            space = spaces[batch.shape[1]]
            _step(data, labels, batch, weights=weights, speeds=speeds, space=space, how=how)
    return weights


class _Space:
    """Buffers for one batch size, so that no step allocates.

    Elementwise work runs over whole buffers, column of ones included, because numpy is fast on contiguous memory only.
    """

    def __init__(self, weights: Sequence[Array], batch: int) -> None:
        models, dtype = len(weights[0]), weights[0].dtype
        self.layers = [np.ones((models, batch, layer.shape[1]), dtype) for layer in weights]
        self.slopes = [np.empty_like(layer) for layer in self.layers]
        self.bends = [np.empty_like(layer) for layer in self.layers]
        self.zeros = [np.zeros_like(layer) for layer in self.layers]  # faster to compare with than a scalar
        self.signs = [np.empty(layer.shape, dtype=np.bool_) for layer in self.layers]
        self.logits = np.empty((models, weights[-1].shape[2], batch), dtype)
        self.gradients = [np.empty_like(layer) for layer in weights]
        classes = weights[-1].shape[2]
        self.spot = np.empty((models, batch), dtype=np.int64)  # where in the logits each row's own class stands
        self.corner = np.arange(models)[:, None] * (classes * batch) + np.arange(batch)


def _step(
    data: Array,
    labels: Index,
    batch: Index,
    *,
    weights: list[Array],
    speeds: list[Array],
    space: _Space,
    how: Schedule,
) -> None:
    """One step of every model, in place."""
    layers, logits = space.layers, space.logits
    np.take(data, batch, axis=0, out=layers[0], mode="clip")
    for number, layer in enumerate(weights[:-1]):
        hidden = layers[number + 1]
        np.matmul(layers[number], layer, out=hidden[:, :, :-1])
        if how.activation == "relu":
            np.maximum(hidden, space.zeros[number + 1], out=hidden)
        else:
            np.tanh(hidden, out=hidden)
            hidden[:, :, -1] = 1.0
    np.matmul(weights[-1].swapaxes(1, 2), layers[-1].swapaxes(1, 2), out=logits)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    np.take(labels, batch, out=space.spot, mode="clip")
    space.spot *= batch.shape[1]
    space.spot += space.corner
    logits.reshape(-1)[space.spot.reshape(-1)] -= 1.0
    logits *= how.rate / batch.shape[1]  # gradients below are steps already: one pass over the weights less
    slope = logits.swapaxes(1, 2)
    for number in range(len(weights) - 1, -1, -1):
        layer, gradient = weights[number], space.gradients[number]
        np.matmul(layers[number].swapaxes(1, 2), slope, out=gradient)
        if number:
            back = space.slopes[number]
            np.matmul(slope, layer.swapaxes(1, 2), out=back)
            if how.activation == "relu":
                np.greater(layers[number], space.zeros[number], out=space.signs[number])
                back *= space.signs[number]
            else:
                bend = space.bends[number]
                np.multiply(layers[number], layers[number], out=bend)
                np.subtract(1.0, bend, out=bend)
                back *= bend
            slope = back[:, :, :-1]
        _descend(layer, speeds[number], gradient, how)


def _descend(layer: Array, speed: Array, gradient: Array, how: Schedule) -> None:
    """Move one layer of all models, in place. Speed and gradient are multiplied by the rate already."""
    if how.decay:
        gradient += how.rate * how.decay * layer
    speed *= how.momentum
    speed += gradient
    layer -= speed


def logits(weights: Sequence[Array], table: Array, activation: Activation) -> Array:
    """(M, n, classes) logits of M models on (n, d) rows."""
    dtype = weights[0].dtype
    rows = np.column_stack([table, np.ones(len(table))]).astype(dtype)
    values: Array = rows[None]
    for layer in weights[:-1]:
        hidden = values @ layer
        np.maximum(hidden, 0.0, out=hidden) if activation == "relu" else np.tanh(hidden, out=hidden)
        values = np.concatenate([hidden, np.ones((*hidden.shape[:2], 1), dtype)], axis=2)
    made: Array = values @ weights[-1]
    return made
