"""Losses, on a table worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.privacy.tables.coding import encode
from casemate.privacy.tables.groups import Grouping
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.losses import AverageClassSize, Discernibility, DomainShare, Entropy, Precision

AGE = Hierarchy.of([("1", "low", "*"), ("2", "low", "*"), ("3", "high", "*"), ("4", "high", "*")])
SEX = Hierarchy.flat(["f", "m"])
TABLE = pd.DataFrame({"age": list("11223444"), "sex": list("ffmmfmmm")})
"""At level (1, 0): 2 low f, 2 low m, 1 high f, 3 high m."""
CODED = encode(TABLE, {"age": AGE, "sex": SEX})
NODE = (1, 0)


def _losses(loss, node=NODE, least=0):
    _, classes = Grouping(CODED).of(node)
    return loss.over(CODED).value(node, classes, classes.inside >= least)


def test_entropy_counts_bits_that_tell_values_from_labels():
    # low: 4 records of 1 or 2, even; high: 1 record of 3, 3 of 4
    bits = 4 + np.log2(4) + 3 * np.log2(4 / 3)
    assert _losses(Entropy()) == pytest.approx(bits)
    assert _losses(Entropy(), (0, 0)) == 0


def test_entropy_of_suppressed_records_is_what_tells_their_labels_apart():
    generalized = _losses(Entropy(suppressed=False), least=3)
    # 5 records go: 4 low and 1 high, 3 f and 2 m
    lost = 4 * np.log2(5 / 4) + np.log2(5) + 3 * np.log2(5 / 3) + 2 * np.log2(5 / 2)
    assert generalized == _losses(Entropy(suppressed=False))
    assert _losses(Entropy(), least=3) == pytest.approx(generalized + lost)


def test_domain_share_goes_from_nothing_to_everything():
    assert _losses(DomainShare(), (0, 0)) == 0
    assert _losses(DomainShare(), (2, 1)) == pytest.approx(1)
    # age: half the domain, (1/2 - 1/4) / (1 - 1/4); sex: nothing
    assert _losses(DomainShare("arithmetic")) == pytest.approx((1 / 3 + 0) / 2)
    assert _losses(DomainShare()) == pytest.approx(np.sqrt(4 / 3) - 1)
    # 5 of 8 suppressed: shares (3/2 + 5) / 8 and (3/2 + 5) / 8
    age, sex = (6.5 / 8 - 1 / 4) / (3 / 4), (6.5 / 8 - 1 / 2) / (1 / 2)
    assert _losses(DomainShare("arithmetic"), least=3) == pytest.approx((age + sex) / 2)


def test_a_column_of_one_value_has_nothing_to_lose():
    coded = encode(TABLE.assign(same="x"), {"age": AGE, "same": Hierarchy.flat(["x"])})
    _, classes = Grouping(coded).of((0, 0))
    none = np.zeros(len(classes), dtype=bool)
    for mean, lost in [("arithmetic", 0.5), ("geometric", np.sqrt(2) - 1)]:
        measure = DomainShare(mean).over(coded)
        assert measure.value((0, 0), classes, none) == pytest.approx(lost) == measure.least(8)


def test_discernibility_charges_suppressed_records_the_table():
    assert _losses(Discernibility()) == 4 + 4 + 1 + 9
    assert _losses(Discernibility(), least=2) == 4 + 4 + 1 * 8 + 9
    assert _losses(Discernibility(suppressed=False), least=2) == 18


def test_suppressed_records_are_one_class_more():
    assert _losses(AverageClassSize()) == 8 / 4
    assert _losses(AverageClassSize(), least=3) == 8 / 2
    assert _losses(AverageClassSize(), least=9) == 8


def test_precision_is_the_mean_height():
    assert _losses(Precision()) == pytest.approx(1 / 4)
    assert _losses(Precision(), least=2) == pytest.approx(1 / 4 * 7 / 8 + 1 / 8)
    assert _losses(Precision(), (2, 1)) == 1


def test_only_released_records_count():
    research = np.array([True, True, False, False, True, False, False, True])
    coded = encode(TABLE, {"age": AGE, "sex": SEX}, research=research)
    _, classes = Grouping(coded).of(NODE)
    held = np.ones(len(classes), dtype=bool)
    # 2 low f, 1 high f, 1 high m; low m has nobody
    assert AverageClassSize().over(coded).value(NODE, classes, held) == 4 / 3
    assert Discernibility().over(coded).value(NODE, classes, held) == 4 + 1 + 1
    assert Entropy().over(coded).value(NODE, classes, held) == pytest.approx(2)
