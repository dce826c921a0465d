"""Gradient sums are released in whole grid steps, with the noise that was planned, drawn ahead."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import kstest

from casemate.core.errors import UsageError
from casemate.privacy.dp.noise import SeededEntropy
from casemate.privacy.dp.sgd.release import SLACK, GradientRelease


@pytest.mark.parametrize(("clip", "multiplier"), [(1.0, 1.1), (0.3, 0.05), (25.0, 8.0)])
def test_noise_is_gaussian_of_the_planned_size_on_a_grid(clip: float, multiplier: float) -> None:
    size = 5000
    total = torch.linspace(-clip, clip, size)
    with GradientRelease(size, clip, multiplier, SeededEntropy(1)) as release:
        released = [release(total) for _ in range(3)]
        steps = torch.stack(released) / release.grid
        assert bool((steps == steps.round()).all())
        noise = (torch.stack(released) - total.double()).flatten()
        assert kstest(noise / (release.scale * release.grid), "norm").pvalue > 1e-3
        assert float(noise.std()) == pytest.approx(multiplier * clip, rel=0.03)
        assert release.scale >= multiplier * release.sensitivity
        assert release.sensitivity * release.grid >= clip * (1 + SLACK) + math.sqrt(size) * release.grid
        assert release.sensitivity * release.grid <= clip * (1 + 2 * SLACK)
        assert release.distance < 2.0**-80
    correlated = torch.corrcoef(torch.stack(released) - total.double()) - torch.eye(3)
    assert float(correlated.abs().max()) < 5 / math.sqrt(size)  # no noise is used twice


def test_rounding_alone_never_moves_two_sums_farther_apart_than_is_paid_for() -> None:
    draw = torch.Generator().manual_seed(0)
    with GradientRelease(400, 1.0, 1e-3, SeededEntropy(2)) as release:
        for _ in range(50):
            total = torch.randn(400, generator=draw)
            more = torch.randn(400, generator=draw)
            other = total + more / more.norm()
            steps = ((total.double() / release.grid).round() - (other.double() / release.grid).round()).norm()
            assert float(steps) <= release.sensitivity


def test_what_cannot_be_is_refused() -> None:
    for clip, multiplier in ((0.0, 1.0), (math.inf, 1.0), (1.0, 0.0), (1.0, math.nan)):
        with pytest.raises(UsageError):
            GradientRelease(3, clip, multiplier, SeededEntropy(0))
    with GradientRelease(3, 1.0, 1.0, SeededEntropy(0)) as release, pytest.raises(UsageError):
        release(torch.zeros(4))
