"""Sums are exact, and no record adds more than it may, whatever it holds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array

from casemate.core.errors import DataError
from casemate.privacy.dp.linear.grid import Clip, sparse

NUMBERS = st.floats(-1e300, 1e300, allow_nan=False)


@given(
    rows=arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 7)), elements=NUMBERS),
    norm=st.sampled_from([1, 2]),
    bits=st.integers(4, 20),
    bound=st.sampled_from([0.5, 1.0, 3.0]),
)
def test_no_vector_is_longer_than_its_bound_and_all_are_whole(
    rows: np.ndarray, norm: int, bits: int, bound: float
) -> None:
    clip = Clip(bound, norm, bits)
    found = clip(rows)
    assert (found == np.rint(found)).all()
    for row in found:
        whole = [Fraction(value) for value in row.tolist()]
        length = sum(abs(value) for value in whole) if norm == 1 else sum(value * value for value in whole)
        assert length <= Fraction(clip.steps) ** norm


@given(rows=arrays(np.float64, (4, 3), elements=st.floats(-0.5, 0.5)))
def test_short_vectors_are_only_rounded(rows: np.ndarray) -> None:
    found = Clip(1.0, 2, 16)(rows) * 2.0**-16
    assert np.abs(found - rows).max() <= 2.0**-16


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_what_has_no_norm_is_refused(strange: float) -> None:
    with pytest.raises(DataError, match="missing or infinite"):
        Clip(1.0, 2, 8)(np.array([[1.0, strange]]))


def test_sums_do_not_depend_on_their_order() -> None:
    rng = np.random.default_rng(0)
    rows, weights = Clip(1.0, 2, 14)(rng.normal(size=(5000, 30))), Clip(0.5, 2, 12)(rng.normal(size=(5000, 2)))
    order = rng.permutation(5000)
    assert (rows.T @ weights == rows[order].T @ weights[order]).all()
    parts = sum(rows[at : at + 7].T @ weights[at : at + 7] for at in range(0, 5000, 7))
    assert (rows.T @ weights == parts).all()


def test_sparse_rows_give_the_same_sums_to_the_last_digit() -> None:
    rng = np.random.default_rng(0)
    rows = Clip(1.0, 2, 14)(rng.normal(size=(500, 40)) * (rng.random((500, 40)) < 0.1))
    residuals = Clip(0.5, 2, 12)(rng.normal(size=(500, 1)))
    thin = sparse(rows)
    assert isinstance(thin, csr_array)
    assert (thin.T @ residuals == rows.T @ residuals).all()
    assert not isinstance(sparse(rows + 1), csr_array)
