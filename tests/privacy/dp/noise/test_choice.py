"""The exponential mechanism chooses with its true probabilities, and tells no more than what it is counted as."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, ndtri
from scipy.stats import chisquare

from casemate.core.errors import UsageError
from casemate.privacy.dp.curves import delta_of, epsilon_of_choice, mu_of_choice
from casemate.privacy.dp.noise import SeededEntropy, choose


def test_probabilities_are_those_of_the_exponentials() -> None:
    scores, source = [0.0, -2.0, 3.0, -60.0], SeededEntropy(1)
    drawn = np.bincount([choose(scores, 0.5, source) for _ in range(5000)], minlength=4)
    shares = np.exp(np.array(scores) / 2)
    shares /= shares.sum()
    assert drawn[3] == 0
    assert chisquare(drawn[:3], 5000 * shares[:3] / shares[:3].sum()).pvalue > 1e-4


def test_exponents_far_beyond_floating_point_are_no_trouble() -> None:
    assert choose([-1e9, 0.0, -1e9], 1.0, SeededEntropy(0)) == 1
    assert choose([1e9, 1e9 - 1e4], 1.0, SeededEntropy(0)) == 0
    with pytest.raises(UsageError, match="nothing to choose"):
        choose([math.nan], 1.0, SeededEntropy(0))
    with pytest.raises(UsageError, match="nothing to choose"):
        choose([], 1.0, SeededEntropy(0))


@pytest.mark.parametrize("epsilon", [0.01, 0.3, 1.0, 3.0, 8.0])
def test_no_two_outcomes_within_the_range_tell_more_than_the_gaussian_release(epsilon: float) -> None:
    """Wherever the interval of losses lies: every hockey-stick divergence is at most the Gaussian one."""
    mu = mu_of_choice(epsilon)
    middle = np.linspace(-12, 12, 241)
    above, below = expit(middle + epsilon / 2), expit(middle - epsilon / 2)  # losses differ by epsilon
    assert (ndtri(above) - ndtri(below)).max() <= mu
    for budget in np.linspace(0, epsilon, 7):
        told = np.maximum(above - math.exp(budget) * below, 0) + np.maximum(
            (1 - above) - math.exp(budget) * (1 - below), 0
        )
        assert told.max() <= delta_of(mu, float(budget)) + 1e-12
    assert mu_of_choice(epsilon_of_choice(mu)) <= mu
