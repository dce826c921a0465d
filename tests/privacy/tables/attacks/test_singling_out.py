"""Singling out: the chance that theory gives, its base rate, and what stops it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import UsageError
from casemate.privacy.tables import Anonymizer, Hierarchy, KAnonymity
from casemate.privacy.tables.attacks import Published, SinglingOut


def blocks(count: int, size: int, offset: int = 0) -> pd.DataFrame:
    """Classes of equal size that no two people of different tables share."""
    at = np.arange(count * size)
    return pd.DataFrame({"block": (at // size + offset).astype(str), "note": at + offset * size})


TREE = {"block": Hierarchy.flat([str(at) for at in range(1200)])}


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_class_is_isolated_as_often_as_its_size_lets_it(size):
    mine, others = blocks(600, size), blocks(600, size, offset=600)
    after = Published.after(Anonymizer([KAnonymity(size)]).release(mine, TREE), mine)
    found = SinglingOut(predicates=600).run(after, others)
    chance = (1 - 1 / size) ** (size - 1)
    assert abs(found.rate - chance) <= 4 * np.sqrt(chance * (1 - chance) / 600)
    assert found.gain.low > chance - 0.12  # k-anonymity holds, and does not prevent it
    assert found.control is not None
    assert found.control.rate == 0.0  # classes that nobody else could be in


def test_what_isolates_strangers_as_often_is_subtracted():
    mine, others = blocks(600, 5), blocks(600, 5)
    others["note"] += 5000  # other people, in the same classes
    after = Published.after(Anonymizer([KAnonymity(5)]).release(mine, TREE), mine)
    found = SinglingOut(predicates=600).run(after, others)
    assert found.rate > 0.3
    assert found.gain.low < 0 < found.gain.high


def test_people_with_equal_records_are_not_told_apart():
    mine = blocks(100, 4)
    mine["note"] = mine["block"]
    after = Published.after(Anonymizer([KAnonymity(4)]).release(mine, TREE), mine)
    assert SinglingOut(all_columns=True).run(after, blocks(100, 4, offset=200)).rate == 0.0


def test_values_left_as_they_are_isolate():
    mine, others = blocks(100, 5), blocks(100, 5, offset=200)
    after = Published.after(Anonymizer([KAnonymity(5)]).release(mine, TREE), mine)
    assert SinglingOut(all_columns=True).run(after, others).rate == 1.0
    assert SinglingOut().run(after, others).rate < 0.7


def test_a_smaller_control_is_refused():
    mine = blocks(10, 5)
    after = Published.after(Anonymizer([KAnonymity(5)]).release(mine, TREE), mine)
    with pytest.raises(UsageError, match="49 people are no control for a table of 50"):
        SinglingOut().run(after, mine.iloc[:49])
    with pytest.raises(UsageError, match="no description"):
        SinglingOut(predicates=0)
