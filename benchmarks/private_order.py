"""Issue 5, row 14: training in a fixed order with correlated noise (DP-FTRL), beside DP-SGD with independent noise.

The same network, order, batches, clip norm, optimizer, epsilon and delta; nothing is claimed for sampling on either
side. Digits of scikit-learn; in brackets what Poisson sampling would have given, where it is possible.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from unittest import mock

import numpy as np
import torch
from scipy.stats import t as student
from sklearn.datasets import load_digits
from torch import nn

from casemate.privacy.dp.sgd.correlated import FixedOrder
from casemate.privacy.dp.sgd.factorization import Factor
from casemate.privacy.dp.sgd.training import PrivateTraining

SEEDS, TRAIN, DELTA = 10, 1437, 1e-5
CASES = ((1.0, 5), (3.0, 5), (3.0, 15), (8.0, 15))


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 10))


def independent(order: FixedOrder, width: int | None = None) -> Factor:
    """No correlation: plain DP-SGD, whose sensitivity is the root of the number of epochs."""
    del width
    return Factor((1.0,), order.steps, order.period)


def accuracy(training: PrivateTraining, seed: int) -> float:
    """On what is left of digits, after a split, weights and noise of their own."""
    found = load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))
    x, y = torch.tensor(found.data / 16, dtype=torch.float32)[order], torch.tensor(found.target)[order]
    torch.manual_seed(seed)
    module = training.fit(network(), x[:TRAIN], y[:TRAIN]).module
    with torch.no_grad():
        return float((module(x[TRAIN:]).argmax(1) == y[TRAIN:]).float().mean())


def main() -> None:
    """Print the section."""
    torch.set_num_threads(1)
    print("## Private training in a fixed order\n")
    print(
        f"Digits, {TRAIN} for training, MLP 64-48-10, batches of 128, delta {DELTA:g}, {SEEDS} seeds; test accuracy.\n"
    )
    print("| epsilon | epochs | independent noise | correlated noise | difference, 95 % | noise in sums | [Poisson] |")
    print("|---|---|---|---|---|---|---|")
    for epsilon, epochs in CASES:
        fixed = PrivateTraining(epsilon=epsilon, delta=DELTA, epochs=epochs, batch=128, order="fixed", rate=0.25)
        order = FixedOrder(TRAIN, 128, epochs)
        factor, plain = order.factor(), independent(order)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = np.array([accuracy(fixed, seed) for seed in range(SEEDS)])
            with mock.patch.object(FixedOrder, "factor", independent):
                other = np.array([accuracy(fixed, seed) for seed in range(SEEDS)])
            drawn = np.mean([accuracy(replace(fixed, order="poisson"), seed) for seed in range(SEEDS)])
        gap = ours - other
        near = student.ppf(0.975, SEEDS - 1) * gap.std(ddof=1) / SEEDS**0.5
        less = plain.error * plain.sensitivity / (factor.error * factor.sensitivity)
        print(
            f"| {epsilon:g} | {epochs} | {other.mean():.3f} | **{ours.mean():.3f}** | {gap.mean():+.3f} +- {near:.3f} "
            f"| {less:.2f}x less | {drawn:.3f} |",
            flush=True,
        )
    print()


if __name__ == "__main__":
    main()
