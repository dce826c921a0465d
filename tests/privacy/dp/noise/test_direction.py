"""Directions are drawn with Bingham's density, lie on a grid, and their basis is orthogonal to many digits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import i0, i1
from scipy.stats import kstest, vonmises

from casemate.privacy.dp.noise import SeededEntropy, direction
from casemate.privacy.dp.noise.direction import FIXED, GRID, _orthogonal


def turn(columns: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(columns, columns)))[0]


def test_in_the_plane_twice_the_angle_follows_von_mises() -> None:
    """exp(k cos^2 a) = exp(k / 2) exp(k / 2 cos 2 a)."""
    around, entropy = turn(2), SeededEntropy(0)
    matrix = around @ np.diag([3.0, 0.0]) @ around.T
    drawn = np.array([direction(matrix, entropy) for _ in range(1500)]) @ around
    angles = 2 * np.arctan2(drawn[:, 1], drawn[:, 0])
    assert kstest(np.angle(np.exp(1j * angles)), vonmises(1.5).cdf).pvalue > 1e-3
    assert (drawn**2).mean(axis=0)[0] == pytest.approx(0.5 + 0.5 * i1(1.5) / i0(1.5), abs=0.03)


def test_in_space_squares_have_the_means_of_the_density() -> None:
    random, around, entropy = np.random.default_rng(0), turn(4), SeededEntropy(1)
    values = np.array([6.0, 4.0, 1.0, -3.0])
    drawn = np.array([direction(around @ np.diag(values) @ around.T, entropy) for _ in range(1200)]) @ around
    even = random.normal(size=(400_000, 4))
    even /= np.linalg.norm(even, axis=1, keepdims=True)
    weights = np.exp((even**2) @ values)
    wanted = weights @ even**2 / weights.sum()
    assert (drawn**2).mean(axis=0) == pytest.approx(wanted, abs=0.03)
    assert np.abs(drawn.mean(axis=0)).max() < 0.1  # no side is preferred


def test_it_lies_on_a_grid_and_nearly_on_the_sphere() -> None:
    found = direction(turn(9) @ np.diag(np.arange(9.0) * 50) @ turn(9).T, SeededEntropy(2))
    assert (found * 2**GRID == np.rint(found * 2**GRID)).all()
    assert np.linalg.norm(found) == pytest.approx(1, abs=9 * 2.0**-GRID)
    assert abs(direction(np.array([[5.0]]), SeededEntropy(0))[0]) == 1.0


def test_the_basis_is_orthogonal_to_nearly_all_bits_and_is_the_one_that_was_given() -> None:
    given = np.linalg.eigh(turn(12) @ np.diag(np.arange(12.0)) @ turn(12).T)[1]
    exact = _orthogonal(given)
    gap = (exact.T @ exact) - (1 << (2 * FIXED)) * np.eye(12, dtype=object)
    assert max(abs(each) for each in gap.ravel()) < 1 << (FIXED + 8)
    assert np.abs(exact.astype(np.float64) * 2.0**-FIXED - given).max() < 1e-14
