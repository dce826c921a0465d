"""What released gradients show of the code that made them: whether noise, samples and clipping are as claimed.

A claim can be broken in ways that an attack on membership takes many runs to show, and one look at a transcript shows
at once: noise of a wrong size, used twice, or left out for some parameters; samples that are shuffled and not drawn;
sums with a trace of floating point. Each check is a test of a law that honest code follows exactly, with a chance of
error that is stated; together they stay within the doubt that is granted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, chi2, kstest, norm

from casemate.privacy.dp.certificate import Certificate

Floats = npt.NDArray[np.float64]
Coins = npt.NDArray[np.bool_]

CHECKS: Final = 8
"""Among which the doubt is divided."""
GRAINS: Final = 1e-3
"""Of a grid step: how far from a whole number of them a release may lie after one division."""
CLEAR: Final = 0.3
"""Noise, in clip norms, below which a transcript shows who took part."""
LAGS: Final = 3
"""Steps between which noise must not be alike."""


@dataclass(frozen=True)
class Transcript:
    """What an adversary saw of a training on canaries.

    Attributes:
        signal: (layers, steps, canaries) what each canary's coordinates held, in clip norms, times the square root of
            the number of layers: 1 where it took part and was clipped, and noise.
        raw: (layers, steps, canaries) one coordinate each, in the units of the released sum.
        there: (canaries,) who was a record.
        rate: of the samples, as claimed.
        noise: deviation of the noise in ``signal``, as claimed.
    """

    signal: Floats
    raw: Floats
    there: Coins
    rate: float
    noise: float


def findings(seen: Transcript, certificate: Certificate, confidence: float) -> tuple[str, ...]:
    """What in a transcript contradicts the certificate, each in words; honest code is accused with 1 - confidence."""
    doubt = (1 - confidence) / CHECKS
    found = [*_noise(seen, doubt), *_grid(seen, certificate)]
    if seen.noise <= CLEAR:
        found += [*_clipping(seen, doubt), *_samples(seen, doubt)]
    return tuple(found)


def _noise(seen: Transcript, doubt: float) -> list[str]:
    """Coordinates of those who are not there hold noise alone: independent, of one size."""
    found = []
    layers, steps, _ = seen.signal.shape
    alone = seen.signal[:, :, ~seen.there] / seen.noise
    count = alone.shape[2]
    low, high = (chi2.ppf(q, count) / count for q in (doubt / (4 * layers * steps), 1 - doubt / (4 * layers * steps)))
    power = (alone**2).mean(2)
    for layer in range(layers):
        odd = (power[layer] < low) | (power[layer] > high)
        if odd.any():
            far = float(np.sqrt(power[layer][odd][0]))
            often = f"in {int(odd.sum())} of {steps} steps"
            found.append(f"noise of layer {layer} is {far:.3g} times the size that is claimed, {often}")
        elif kstest(alone[layer].ravel(), norm.cdf).pvalue < doubt / layers:
            found.append(f"noise of layer {layer} is not Gaussian")
    flat = alone.transpose(1, 0, 2).reshape(steps, -1)
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True).clip(1e-300)
    alike = np.abs(np.triu(unit @ unit.T, 1))
    if steps > 1 and alike.max() > norm.isf(doubt / steps**2) / math.sqrt(flat.shape[1]):
        found.append("noise is used more than once")
    return found


def _grid(seen: Transcript, certificate: Certificate) -> list[str]:
    """Releases are whole numbers of grid steps."""
    steps = seen.raw / certificate.grid
    if np.abs(steps - np.rint(steps)).max() > GRAINS:
        return ["releases are not whole numbers of grid steps: the noise leaves a trace in floating point"]
    return []


def _clipping(seen: Transcript, doubt: float) -> list[str]:
    """Nobody adds more than the clip norm."""
    taking = seen.signal.mean(0)[:, seen.there]
    taking = taking[taking > 0.5]
    spread = seen.noise / math.sqrt(len(seen.signal))
    if len(taking) and taking.mean() > 1 + norm.isf(doubt) * spread / math.sqrt(len(taking)) + 2 * spread**2:
        return [f"records add {taking.mean():.3g} times what they are clipped to"]
    return []


def _samples(seen: Transcript, doubt: float) -> list[str]:
    """Records take part by themselves, as often as claimed."""
    found = []
    part = seen.signal.mean(0)[:, seen.there] > 0.5
    steps, count = part.shape
    spread = seen.noise / math.sqrt(len(seen.signal))
    blur = float(norm.sf(0.5 / spread))  # who took part is misread so often
    rate = seen.rate * (1 - blur) + (1 - seen.rate) * blur
    total = int(part.sum())
    if binom.sf(total - 1, steps * count, rate) < doubt:
        found.append(f"records take part in {part.mean():.3g} of the steps, and {seen.rate:.3g} is claimed")
    share = part.mean()
    for counts, size, what in ((part.sum(1), count, "batches"), (part.sum(0), steps, "records")):
        dispersion = float(((counts - counts.mean()) ** 2).sum() / max(size * share * (1 - share), 1e-12))
        free = len(counts) - 1
        if dispersion < chi2.ppf(doubt / 4, free) or dispersion > chi2.isf(doubt / 4, free):
            law = "sizes of batches" if what == "batches" else "numbers of times that records take part"
            found.append(f"{law} do not vary as those of Poisson samples do")
    return found
