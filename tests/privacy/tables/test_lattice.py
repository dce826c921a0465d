"""The search against looking at every node, for every model and every loss."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import UsageError
from casemate.privacy.tables.closeness import BetaLikeness, EqualDistance, HierarchicalDistance, OrderedDistance
from casemate.privacy.tables.coding import Coded, encode
from casemate.privacy.tables.diversity import DistinctDiversity, EntropyDiversity, RecursiveDiversity
from casemate.privacy.tables.groups import Grouping
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.lattice import judge, search
from casemate.privacy.tables.losses import AverageClassSize, Discernibility, DomainShare, Entropy, Loss, Precision
from casemate.privacy.tables.models import DeltaPresence, KAnonymity, KMap, Model

A = Hierarchy.of(
    [
        ("0", "01", "0-2", "*"),
        ("1", "01", "0-2", "*"),
        ("2", "2", "0-2", "*"),
        ("3", "3", "34", "*"),
        ("4", "4", "34", "*"),
    ]
)
B = Hierarchy.of([("x", "xy", "*"), ("y", "xy", "*"), ("z", "z", "*")])
C = Hierarchy.of([("p", "*"), ("q", "*")])
ILL = Hierarchy.of([("a", "ab", "*"), ("b", "ab", "*"), ("c", "cd", "*"), ("d", "cd", "*")])
MODELS: list[tuple[Model, ...]] = [
    (KAnonymity(2),),
    (KAnonymity(4),),
    (KMap(3),),
    (DeltaPresence(0.0, 0.6),),
    (DeltaPresence(0.2, 0.8),),
    (DistinctDiversity("ill", 2),),
    (EntropyDiversity("ill", 1.8),),
    (EntropyDiversity("ill", 2, "grassberger"),),
    (RecursiveDiversity("ill", 2, 1.5),),
    (EqualDistance("ill", 0.3),),
    (OrderedDistance("ill", 0.2),),
    (HierarchicalDistance("ill", 0.25, hierarchy=ILL),),
    (BetaLikeness("ill", 1.0),),
    (BetaLikeness("ill", 1.5, enhanced=True),),
    (KAnonymity(3), EqualDistance("ill", 0.4)),
    (KAnonymity(2), DeltaPresence(0.1, 0.9)),
]
LOSSES: list[Loss] = [
    Entropy(),
    Entropy(suppressed=False),
    DomainShare(),
    DomainShare("arithmetic"),
    Discernibility(),
    Discernibility(suppressed=False),
    AverageClassSize(),
    Precision(),
]


def _every(coded: Coded, models: tuple[Model, ...], loss: Loss, limit: int) -> float:
    measure, best = loss.over(coded), np.inf
    for node in itertools.product(*[range(height + 1) for height in coded.heights]):
        _, classes = Grouping(coded).of(node)
        held, absent, valid = np.ones(len(classes), dtype=bool), classes.inside == 0, True
        for model in models:
            held &= model.holds(classes)
            valid &= not (model.binding and (absent & ~model.holds(classes)).any())
        if valid and classes.inside[~held].sum() <= limit:
            best = min(best, measure.value(node, classes, held))
    return float(best)


@st.composite
def tables(draw: st.DrawFn) -> tuple[pd.DataFrame, np.ndarray]:
    """Drawn by numpy: hypothesis prefers equal rows, of which there is little to search."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    rows = random.integers(3, 24)
    columns = {"a": A.values, "b": B.values, "c": C.values, "ill": ILL.values}
    frame = pd.DataFrame({name: random.choice(values, rows) for name, values in columns.items()})
    research = random.random(rows) < 0.6
    research[0] = True
    return frame, research


