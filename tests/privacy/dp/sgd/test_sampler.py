"""Poisson sampling: each record by itself, with the probability that is accounted."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from casemate.core.errors import UsageError
from casemate.privacy.dp.accounting.events import Gaussian, Poisson
from casemate.privacy.dp.noise import SeededEntropy, SystemEntropy
from casemate.privacy.dp.sgd.sampler import PoissonSampler

DRAWS, RECORDS, RATE = 4000, 60, 0.07


def drawn() -> np.ndarray:
    sampler = PoissonSampler(RECORDS, RATE, SeededEntropy(3))
    found = np.zeros((DRAWS, RECORDS), dtype=bool)
    for row in found:
        row[sampler.draw()] = True
    return found


def test_sizes_of_batches_are_binomial_and_so_not_fixed() -> None:
    sizes = drawn().sum(1)
    edges = np.arange(13)
    expected = DRAWS * np.append(binom.pmf(edges[:-1], RECORDS, RATE), binom.sf(11, RECORDS, RATE))
    seen = np.append(np.bincount(sizes, minlength=60)[:12], (sizes > 11).sum())
    assert chisquare(seen, expected).pvalue > 1e-4
    assert 0 in sizes  # empty batches are drawn, too


def test_records_take_part_alike_and_by_themselves() -> None:
    found = drawn()
    once = found.sum(0)
    deviation = math.sqrt(DRAWS * RATE * (1 - RATE))
    assert np.abs(once - DRAWS * RATE).max() < 4.5 * deviation
    together = np.corrcoef(found.T) - np.eye(RECORDS)
    assert np.abs(together).max() < 5 / math.sqrt(DRAWS)
    again = np.array([np.corrcoef(found[:-1, each], found[1:, each])[0, 1] for each in range(RECORDS)])
    assert np.abs(again).max() < 4.5 / math.sqrt(DRAWS)


@pytest.mark.parametrize("rate", [1e-12, 1 / 3, 0.1, 256 / 60_000, 0.999999])
def test_what_is_accounted_is_no_less_than_what_is_drawn(rate: float) -> None:
    sampler = PoissonSampler(10, rate, SystemEntropy())
    event = sampler.event(1.0)
    assert isinstance(event, Poisson)
    assert Fraction(event.rate) >= Fraction(sampler._below, 1 << 64) >= Fraction(rate)
    assert event.rate == pytest.approx(rate, rel=1e-6)


def test_all_records_in_every_batch_is_no_sampling() -> None:
    sampler = PoissonSampler(7, 1.0, SystemEntropy())
    assert sampler.draw().tolist() == list(range(7))
    assert sampler.event(2.0) == Gaussian(2.0)
    assert sampler.expected == 7


@pytest.mark.parametrize(("records", "rate"), [(0, 0.1), (5, 0.0), (5, 1.01), (5, math.nan)])
def test_what_cannot_be_is_refused(records: int, rate: float) -> None:
    with pytest.raises(UsageError):
        PoissonSampler(records, rate, SystemEntropy())
