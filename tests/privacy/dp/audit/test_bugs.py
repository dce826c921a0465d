"""The attack on private training: honest code passes, code with a bug in one place is caught (row 8 of the issue)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from casemate.privacy.dp.audit.descent import Verdict, attack
from casemate.privacy.dp.sgd.clipping import Clipped, Clipper
from casemate.privacy.dp.sgd.release import GradientRelease
from casemate.privacy.dp.sgd.sampler import PoissonSampler
from casemate.privacy.dp.sgd.training import PrivateTraining

HONEST = PrivateTraining(epsilon=8.0, delta=1e-5, epochs=4, batch=100, clip_norm=0.7)
CANARIES = 1000


def looked_at(seed: int) -> Verdict:
    # noise of a seed, so that the test says the same each time: honest code may be accused once in a thousand runs
    return attack(replace(HONEST, seed=seed), canaries=CANARIES, confidence=0.999, seed=seed)


def clips_the_batch(patch: pytest.MonkeyPatch) -> None:
    """The mean is clipped, not each sample; noise is as for samples."""

    def clip(self: Clipper, x: torch.Tensor, y: torch.Tensor, clip_norm: float) -> Clipped:
        found = honest(self, x, y, 1e9)
        length = torch.stack([each.square().sum() for each in found.sums.values()]).sum().sqrt() / max(len(x), 1)
        factor = min(1.0, clip_norm / float(length.clamp_min(1e-12)))
        return replace(found, sums={name: each * factor for name, each in found.sums.items()})

    honest = Clipper.__call__
    patch.setattr(Clipper, "__call__", clip)


def leaves_a_layer_without_noise(patch: pytest.MonkeyPatch) -> None:
    def release(self: GradientRelease, total: torch.Tensor) -> torch.Tensor:
        half = len(total) // 2
        return torch.cat([honest(self, total)[:half], (total.double() / self.grid).round()[half:] * self.grid])

    honest = GradientRelease.__call__
    patch.setattr(GradientRelease, "__call__", release)


def shuffles(patch: pytest.MonkeyPatch) -> None:
    """Every record takes part exactly once an epoch."""

    def draw(self: PoissonSampler) -> np.ndarray:
        left = orders.setdefault(id(self), [])
        if not left:
            order = np.random.default_rng(len(orders)).permutation(self.records)
            left.extend(np.array_split(order, round(1 / self.rate)))
        return left.pop()

    orders: dict[int, list[np.ndarray]] = {}
    patch.setattr(PoissonSampler, "draw", draw)


def draws_more_than_it_accounts_for(patch: pytest.MonkeyPatch) -> None:
    def draw(self: PoissonSampler) -> np.ndarray:
        return np.flatnonzero(self.entropy.words(self.records) < np.uint64(1.5 * self._below))

    patch.setattr(PoissonSampler, "draw", draw)


def uses_noise_again(patch: pytest.MonkeyPatch) -> None:
    def draw(self: GradientRelease) -> np.ndarray:
        return kept.setdefault(id(self), honest(self))

    honest, kept = GradientRelease._draw, dict[int, np.ndarray]()
    patch.setattr(GradientRelease, "_draw", draw)


def clips_to_what_the_data_say(patch: pytest.MonkeyPatch) -> None:
    """To the median of the batch's norms; noise is as for the constant."""

    def clip(self: Clipper, x: torch.Tensor, y: torch.Tensor, clip_norm: float) -> Clipped:
        norms = honest(self, x, y, clip_norm).norms
        return honest(self, x, y, float(norms[norms > 0].median()) if bool((norms > 0).any()) else clip_norm)

    honest = Clipper.__call__
    patch.setattr(Clipper, "__call__", clip)


def adds_noise_in_floating_point(patch: pytest.MonkeyPatch) -> None:
    def release(self: GradientRelease, total: torch.Tensor) -> torch.Tensor:
        return total.double() + torch.randn(len(total), dtype=torch.float64) * self.scale * self.grid

    patch.setattr(GradientRelease, "__call__", release)


def divides_by_the_real_size(patch: pytest.MonkeyPatch) -> None:
    """As Opacus did for a while (issue 819 there): neighbors differ in what sums are divided by."""

    def draw(self: PoissonSampler) -> np.ndarray:
        rows = honest(self)
        sizes[id(self)] = len(rows)
        return rows

    honest, sizes = PoissonSampler.draw, dict[int, int]()
    patch.setattr(PoissonSampler, "draw", draw)
    patch.setattr(PoissonSampler, "expected", property(lambda self: max(sizes[id(self)], 1)))


def forgets_the_clip_norm(patch: pytest.MonkeyPatch) -> None:
    """Noise of the multiplier alone: too little where the clip norm is above 1, too much below it."""

    def draw(self: GradientRelease) -> np.ndarray:
        return np.rint(honest(self) * 0.7).astype(np.int64)

    honest = GradientRelease._draw
    patch.setattr(GradientRelease, "_draw", draw)


def releases_some_steps_without_noise(patch: pytest.MonkeyPatch) -> None:
    """Whenever a batch is small."""

    def release(self: GradientRelease, total: torch.Tensor) -> torch.Tensor:
        noisy = honest(self, total)
        few = float(total.norm()) < 5.0
        return (total.double() / self.grid).round() * self.grid if few else noisy

    honest = GradientRelease.__call__
    patch.setattr(GradientRelease, "__call__", release)


BUGS: list[Callable[[pytest.MonkeyPatch], None]] = [
    clips_the_batch,
    leaves_a_layer_without_noise,
    shuffles,
    draws_more_than_it_accounts_for,
    uses_noise_again,
    clips_to_what_the_data_say,
    adds_noise_in_floating_point,
    divides_by_the_real_size,
    forgets_the_clip_norm,
    releases_some_steps_without_noise,
]
every_bug = pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)


def test_honest_training_passes() -> None:
    verdict = looked_at(0)
    assert not verdict.refuted, verdict
    assert verdict.lower <= 8.0
    assert "not refuted" in str(verdict)


@every_bug
def test_bugs_are_caught(bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    verdict = looked_at(1)
    assert verdict.refuted, verdict
    assert "REFUTED" in str(verdict)


@pytest.mark.slow
def test_a_hundred_honest_trainings_pass() -> None:
    assert sum(looked_at(seed).refuted for seed in range(100)) == 0


@pytest.mark.slow
@every_bug
def test_bugs_are_caught_whatever_the_seed(
    bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bug(monkeypatch)
    assert sum(looked_at(seed).refuted for seed in range(10)) >= 8
