"""Noise is what it claims to be: its probabilities, its exactness where floating point cannot decide, its sources."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from casemate.core.errors import UsageError
from casemate.privacy.dp.noise import SeededEntropy, SystemEntropy, gaussian, laplace, rounded

CASES = [(gaussian, stats.norm), (laplace, stats.laplace)]


class Given:
    """Words that were chosen, then words of a seed."""

    trusted, name = False, "given"

    def __init__(self, words: list[int]) -> None:
        self.given, self.rest = words, SeededEntropy(0)
        self.asked = 0

    def words(self, count: int) -> np.ndarray:
        self.asked += count
        first, self.given = self.given[:count], self.given[count:]
        return np.concatenate([np.array(first, dtype=np.uint64), self.rest.words(count - len(first))])


@pytest.mark.parametrize(("draw", "law"), CASES)
@pytest.mark.parametrize("scale", [0.3, 1.0, 7.3])
def test_small_scales_have_the_probabilities_of_the_rounded_variable(draw, law, scale: float) -> None:
    size = 400_000
    found = draw(scale, size, SeededEntropy(5))
    most = int(np.abs(found).max())
    values = np.arange(-most, most + 1)
    chance = law.cdf((values + 0.5) / scale) - law.cdf((values - 0.5) / scale)
    counts = np.bincount(found + most, minlength=len(values))
    likely = chance * size >= 8
    expected = np.append(chance[likely], 1 - chance[likely].sum()) * size
    observed = np.append(counts[likely], counts[~likely].sum())
    assert stats.chisquare(observed, expected).pvalue > 1e-4


@pytest.mark.parametrize(("draw", "law"), CASES)
def test_large_scales_have_its_distribution_and_its_tails(draw, law) -> None:
    scale, size = 2.0**20, 1_000_000
    found = draw(scale, size, SeededEntropy(6)) / scale
    assert stats.kstest(found, law.cdf).pvalue > 1e-4
    for far in (3.0, 4.0, 4.5):
        expected = size * 2 * law.sf(far)
        assert abs((np.abs(found) > far).sum() - expected) < 5 * np.sqrt(expected) + 1
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 5 / np.sqrt(size)
    assert abs((found > 0).mean() - 0.5) < 5 / np.sqrt(4 * size)


@pytest.mark.parametrize(("draw", "exact"), [(gaussian, rounded._normal), (laplace, rounded._exponential)])
def test_every_sample_is_that_of_long_arithmetic(draw, exact) -> None:
    scale, size = 2.0**31, 3000
    words = SeededEntropy(7).words(size).tolist()
    found = np.abs(draw(scale, size, Given(list(words)))).tolist()
    with mpmath.workprec(256):
        for word, sample in zip(words, found, strict=True):
            bits = mpmath.mpf(word & (2**63 - 1))
            ends = [int(mpmath.floor(mpmath.mpf(scale) * exact((bits + at) / 2**64) + 0.5)) for at in (0, 1)]
            assert min(ends) <= sample <= max(ends)


@pytest.mark.parametrize("draw", [gaussian, laplace])
def test_bits_that_leave_the_sample_open_are_followed_by_more(draw) -> None:
    """Of so rare a size the first word says only roughly how large it is: floating point alone would always say one."""
    rest = SeededEntropy(1)
    found = set()
    for _ in range(20):
        given = Given([5])
        given.rest = rest
        found.add(int(draw(1000.0, 1, given)[0]))
    assert len(found) > 10


def test_first_bits_that_are_all_zero_draw_more() -> None:
    entropy = Given([0, 1 << 63])
    found = gaussian(1000.0, 2, entropy)
    assert entropy.asked > 2
    assert found[0] > 8000
    assert found[1] < -8000


def test_the_quantile_errs_by_less_than_is_allowed_for() -> None:
    rng = np.random.default_rng(0)
    half = np.concatenate([rng.uniform(2.0**-24, 0.5, 300), 2.0 ** -rng.uniform(1, 24, 300)])
    with mpmath.workprec(256):
        true = np.array([float(rounded._normal(mpmath.mpf(each)) - mpmath.mpf(-float(ndtri(each)))) for each in half])
        logs = np.array(
            [float(rounded._exponential(mpmath.mpf(each)) - mpmath.mpf(-float(np.log(2 * each)))) for each in half]
        )
    assert np.abs(true / (1 - ndtri(half))).max() < rounded.SLIP / 16
    assert np.abs(logs / (1 - np.log(2 * half))).max() < rounded.SLIP / 16


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, 2.0**33])
def test_scales_that_cannot_be_drawn_are_refused(scale: float) -> None:
    with pytest.raises(UsageError, match="cannot be drawn"):
        gaussian(scale, 1, SystemEntropy())


def test_sources_differ_and_say_whether_they_can_be_trusted() -> None:
    assert SystemEntropy().words(4).tolist() != SystemEntropy().words(4).tolist()
    one, other = SeededEntropy(3), SeededEntropy(3)
    assert one.words(5).tolist() == other.words(5).tolist()
    assert one.words(5).tolist() == other.words(5).tolist()
    assert SeededEntropy(4).words(5).tolist() != SeededEntropy(3).words(5).tolist()
    assert SystemEntropy().trusted
    assert not one.trusted
    assert len(one.words(0)) == 0


def test_words_do_not_depend_on_how_many_are_asked_for_at_a_time() -> None:
    size = 300_000
    whole, parts = SeededEntropy(1).words(size), SeededEntropy(1)
    assert (whole == np.concatenate([parts.words(100_000) for _ in range(3)])).all()


def test_a_forked_process_draws_other_noise() -> None:
    entropy = SystemEntropy()
    entropy._owner = -1  # as if this were the child
    stream = entropy._stream
    entropy.words(2)
    assert entropy._stream is not stream
    assert entropy._owner != -1
