"""Preprocessors against other implementations, and the ways in which they are differentiated."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter, median_filter
from torch import nn

from casemate.core.errors import DataError, TargetError, UsageError
from casemate.targets import TorchClassifier
from casemate.threats.evasion.guards import (
    JPEG,
    BitDepth,
    Canonical,
    Gaussian,
    Median,
    Preprocessed,
    Preprocessor,
    RandomResized,
    TotalVariation,
)
from casemate.threats.evasion.guards.jpeg import LUMINANCE
from casemate.threats.evasion.guards.preprocess import through
from tests.threats.evasion.guards.scene import network
from tests.threats.evasion.networks import digits

ALL = [BitDepth(1), BitDepth(3), Median(2), Median(3), Gaussian(0.8), TotalVariation(0.1), JPEG(50)]
NAMES = [f"{type(each).__name__}{at}" for at, each in enumerate(ALL)]
every = pytest.mark.parametrize("preprocessor", ALL, ids=NAMES)


def pictures(count: int = 3, channels: int = 1, high: int = 13, wide: int = 17) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((count, channels, high, wide), dtype=np.float32))


def test_bit_depth_is_exact() -> None:
    values = torch.tensor([0.0, 0.16, 0.17, 0.5, 0.84, 1.0])
    assert BitDepth(2)(values).mul(3).tolist() == [0, 0, 1, 2, 3, 3]  # torch rounds halves to even
    levels = torch.arange(256) / 255
    torch.testing.assert_close(BitDepth(8)(levels), levels, rtol=0, atol=1e-7)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_medians_are_scipys(size: int) -> None:
    x = pictures(2, 3)
    wanted = median_filter(x.numpy(), size=(1, 1, size, size), mode="reflect")
    assert np.array_equal(Median(size)(x).numpy(), wanted)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 7.0])
def test_blurs_are_scipys(sigma: float) -> None:
    x = pictures(2, 3)
    wanted = gaussian_filter(x.numpy().astype(np.float64), (0, 0, sigma, sigma), mode="reflect", truncate=3.0)
    np.testing.assert_allclose(Gaussian(sigma)(x).numpy(), wanted, atol=2e-6)


def objective(made: torch.Tensor, x: torch.Tensor, weight: float) -> float:
    variation = made.diff(dim=2).abs().sum() + made.diff(dim=3).abs().sum()
    return float(0.5 * (made - x).square().sum() + weight * variation)


def test_total_variation_goes_towards_the_least_of_its_objective() -> None:
    x = pictures(1)
    values = [objective(TotalVariation(0.1, steps)(x), x, 0.1) for steps in (5, 20, 100, 1000)]
    assert objective(x, x, 0.1) > values[0] > values[1] > values[2] >= values[3]
    assert values[1] < 1.01 * values[3]
    # at the least, no small change of it is better
    best = TotalVariation(0.1, 1000)(x)
    for seed in range(5):
        moved = best + 0.01 * torch.randn(best.shape, generator=torch.Generator().manual_seed(seed))
        assert objective(moved, x, 0.1) > values[3]
    flat = torch.full((1, 1, 5, 5), 0.25)
    torch.testing.assert_close(TotalVariation(0.1)(flat), flat)


def reference_jpeg(image: np.ndarray, quality: int) -> tuple[np.ndarray, np.ndarray]:
    """One gray image, by scipy's transform and the standard's table, and where no rounding was near a tie."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    table = np.clip((np.array(LUMINANCE) * scale + 50) // 100, 1, 255)
    high, wide = image.shape
    padded = np.pad(image.astype(np.float64), ((0, -high % 8), (0, -wide % 8)), mode="edge") - 128
    made, sure = np.empty_like(padded), np.empty(padded.shape, dtype=np.bool_)
    for row in range(0, padded.shape[0], 8):
        for column in range(0, padded.shape[1], 8):
            at = slice(row, row + 8), slice(column, column + 8)
            kept = dctn(padded[at], norm="ortho") / table
            made[at] = idctn(np.round(kept) * table, norm="ortho") + 128
            sure[at] = bool((np.abs(kept - np.floor(kept) - 0.5) > 1e-3).all())
    sure &= np.abs(made - np.floor(made) - 0.5) > 1e-3
    return np.clip(np.round(made), 0, 255)[:high, :wide], sure[:high, :wide]


@pytest.mark.parametrize("quality", [5, 30, 50, 75, 96, 100])
def test_jpeg_is_the_standard_with_an_exact_transform(quality: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (4, 19, 30))
    made = JPEG(quality)(torch.from_numpy(images / 255).float()[:, None]).mul(255)[:, 0].numpy()
    np.testing.assert_allclose(made, np.round(made), atol=1e-3)
    for each, image in zip(made, images, strict=True):
        wanted, sure = reference_jpeg(image, quality)
        assert float(sure.mean()) > 0.2  # at quality 100 each eighth mean of a block is a tie
        np.testing.assert_allclose(each[sure], wanted[sure], atol=1e-3)


