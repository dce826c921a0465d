"""Noise of the cube has the density that it is said to have, and a long product is rounded as the real number is."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy.stats import chisquare, gamma, kstest

from casemate.core.errors import UsageError
from casemate.privacy.dp.noise import SeededEntropy, box
from casemate.privacy.dp.noise.box import WORDS, deviation


def test_lengths_and_places_in_the_cube_follow_their_distributions() -> None:
    entropy, size = SeededEntropy(0), 5
    drawn = np.array([box(1e6, size, entropy) for _ in range(3000)]) / 1e6
    largest = np.abs(drawn).max(axis=1)
    # the largest coordinate of length times cube: density r^(d-1) exp(-r), a Gamma distribution of shape d
    assert kstest(largest, gamma(size).cdf).pvalue > 1e-3
    others = np.sort(np.abs(drawn), axis=1)[:, :-1] / largest[:, None]
    assert kstest(others[:, 0], lambda r: 1 - (1 - r) ** (size - 1)).pvalue > 1e-3
    assert chisquare([(drawn[:, 0] > 0).sum(), (drawn[:, 0] < 0).sum()]).pvalue > 1e-3
    assert drawn.std() == pytest.approx(deviation(1.0, size), rel=0.05)


def test_small_noise_has_the_chances_of_whole_numbers() -> None:
    """One coordinate: length is Gamma of shape 2, so the density is exp(-|z| / s) / (2 s), the Laplace one."""
    entropy, scale = SeededEntropy(1), 1.5
    drawn = np.array([int(box(scale, 1, entropy)[0]) for _ in range(6000)])

    def below(place: float) -> float:
        return 0.5 * math.exp(place / scale) if place < 0 else 1 - 0.5 * math.exp(-place / scale)

    whole = np.arange(-5, 6)
    chances = [below(each + 0.5) - below(each - 0.5) for each in whole]
    seen = [(drawn == each).sum() for each in whole]
    rest = len(drawn) - sum(seen)
    assert chisquare([*seen, rest], np.array([*chances, 1 - sum(chances)]) * len(drawn)).pvalue > 1e-3


def test_two_vectors_a_step_apart_have_densities_apart_by_no_more_than_is_claimed() -> None:
    """Counted in the plane, for a distance of one step in both coordinates and a scale of one step."""
    entropy = SeededEntropy(2)
    drawn = np.array([box(1.0, 2, entropy) for _ in range(20_000)])
    counts = {(a, b): int(((drawn[:, 0] == a) & (drawn[:, 1] == b)).sum()) for a in range(-2, 3) for b in range(-2, 3)}
    for (a, b), many in counts.items():
        other = counts.get((a + 1, b + 1))
        if other is not None and min(many, other) > 100:
            doubt = 4 * math.sqrt(1 / many + 1 / other)
            assert abs(math.log(many / other)) <= 1.0 + doubt


def test_rounding_is_that_of_the_real_number() -> None:
    size, scale = 40, 12345.678
    found = box(scale, size, SeededEntropy(3))
    words = SeededEntropy(3).words(WORDS * (2 * size + 1)).reshape(-1, WORDS).tolist()
    numbers = [first << 128 | second << 64 | third for first, second, third in words]
    with mpmath.workprec(600):
        length = -sum(mpmath.log(mpmath.mpf(2 * each + 1) / 2**193) for each in numbers[: size + 1]) * mpmath.mpf(scale)
        for value, number in zip(found, numbers[size + 1 :], strict=True):
            place = length * mpmath.mpf(number % 2**191) / 2**191
            assert abs(int(value)) == int(mpmath.floor(place + 0.5))
            assert value == 0 or (value < 0) == (number >= 2**191)
    assert Fraction(scale) == Fraction(12345.678)


def test_what_cannot_be_drawn_is_refused() -> None:
    for scale in (0.0, -1.0, math.nan, 2.0**33):
        with pytest.raises(UsageError):
            box(scale, 3, SeededEntropy(0))
