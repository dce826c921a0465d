"""Correlated noise for a fixed order: sensitivities are exact, and noise cancels as computed."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import toeplitz
from sklearn.datasets import load_digits
from torch import nn

from casemate.core.errors import UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.book import Book
from casemate.privacy.dp.accounting.events import Gaussian
from casemate.privacy.dp.audit.descent import attack
from casemate.privacy.dp.noise import SeededEntropy
from casemate.privacy.dp.sgd.correlated import CorrelatedRelease, FixedOrder
from casemate.privacy.dp.sgd.factorization import Factor, best_factor
from casemate.privacy.dp.sgd.training import PrivateTraining

BANDS = st.lists(st.floats(0, 1), max_size=5).map(lambda rest: (1.0, *rest))


def matrix(factor: Factor) -> np.ndarray:
    column = np.zeros(factor.steps)
    band = np.array(factor.band)[: factor.steps]
    column[: len(band)] = band
    return toeplitz(column, np.zeros(factor.steps))


@given(band=BANDS, steps=st.integers(1, 12), period=st.integers(1, 8))
@settings(max_examples=150, deadline=None)
def test_the_sensitivity_is_what_the_worst_record_changes(band: tuple[float, ...], steps: int, period: int) -> None:
    """All places in an epoch and all signs of one-dimensional gradients are tried; entries are not negative."""
    factor = Factor(band, steps, period)
    worst = 0.0
    for first in range(min(period, steps)):
        columns = matrix(factor)[:, first::period]
        for signs in itertools.product((1.0, -1.0), repeat=min(columns.shape[1], 6)):
            rest = np.ones(columns.shape[1])
            rest[: len(signs)] = signs
            worst = max(worst, float(np.linalg.norm(columns @ rest)))
    assert worst <= factor.sensitivity <= worst * (1 + 1e-9)


@given(
    band=st.lists(st.floats(-1, 1), max_size=5).map(lambda rest: (1.0, *rest)),
    steps=st.integers(1, 12),
    period=st.integers(1, 8),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=100, deadline=None)
def test_no_vectors_of_length_one_change_more(band: tuple[float, ...], steps: int, period: int, seed: int) -> None:
    """Whatever the signs in the band and the directions of the gradients."""
    factor, random = Factor(band, steps, period), np.random.default_rng(seed)
    first = int(random.integers(min(period, steps)))
    columns = matrix(factor)[:, first::period]
    change = random.normal(size=(columns.shape[1], 3))
    change /= np.linalg.norm(change, axis=1, keepdims=True)
    assert np.linalg.norm(columns @ change) <= factor.sensitivity


@given(band=BANDS, steps=st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_the_error_is_that_of_noise_in_sums(band: tuple[float, ...], steps: int) -> None:
    factor = Factor(band, steps, 1)
    noise = np.tril(np.ones((steps, steps))) @ np.linalg.inv(matrix(factor))
    assert factor.error == pytest.approx(math.sqrt((noise**2).sum() / steps), rel=1e-6)


@pytest.mark.parametrize(("steps", "period", "gain"), [(64, 16, 2.3), (220, 22, 3.2), (100, 100, 2.9), (20, 1, 1.0)])
def test_the_best_band_beats_no_correlation(steps: int, period: int, gain: float) -> None:
    factor, plain = best_factor(steps, period), Factor((1.0,), steps, period)
    assert plain.error * plain.sensitivity >= gain * factor.error * factor.sensitivity * 0.999
    assert len(factor.band) <= max(period, 1)


def test_releases_are_sums_with_noise_that_cancels_as_computed() -> None:
    factor, size = best_factor(40, 10), 600
    totals = torch.randn(40, size, generator=torch.Generator().manual_seed(0))
    with CorrelatedRelease(size, 2.0, 0.7, factor, SeededEntropy(1)) as release:
        noise = torch.stack([release(each) for each in totals]) - totals.double()
        fresh = torch.tensor(matrix(factor)) @ noise / (release.scale * release.grid)
        assert float(fresh.std()) == pytest.approx(1.0, rel=0.03)
        assert float(torch.corrcoef(fresh).fill_diagonal_(0).abs().max()) < 6 / math.sqrt(size)
        assert release.scale * release.grid >= 0.7 * 2.0 * factor.sensitivity
        assert release.scale * release.grid == pytest.approx(0.7 * 2.0 * factor.sensitivity, rel=0.01)
        sums = noise.cumsum(0).square().mean().sqrt() / (release.scale * release.grid)
        assert float(sums) == pytest.approx(factor.error, rel=0.1)
        with pytest.raises(UsageError, match="planned"):
            release(totals[0])


def test_what_is_released_first_lies_on_the_grid_and_one_record_moves_it_no_farther_than_is_paid_for() -> None:
    """Fresh releases of two trainings that differ in one record's gradients, without their noise."""
    factor, size = best_factor(12, 4), 30
    random = np.random.default_rng(0)
    totals = random.normal(size=(12, size))
    change = random.normal(size=(3, size))
    change /= np.linalg.norm(change, axis=1, keepdims=True)
    with CorrelatedRelease(size, 1.0, 1.0, factor, SeededEntropy(1)) as release:
        for first in range(4):
            other = totals.copy()
            other[first::4] += change
            one, two = (np.rint(matrix(factor) @ each / release.grid) for each in (totals, other))
            assert np.linalg.norm(one - two) <= release.sensitivity