@settings(max_examples=40, deadline=None)
@given(tables(), st.booleans(), st.sampled_from([0, 1, 3, 100]), st.sampled_from(LOSSES))
@pytest.mark.parametrize("models", MODELS, ids=lambda models: "+".join(type(model).__name__ for model in models))
def test_no_node_loses_less_than_the_one_that_is_found(models, table, all_rows, limit, loss):
    frame, research = table
    sensitive = tuple({model.attribute for model in models if model.attribute})
    coded = encode(frame, {"a": A, "b": B, "c": C}, sensitive, None if all_rows else research)
    found = search(coded, models, loss, limit)
    assert found.proven
    assert found.loss == pytest.approx(_every(coded, models, loss, limit), rel=1e-12)
    if found.node is not None:
        _, classes = Grouping(coded).of(found.node)
        verdict = judge(classes, models, limit)
        assert verdict.valid
        assert verdict.suppressed == found.suppressed <= limit
        assert found.loss == pytest.approx(loss.over(coded).value(found.node, classes, verdict.held), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(tables(), st.data())
def test_bounds_and_conditions_grow_as_they_say(table, data):
    """What pruning rests on: of any node and any above it."""
    frame, research = table
    coded = encode(frame, {"a": A, "b": B, "c": C}, ("ill",), research)
    low = tuple(data.draw(st.integers(0, height)) for height in coded.heights)
    high = tuple(data.draw(st.integers(level, height)) for level, height in zip(low, coded.heights, strict=True))
    (_, finer), (_, coarser) = Grouping(coded).of(low), Grouping(coded).of(high)
    for loss in LOSSES:
        measure = loss.over(coded)
        bound = measure.bound(low, finer)
        assert bound >= measure.floor[low] * (1 - 1e-12)
        assert bound <= measure.bound(high, coarser) * (1 + 1e-12)
        for share in (0, 1, len(coarser)):
            held = np.arange(len(coarser)) < share
            value = measure.value(high, coarser, held)
            assert value >= bound * (1 - 1e-12)
            assert value >= measure.least(int(coarser.inside[~held].sum())) * (1 - 1e-12)
    for model in itertools.chain.from_iterable(MODELS):
        failing = coarser.inside[~model.may(coarser)].sum()
        assert failing <= finer.inside[~model.may(finer)].sum()
        assert not (model.holds(finer) & ~model.may(finer))[finer.inside > 0].any()
        if model.merging and model.holds(finer).all() and (model.binding or (finer.inside > 0).all()):
            assert model.holds(coarser).all()


def test_what_is_above_a_valid_node_may_fail():
    """Grassberger's estimate of two classes of three values each is less than that of either: 1.067, not 2.000."""
    tree = Hierarchy.of([("0", "*"), ("1", "*")])
    coded = encode(pd.DataFrame({"a": list("000111"), "ill": list("abcabc")}), {"a": tree}, ("ill",))
    found = search(coded, (EntropyDiversity("ill", 3, "grassberger"),), Discernibility())
    assert (found.node, found.proven) == ((0,), True)
    assert not judge(Grouping(coded).of((1,))[1], (EntropyDiversity("ill", 3, "grassberger"),), 0).valid


def test_a_search_that_runs_out_of_time_says_what_it_knows():
    frame = pd.DataFrame({"a": list("01234") * 2, "b": list("xyzxyzxyzx"), "c": list("pqpqpqpqpq")})
    coded = encode(frame, {"a": A, "b": B, "c": C})
    now = itertools.count()
    found = search(coded, (KAnonymity(2),), Entropy(), 2, seconds=0.5, clock=lambda: float(next(now)))
    best = search(coded, (KAnonymity(2),), Entropy(), 2)
    assert found.looked == 1
    assert not found.proven
    assert found.bound <= best.loss <= found.loss
    assert best.proven
    assert best.looked < best.nodes == 24


def test_of_what_loses_the_same_the_least_general_is_taken():
    """A column of one value loses nothing at any level, and need not be given up."""
    frame = pd.DataFrame({"a": list("0101"), "b": list("xxxx"), "c": list("pppp")})
    found = search(encode(frame, {"a": A, "b": B, "c": C}), (KAnonymity(3),), Entropy())
    assert found.node == (1, 0, 0)
    # to leave all rows out loses as much as to leave nothing of them, and is not preferred
    alone = encode(pd.DataFrame({"a": ["0", "3"]}), {"a": A})
    found = search(alone, (KAnonymity(2),), Entropy(), 2)
    assert (found.node, found.suppressed) == ((3,), 0)


def test_nothing_is_found_where_nothing_holds():
    frame = pd.DataFrame({"a": list("0123"), "b": list("xyzx"), "c": list("pqpq")})
    coded = encode(frame, {"a": A, "b": B, "c": C})
    found = search(coded, (KAnonymity(5),), Entropy())
    assert found.node is None
    assert found.proven
    assert found.looked < found.nodes / 4


def test_what_cannot_be_searched_is_refused():
    coded = encode(pd.DataFrame({"a": ["0"], "b": ["x"], "c": ["p"]}), {"a": A, "b": B, "c": C})
    with pytest.raises(UsageError, match="no privacy model"):
        search(coded, (), Entropy())
    with pytest.raises(UsageError, match="-1 records"):
        search(coded, (KAnonymity(1),), Entropy(), -1)
    tall = Hierarchy.of([("0", *[f"{level}" for level in range(1, 40)])])
    wide = {str(at): tall for at in range(5)}
    with pytest.raises(UsageError, match="Mondrian"):
        search(encode(pd.DataFrame("0", index=[0], columns=list(wide)), wide), (KAnonymity(1),), Entropy())
