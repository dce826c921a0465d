"""Lower bounds: honest mechanisms are not refuted more often than said, leaking ones are."""

from __future__ import annotations

import numpy as np
import pytest

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.audit.one_run import Guesses, chance, guess, lower_bound
from casemate.privacy.dp.audit.separation import separate
from casemate.privacy.dp.curves import delta_of, mu_of
from casemate.stats.proportions import clopper_pearson

DELTA = 1e-5


def curve_of(epsilon: float) -> list[tuple[float, float]]:
    mu = mu_of(epsilon, DELTA)
    return [(at, delta_of(mu, at)) for at in np.linspace(0, 1.5 * epsilon, 31)]


def run(mu: float, canaries: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    there = rng.random(canaries) < 0.5
    return mu * there + rng.normal(size=canaries), there


def test_the_pure_bound_is_that_of_a_binomial() -> None:
    """With delta 0 the chance of v right guesses is that of flipping a coin whose sides have odds exp(epsilon)."""
    for right in (60, 75, 99):
        bound = lower_bound(Guesses(100, 100, right), 0.0, 0.95)
        low = clopper_pearson(right, 100, 0.9).low  # one-sided 95 %
        assert bound == pytest.approx(np.log(low / (1 - low)), abs=1e-6)
    assert lower_bound(Guesses(100, 100, 50), 0.0, 0.95) == 0
    assert lower_bound(Guesses(100, 0, 0), 0.0, 0.95) == 0
    # delta only ever weakens a bound; the anchors' figure for 1,000 canaries at true epsilon 8 is about 2.5
    assert lower_bound(Guesses(1000, 200, 195), 0.0, 0.95) > lower_bound(Guesses(1000, 200, 195), DELTA, 0.95) > 2.5
    assert chance(Guesses(10, 10, 10), 50.0, 0.5) == 1.0


@pytest.mark.parametrize("epsilon", [1.0, 8.0])
def test_an_honest_gaussian_is_refuted_as_rarely_as_said(epsilon: float) -> None:
    rng, mu, curve = np.random.default_rng(1), mu_of(epsilon, DELTA), curve_of(epsilon)
    refuted, above, runs = 0, 0, 150
    for _ in range(runs):
        scores, there = run(mu, 600, rng)
        refuted += separate(scores, there, curve, 0.9).refutes(curve)
        above += lower_bound(guess(scores, there, 100), DELTA, 0.9) > epsilon
    assert clopper_pearson(refuted, runs, 0.999).low <= 0.1
    assert above == 0


@pytest.mark.parametrize(("epsilon", "factor"), [(8.0, 1.5), (4.0, 1.8), (2.0, 2.2)])
def test_a_leak_is_refuted_with_confidence(epsilon: float, factor: float) -> None:
    rng, mu, curve = np.random.default_rng(2), mu_of(epsilon, DELTA), curve_of(epsilon)
    shown = [separate(*run(factor * mu, 4000, rng), curve, 0.999) for _ in range(10)]
    assert sum(each.refutes(curve) for each in shown) >= 9
    assert max(each.epsilon(DELTA) for each in shown) > 0.3 * epsilon
    assert "recognized" in str(shown[0])


def test_absences_may_speak_louder_than_canaries() -> None:
    """A mechanism that now and then gives an absence away, and never a presence."""
    rng = np.random.default_rng(3)
    there = rng.random(4000) < 0.5
    scores = rng.normal(size=4000)
    scores[~there & (rng.random(4000) < 0.2)] = -50
    shown = separate(scores, there, [(1.0, DELTA)], 0.999)
    assert shown.absences
    assert shown.refutes([(1.0, DELTA)])


def test_guesses_are_the_scores_that_lie_farthest_out() -> None:
    scores = np.array([0.1, 5.0, -4.0, 0.2, 3.0, -1.0])
    there = np.array([False, True, False, True, False, True])
    assert guess(scores, there, 2) == Guesses(6, 2, 2)
    assert guess(scores, there, 4) == Guesses(6, 4, 2)
    assert guess(scores, there, 0) == Guesses(6, 0, 0)


def test_what_cannot_be_judged_is_refused() -> None:
    for canaries, made, right in ((10, 11, 3), (10, 5, 6), (0, 0, 0), (10, 5, -1)):
        with pytest.raises(UsageError):
            Guesses(canaries, made, right)
    rng = np.random.default_rng(4)
    with pytest.raises(DataError, match="too few"):
        separate(*run(1.0, 60, rng), curve_of(1.0), 0.95)
    scores, there = run(1.0, 400, rng)
    scores[3] = np.nan
    with pytest.raises(DataError, match="missing"):
        separate(scores, there, curve_of(1.0), 0.95)
