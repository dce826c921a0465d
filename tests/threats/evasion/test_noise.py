"""Random numbers that belong to samples."""

from __future__ import annotations

import numpy as np

from casemate.threats.evasion.noise import Noise


def test_they_depend_on_the_sample_alone() -> None:
    noise = Noise(3, "start")
    whole = noise.uniform(np.arange(50), (7,))
    order = np.random.default_rng(0).permutation(50)
    assert np.array_equal(noise.uniform(order, (7,)), whole[order])
    assert np.array_equal(noise.uniform([9], (7,)), whole[[9]])


def test_seed_purpose_and_turn_give_others() -> None:
    first = Noise(0, "a").uniform([1], (100,))
    for other in (
        Noise(1, "a").uniform([1], (100,)),
        Noise(0, "b").uniform([1], (100,)),
        Noise(0, "a").uniform([1], (100,), 1),
        Noise(0, "a").uniform([2], (100,)),
    ):
        assert (first != other).mean() > 0.99


def test_they_are_uniform_and_unrelated() -> None:
    drawn = Noise(0, "start").uniform(np.arange(400), (500,))
    assert drawn.min() >= 0
    assert drawn.max() < 1
    shares = np.histogram(drawn, bins=20, range=(0, 1))[0] / drawn.size
    assert np.abs(shares - 0.05).max() < 0.0025  # five standard errors
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.012
    assert abs(np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]) < 0.012
