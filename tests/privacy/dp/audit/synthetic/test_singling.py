"""Singling out: copies point at people, a table of other people does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.audit.synthetic import single_out


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(0, 90, rows),
            "code": rng.integers(0, 40, rows).astype(str),
            "city": rng.integers(0, 40, rows).astype(str),
        }
    )


def test_a_copy_points_at_people_and_a_table_of_others_does_not() -> None:
    private, control = people(500, 0), people(500, 1)
    copied = single_out(private, private, control, columns=3, predicates=300)
    assert copied.inside.value == 1.0
    assert copied.gain.low > 0.4
    assert copied.predicates == 300
    other = single_out(private, people(500, 2), control, columns=3, predicates=300)
    assert other.gain.low < 0 < other.gain.high
    assert other.inside.high < 0.5


def test_what_is_unique_by_one_value_is_found_with_one_column() -> None:
    private = pd.DataFrame({"x": np.arange(200.0), "city": ["a", "b"] * 100})
    control = pd.DataFrame({"x": np.arange(200.0) + 0.5, "city": ["a", "b"] * 100})
    found = single_out(private, private, control, columns=1, predicates=10)
    assert found.predicates == 2  # the least and the greatest
    assert found.inside.value == 1.0


def test_where_nothing_tells_records_apart_it_is_said() -> None:
    same = pd.DataFrame({"x": ["a"] * 50})
    with pytest.raises(DataError, match="no predicate"):
        single_out(same, same, same)
    with pytest.raises(UsageError, match="was asked"):
        single_out(same, same, same, columns=0)
