"""Codes with few records are joined and told apart again, by noisy counts alone."""

from __future__ import annotations

import numpy as np
import pytest

from casemate.privacy.dp.synthetic.grouping import grouped
from casemate.privacy.dp.synthetic.meter import Measured


def measured(counts: list[float], deviation: float = 10.0) -> Measured:
    return Measured((0,), np.array(counts), np.full(len(counts), deviation**-2))


def test_rare_categories_become_one_group() -> None:
    found = grouped(measured([500.0, 3.0, 200.0, -8.0, 25.0]), ordered=False, missing=False)
    assert found.group.tolist() == [0, 2, 1, 2, 2]
    assert found.measured.counts.tolist() == [500.0, 200.0, 20.0]
    assert found.measured.precision.tolist() == pytest.approx([0.01, 0.01, 0.01 / 3])
    assert found.within.tolist() == pytest.approx([1, 3 / 28, 1, 0, 25 / 28])


def test_neighboring_numbers_are_joined_until_they_stand_out_and_missing_ones_never() -> None:
    found = grouped(measured([0.0, 5.0, 100.0, 300.0, 1.0, 2.0, 40.0]), ordered=True, missing=True)
    assert found.group.tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert found.measured.counts.tolist() == [105.0, 303.0, 40.0]


@pytest.mark.parametrize("ordered", [False, True])
def test_nothing_stands_out_of_noise(ordered: bool) -> None:
    found = grouped(measured([-5.0, 1.0, -3.0]), ordered=ordered, missing=False)
    assert found.size == 1
    assert found.within.sum() == pytest.approx(1)
    none = grouped(measured([-5.0, -1.0]), ordered=ordered, missing=False)
    assert none.within.tolist() == [0.5, 0.5]


def test_codes_are_drawn_in_the_shares_of_their_group() -> None:
    found = grouped(measured([500.0, 3.0, 200.0, 9.0]), ordered=False, missing=False)
    codes = found.draw(np.array([0] * 100 + [2] * 6000 + [1] * 50), np.random.default_rng(0))
    assert set(codes[:100]) == {0}
    assert set(codes[6100:]) == {2}
    assert np.bincount(codes[100:6100], minlength=4).tolist() == pytest.approx([0, 1500, 0, 4500], abs=150)
