"""What a table holds, and that models agree with it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import UsageError
from casemate.privacy.tables import BetaLikeness, DistinctDiversity, EntropyDiversity, EqualDistance, KAnonymity, levels
from casemate.privacy.tables.coding import encode
from casemate.privacy.tables.groups import Grouping
from casemate.privacy.tables.hierarchies import Hierarchy

TABLE = pd.DataFrame({"job": list("aaaabbbbbc"), "ill": list("xxyzxyyzzx"), "note": 1})


def test_levels_by_hand():
    held = levels(TABLE, ["job"], ["ill"])
    assert (held.rows, held.classes, held.k, held.unique) == (10, 3, 1, 0.1)
    ill = held.sensitive["ill"]
    assert (ill.distinct, ill.known) == (1, 0.1)
    assert ill.entropy == pytest.approx(1)
    assert ill.t_equal == pytest.approx(0.6)  # c is x alone, of which there are 4 in 10
    assert ill.t_ordered == pytest.approx((0.6 + 0.3) / 2)
    assert ill.beta == pytest.approx((1 - 0.4) / 0.4)


def test_each_model_holds_at_its_level_and_fails_beyond():
    table = TABLE.iloc[:9]
    held = levels(table, ["job"], ["ill"])
    ill = held.sensitive["ill"]
    coded = encode(table, {"job": Hierarchy.flat(["a", "b"])}, ("ill",))
    _, classes = Grouping(coded).of((0,))
    for at, beyond in [
        (KAnonymity(held.k), KAnonymity(held.k + 1)),
        (DistinctDiversity("ill", ill.distinct), DistinctDiversity("ill", ill.distinct + 1)),
        (EntropyDiversity("ill", ill.entropy - 1e-9), EntropyDiversity("ill", ill.entropy + 1e-9)),
        (EqualDistance("ill", ill.t_equal), EqualDistance("ill", ill.t_equal - 1e-9)),
        (BetaLikeness("ill", ill.beta), BetaLikeness("ill", ill.beta - 1e-9)),
    ]:
        assert at.holds(classes).all()
        assert not beyond.holds(classes).all()


def test_missing_values_are_values():
    held = levels(pd.DataFrame({"age": [1.0, np.nan, np.nan], "ill": ["x", None, "x"]}), ["age"], ["ill"])
    assert (held.classes, held.k) == (2, 1)
    assert held.sensitive["ill"].distinct == 1


def test_what_cannot_be_measured_is_refused():
    for asked, told in [([], "no quasi-identifier"), (["jobs"], "0 columns 'jobs'")]:
        with pytest.raises(UsageError, match=told):
            levels(TABLE, asked)
    with pytest.raises(UsageError, match="no rows"):
        levels(TABLE.iloc[:0], ["job"])
