"""Curves of epsilon and delta: known values, inverses of each other, and on the safe side."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from casemate.core.errors import UsageError
from casemate.privacy.dp.curves import delta_of, epsilon_of, mu_of


@given(mu=st.floats(0.01, 6), epsilon=st.floats(0.0, 12))
def test_delta_is_the_integral_that_defines_it(mu: float, epsilon: float) -> None:
    """The largest excess of one density over e^epsilon times the other (hockey-stick divergence)."""
    edge = epsilon / mu + mu / 2
    true, _ = quad(lambda x: norm.pdf(x, mu) - math.exp(epsilon) * norm.pdf(x), edge, edge + 14 + mu, epsabs=1e-15)
    assert delta_of(mu, epsilon) == pytest.approx(true, rel=1e-6, abs=1e-13)


@given(epsilon=st.floats(0.001, 30), power=st.integers(2, 12))
def test_budgets_are_met_and_hardly_missed(epsilon: float, power: int) -> None:
    delta = 10.0**-power
    mu = mu_of(epsilon, delta)
    assert delta_of(mu, epsilon) <= delta
    assert delta_of(mu * 1.0001, epsilon) > delta * 0.9999
    back = epsilon_of(mu, delta)
    assert delta_of(mu, back) <= delta
    assert back <= epsilon * 1.0001 + 1e-9


def test_no_signal_costs_nothing() -> None:
    assert delta_of(0.0, 1.0) == 0.0
    assert epsilon_of(0.0, 1e-5) == 0.0


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(-1.0, 1e-5), (math.inf, 1e-5), (math.nan, 1e-5), (1.0, 0.0), (1.0, 1.0)]
)
def test_budgets_that_are_none_are_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(UsageError):
        mu_of(epsilon, delta)
