"""Numbers with noise are drawn together as far as noise explains that they differ."""

from __future__ import annotations

import numpy as np
import pytest

from casemate.privacy.dp.shrinkage import drawn, positive


def test_means_are_drawn_together_as_far_as_noise_explains_their_distance() -> None:
    random = np.random.default_rng(0)
    doubt = np.full((3, 200), 0.5)
    same, left = drawn(0.3 + random.normal(0, 0.5, (3, 200)), doubt)
    assert np.std(same, axis=0).mean() < 0.1
    assert (left < 0.5).all()
    apart, _ = drawn(np.array([[-9.0], [0.0], [9.0]]) + random.normal(0, 0.5, (3, 200)), doubt)
    assert apart.mean(axis=1) == pytest.approx([-9, 0, 9], abs=0.2)


def test_what_is_positive_and_hardly_seen_is_about_as_large_as_its_noise() -> None:
    assert positive(np.array([3.0, 0.0, -5.0]), np.array([1e-9, 1.0, 1.0])) == pytest.approx([3, 0.798, 0.187], 2e-2)


def test_a_group_that_was_hardly_seen_says_nothing_of_the_others() -> None:
    random = np.random.default_rng(1)
    doubt = np.repeat([[0.1], [0.1], [50.0]], 40, axis=1)
    truth = random.normal(0, 1, (3, 40))
    found, left = drawn(truth + random.normal(0, 1, (3, 40)) * doubt, doubt)
    assert np.abs(found - truth)[:2].max() < 0.5
    assert np.abs(found[2]).max() < 4
    assert (left[2] > left[0]).all()