def test_every_record_takes_part_once_an_epoch_and_no_more_often_than_planned() -> None:
    order = FixedOrder(records=11, batch=3, epochs=3)
    drawn = [order.draw() for _ in range(order.steps)]
    seen = {record: [at for at, batch in enumerate(drawn) if record in batch] for record in range(11)}
    assert all(np.diff(steps).tolist() == [order.period] * 2 for steps in seen.values())
    assert order.event(2.0) == Gaussian(2.0)
    with pytest.raises(UsageError, match="handed out"):
        order.draw()
    for records, batch, epochs in ((0, 1, 1), (5, 6, 1), (5, 0, 1), (5, 1, 0)):
        with pytest.raises(UsageError):
            FixedOrder(records, batch, epochs)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 10))


@pytest.mark.slow
def test_digits_are_learned_better_than_with_independent_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal epsilon, order, batches and steps; five splits with weights and noise of their own, paired."""
    found = load_digits()

    def accuracy(seed: int) -> float:
        order = np.random.default_rng(seed).permutation(len(found.target))
        x, y = torch.tensor(found.data / 16, dtype=torch.float32)[order], torch.tensor(found.target)[order]
        training = PrivateTraining(epsilon=3.0, delta=1e-5, epochs=15, batch=128, order="fixed", rate=0.25)
        module = training.fit(network(), x[:1437], y[:1437]).module
        with torch.no_grad():
            return float((module(x[1437:]).argmax(1) == y[1437:]).float().mean())

    ours = [accuracy(seed) for seed in range(5)]
    monkeypatch.setattr(FixedOrder, "factor", lambda order, _=None: Factor((1.0,), order.steps, order.period))
    gaps = np.subtract(ours, [accuracy(seed) for seed in range(5)])
    assert gaps.mean() > 0.05
    assert gaps.mean() > 2.78 * gaps.std(ddof=1) / math.sqrt(5)  # Student's 97.5 % of four degrees


def test_training_in_a_fixed_order_claims_nothing_for_sampling(tmp_path: Path) -> None:
    found = load_digits()
    x, y = torch.tensor(found.data / 16, dtype=torch.float32), torch.tensor(found.target)
    training = PrivateTraining(epsilon=4.0, delta=1e-5, epochs=10, batch=100, order="fixed")
    book = Book(tmp_path / "budgets", Ed25519Signer("example.org/privacy", bytes(range(32))))
    book.grant("digits", epsilon=5.0, delta=1e-5)
    trained = training.fit(network(), x[:1400], y[:1400], book=book, data="digits")
    with torch.no_grad():
        assert float((trained.module(x[1400:]).argmax(1) == y[1400:]).float().mean()) > 0.6
    said = trained.certificate
    assert (said.releases, said.settings["steps"], said.trusted) == (1, 140, True)
    assert "fixed order" in said.sampler
    assert "DP-FTRL" in said.mechanism
    spent = Accountant().compose(Gaussian(said.noise / said.sensitivity))
    assert 3.99 < spent.epsilon(1e-5) <= 4.0
    assert dict(said.curve)[4.0] <= 1e-5
    assert book.account("digits").used == pytest.approx(4.0, rel=1e-3)
    sensitivity = best_factor(140, 14).sensitivity
    assert said.sensitivity * said.grid == pytest.approx(sensitivity, rel=0.01)
    with pytest.raises(UsageError, match="order"):
        PrivateTraining(epsilon=1.0, delta=1e-5, order="shuffled")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="fixed order"):
        attack(training)
