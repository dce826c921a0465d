"""Noise: as large as asked for, and how much linkage of real patients it prevents."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_diabetes

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables import Noise


@pytest.mark.parametrize("kind", ["gaussian", "laplace"])
def test_noise_has_the_distribution_that_was_asked_for(kind):
    column = pd.Series(np.zeros(20_000) + 0.123456789012)
    added = Noise(2.0, kind).apply(column).to_numpy() - column.to_numpy()
    shape = stats.norm(scale=2.0) if kind == "gaussian" else stats.laplace(scale=2.0 / np.sqrt(2))
    assert stats.kstest(added, shape.cdf).pvalue > 1e-6
    assert abs(added.std() - 2.0) < 0.1


def test_numbers_keep_their_form():
    whole = Noise(3.0).apply(pd.Series([1, 2, 3] * 50))
    assert whole.dtype == np.int64
    tenths = Noise(3.0).apply(pd.Series([1.5, np.nan, 2.5]))
    assert tenths.isna().tolist() == [False, True, False]
    assert np.allclose(tenths.dropna() * 10 % 1, 0)  # no fresh digits that would mark what is noise
    bounded = Noise(50.0, low=0.0, high=10.0).apply(pd.Series(np.linspace(0, 10, 500)))
    assert bounded.between(0, 10).all()


def test_noise_on_real_patients_prevents_linkage_by_their_blood_pressure_and_weight():
    """The attacker knows two numbers of each of 442 patients, and takes the nearest row."""
    table = load_diabetes(as_frame=True, scaled=False).data[["bmi", "bp"]]
    spread = table.std().to_numpy()
    noisy = np.column_stack([Noise(0.5 * table[name].std()).apply(table[name]) for name in table])

    def linked(released: np.ndarray) -> float:
        known = table.to_numpy() / spread
        far = ((known[:, None] - released[None] / spread) ** 2).sum(axis=2)
        best = far == far.min(axis=1, keepdims=True)
        return float((np.diag(best) / best.sum(axis=1)).mean())

    assert linked(table.to_numpy()) > 0.95
    assert linked(noisy) < 0.1
    assert np.abs(noisy.mean(axis=0) - table.mean()).max() < 1.5  # means are still of use


def test_what_noise_cannot_be_added_to_is_refused():
    with pytest.raises(DataError, match="holds no numbers"):
        Noise(1.0).apply(pd.Series(["a"], name="job"))
    with pytest.raises(DataError, match="infinite"):
        Noise(1.0).apply(pd.Series([np.inf]))
    for wrong in ({"scale": 0}, {"scale": np.nan}, {"scale": 1, "kind": "uniform"}, {"scale": 1, "low": 2, "high": 1}):
        with pytest.raises(UsageError):
            Noise(**wrong)
