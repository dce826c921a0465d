"""The bound that a claim sets to every membership attack: honest scores keep it, better ones break it."""

from __future__ import annotations

import numpy as np
import pytest

from casemate.core.errors import UsageError
from casemate.privacy.dp.audit.one_run import Guesses, lower_bound
from casemate.privacy.dp.audit.points import GRID, points

EPSILON = 1.0


def scores(members: int, strangers: int, seed: int, epsilon: float = EPSILON) -> tuple[np.ndarray, np.ndarray]:
    """One number of sensitivity 1 behind Laplace noise: no test is better than epsilon, and some are as good."""
    rng = np.random.default_rng(seed)
    return 1 + rng.laplace(0, 1 / epsilon, members), rng.laplace(0, 1 / epsilon, strangers)


def shown(members: np.ndarray, strangers: np.ndarray, delta: float = 0.0) -> float:
    return max(each.epsilon(delta) for each in points(members, strangers, 0.99))


def test_honest_scores_are_refuted_as_rarely_as_promised() -> None:
    found = [shown(*scores(400, 300, seed)) for seed in range(300)]
    assert sum(each > EPSILON for each in found) <= 7  # 3 of 300 are allowed on average; more than 7, once in 90
    assert np.median(shown(*scores(20_000, 20_000, 7))) > 0.85 * EPSILON  # and what is there is nearly all shown


@pytest.mark.parametrize("side", ["members", "strangers"])
def test_whoever_is_recognized_too_well_is_shown(side: str) -> None:
    rng = np.random.default_rng(5)
    members, strangers = rng.normal(size=1000), rng.normal(size=1000)
    if side == "members":
        members[:100] = 50.0  # nine in ten members look like strangers, and one is known for sure
    else:
        strangers[:100] = -50.0
    assert shown(members, strangers) > 1.5
    (best,) = {each.strangers for each in points(members, strangers, 0.99) if each.epsilon(0.0) > 1.5}
    assert best == (side == "strangers")
    assert shown(members, strangers, delta=0.2) < 0.1  # a delta of 0.2 would allow to publish every fifth


def test_equal_scores_show_nothing() -> None:
    assert shown(np.ones(500), np.ones(500)) == 0.0
    assert shown(np.r_[np.ones(500)], np.r_[np.ones(400), np.zeros(100)]) > 1.0  # all members right, strangers not


def test_thresholds_are_set_beforehand_and_limits_are_exact() -> None:
    found = points(*scores(400, 300, 1), 0.99)
    assert [each.at for each in found if not each.strangers] == list(GRID)
    none = found[0]
    assert none.wrongly == 0
    # the share above the largest of 300 exceeds the limit f as often as (1 - f) ** 300 says
    assert (1 - none.wrong.high) ** 300 == pytest.approx(0.01 / (4 * len(GRID)), rel=1e-6)


def test_worlds_two_steps_apart_are_granted_both_steps() -> None:
    rng = np.random.default_rng(3)
    right = rng.binomial(400, 1 / (1 + np.exp(-2 * EPSILON)), size=300)  # pairs of an honest mechanism, all guessed
    once = [lower_bound(Guesses(400, 400, int(k)), 0.0, 0.99) for k in right]
    twice = [lower_bound(Guesses(400, 400, int(k)), 0.0, 0.99, steps=2) for k in right]
    assert np.mean(np.array(once) > EPSILON) > 0.9
    assert sum(each > EPSILON for each in twice) <= 7
    with_delta = lower_bound(Guesses(400, 400, 390), 1e-4, 0.99, steps=2)
    assert with_delta < lower_bound(Guesses(400, 400, 390), 0.0, 0.99, steps=2)
    with pytest.raises(UsageError):
        Guesses(10, 5, 6)
