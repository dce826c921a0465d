"""Log-odds are finite and ordered whatever the scores; likelihood ratios agree between exact and rounded answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.inversion.moments import Moments, cell_likelihood_ratio, likelihood_ratio
from casemate.threats.inversion.signals import log_odds, rounding_cell

LOGITS = st.floats(-6, 6)


def moments(mean_in, sd_in, mean_out, sd_out):
    return Moments(*(np.array([value]) for value in (mean_in, sd_in, mean_out, sd_out)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_log_odds_are_finite_and_follow_the_probability(ps):
    p = np.sort(np.array(ps))
    found = log_odds(np.column_stack([p, 1 - p]), np.zeros(len(p), dtype=np.int64))
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-12).all()


def test_log_odds_keep_what_float64_can_express():
    p = np.array([1e-9, 1 - 1e-9])
    found = log_odds(np.column_stack([p, 1 - p]), np.array([0, 0]))
    assert found == pytest.approx([-20.72, 20.72], abs=0.01)
    three = np.array([[0.2, 0.3, 0.5]])
    assert log_odds(three, np.array([1])) == pytest.approx(np.log(0.3 / 0.7))


@given(LOGITS, st.floats(0.05, 3), LOGITS, st.floats(0.05, 3), LOGITS)
def test_a_narrow_cell_is_a_density(mean_in, sd_in, mean_out, sd_out, z):
    them = moments(mean_in, sd_in, mean_out, sd_out)
    exact = likelihood_ratio(them, np.array([z]))
    if abs(exact[0]) < 500:
        narrow = cell_likelihood_ratio(them, np.array([z - 1e-5]), np.array([z + 1e-5]))
        assert narrow == pytest.approx(exact, rel=1e-2, abs=1e-2)


@given(LOGITS, st.floats(0.05, 3), LOGITS, st.floats(0.05, 3))
def test_cells_stay_finite_in_the_tails(mean_in, sd_in, mean_out, sd_out):
    them = moments(mean_in, sd_in, mean_out, sd_out)
    for low, high in ((-np.inf, -200.0), (200.0, np.inf), (0.0, np.inf), (-np.inf, np.inf)):
        assert np.isfinite(cell_likelihood_ratio(them, np.array([low]), np.array([high]))).all()


@given(st.floats(0.0, 1.0), st.integers(1, 4))
def test_the_cell_holds_what_was_rounded(p, digits):
    table = np.round(np.array([[p, 1 - p]]), digits)
    low, high = rounding_cell(table, np.array([0]), digits)
    with np.errstate(divide="ignore"):
        z = np.log(p) - np.log(1 - p)
    assert low[0] - 1e-6 <= z <= high[0] + 1e-6