def test_jpeg_in_color_keeps_smooth_colors() -> None:
    row = torch.linspace(0.1, 0.9, 24)
    x = torch.stack([row[None].expand(16, -1), row.flip(0)[None].expand(16, -1), torch.full((16, 24), 0.4)])[None]
    assert float((JPEG(95)(x) - x).abs().max()) < 0.03
    assert float((JPEG(10)(x) - x).abs().max()) > 0.03
    with pytest.raises(DataError, match="JPEG of 2 channels"):
        JPEG(50)(x[:, :2])


def test_random_resizing_draws_anew_and_keeps_the_shape() -> None:
    x = pictures()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = RandomResized(0.7)(x), RandomResized(0.7)(x)
    assert first.shape == x.shape
    assert not torch.equal(first, second)
    assert RandomResized.random


@every
def test_an_adversary_s_way_changes_gradients_and_no_answer(preprocessor: Preprocessor) -> None:
    scene = digits()
    guarded = Preprocessed(preprocessor, network())
    with torch.no_grad():
        wanted = guarded(scene.x[:20])
    for way, module in guarded.ways().items():
        leaf = scene.x[:20].clone().requires_grad_()
        found = module(leaf)
        assert torch.equal(found, wanted), way
        (slope,) = torch.autograd.grad(found[:, 3].sum(), leaf)
        assert bool((slope.flatten(1).abs().amax(1) > 0).all()), way
        assert bool(torch.isfinite(slope).all()), way
        assert torch.equal(TorchClassifier(module, 10).logits(scene.x[:20]), wanted)


def test_without_a_way_rounding_has_no_gradient() -> None:
    leaf = digits().x[:5].clone().requires_grad_()
    (slope,) = torch.autograd.grad(Preprocessed(BitDepth(2), network())(leaf).sum(), leaf)
    assert not bool(slope.any())


def test_through_has_the_value_of_one_and_the_slope_of_the_other() -> None:
    leaf = torch.tensor([0.26, 0.74], requires_grad=True)
    made = through(leaf, torch.round, torch.square)
    (slope,) = torch.autograd.grad(made.sum(), leaf)
    assert made.tolist() == [0.0, 1.0]
    torch.testing.assert_close(slope, 2 * leaf.detach())


def test_any_function_can_be_a_preprocessor() -> None:
    scene = digits()
    outside = Preprocessed(Canonical(lambda x: np.round(x * 3) / 3), network())
    inside = Preprocessed(BitDepth(2), network())
    with torch.no_grad():
        torch.testing.assert_close(outside(scene.x[:30]), inside(scene.x[:30]))
    leaf = scene.x[:30].clone().requires_grad_()
    (slope,) = torch.autograd.grad(outside.ways()["identity"](leaf)[:, 0].sum(), leaf)
    assert bool(slope.any())


def test_a_function_that_fails_is_named() -> None:
    def fails(x: np.ndarray) -> np.ndarray:
        raise ValueError("no codec")

    with pytest.raises(TargetError, match=r"raised ValueError.*no codec"):
        Preprocessed(Canonical(fails), network())(digits().x[:2])
    with pytest.raises(TargetError, match="answered"):
        Preprocessed(Canonical(lambda x: x[:, :, 1:]), network())(digits().x[:2])


def test_a_function_cannot_change_what_it_was_given() -> None:
    def writes(x: np.ndarray) -> np.ndarray:
        x[:] = 0
        return x

    x = digits().x[:2].clone()
    Preprocessed(Canonical(writes), network())(x)
    assert torch.equal(x, digits().x[:2])


@every
def test_what_is_no_image_is_refused(preprocessor: Preprocessor) -> None:
    guarded = Preprocessed(preprocessor, nn.Flatten())
    with pytest.raises(DataError, match="no images"):
        guarded(torch.rand(4, 64))
    with pytest.raises(DataError, match="NaN"):
        guarded(torch.full((1, 1, 8, 8), float("nan")))


@pytest.mark.parametrize(
    "make",
    [
        lambda: BitDepth(0),
        lambda: BitDepth(9),
        lambda: Median(1),
        lambda: Gaussian(0),
        lambda: Gaussian(float("nan")),
        lambda: TotalVariation(-1),
        lambda: TotalVariation(0.1, 0),
        lambda: JPEG(0),
        lambda: JPEG(101),
        lambda: RandomResized(1.0),
    ],
)
def test_settings_that_make_no_sense_are_refused(make) -> None:
    with pytest.raises(UsageError):
        make()


@every
def test_one_pixel_and_one_row_are_images_too(preprocessor: Preprocessor) -> None:
    for shape in ((1, 1, 1, 1), (2, 1, 1, 9), (1, 1, 9, 1)):
        assert preprocessor(torch.rand(shape)).shape == shape
