"""Codes, keys and classes: every way to compute them gives the same."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.privacy.tables import coding, groups
from casemate.privacy.tables.coding import combine, encode, numbered, tally
from casemate.privacy.tables.groups import Grouping
from casemate.privacy.tables.hierarchies import Hierarchy

A = Hierarchy.of([("0", "01", "*"), ("1", "01", "*"), ("2", "2", "*")])
B = Hierarchy.of([("x", "xy", "*"), ("y", "xy", "*"), ("z", "z", "*")])


def _same(one, other):
    """Whether two numberings put the same rows together."""
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


@pytest.mark.parametrize("dense", [-(1 << 20), 1 << 17])
@pytest.mark.parametrize("widest", [4, 1 << 62])
def test_keys_of_columns_put_equal_rows_together(monkeypatch, dense, widest):
    monkeypatch.setattr(coding, "DENSE", dense)
    monkeypatch.setattr(coding, "WIDEST", widest)
    columns = np.random.default_rng(0).integers(0, [[3], [4], [2], [5]], (4, 50))
    number, count = numbered(*combine([(each, size) for each, size in zip(columns, (3, 4, 2, 5), strict=True)], 50))
    assert count == number.max() + 1 == len(set(number))
    assert _same(number.tolist(), list(map(tuple, columns.T.tolist())))


@pytest.mark.parametrize("dense", [-(1 << 20), 1 << 17])
@pytest.mark.parametrize("values", [1, 3, 4])
def test_counts_of_equal_pairs_are_added_up(monkeypatch, dense, values):
    monkeypatch.setattr(coding, "DENSE", dense)
    random = np.random.default_rng(1)
    owner, value, count = random.integers(0, 5, 40), random.integers(0, values, 40), random.integers(1, 9, 40)
    found = tally(owner, value, count, 5, values)
    expected: dict[tuple[int, int], int] = {}
    for at in zip(owner.tolist(), value.tolist(), count.tolist(), strict=True):
        expected[at[:2]] = expected.get(at[:2], 0) + at[2]
    assert {(o, v): c for o, v, c in zip(*map(np.ndarray.tolist, found), strict=True)} == expected


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("012"), st.sampled_from("xyz"), st.sampled_from("pqr"), st.booleans()), min_size=1
    ),
    st.permutations(list(itertools.product(range(3), range(3)))),
    st.sampled_from([0, 8, 1000]),
)
def test_classes_are_those_of_pandas_in_whatever_order_nodes_are_asked_for(rows, nodes, kept):
    frame = pd.DataFrame(rows, columns=["a", "b", "ill", "in"])
    if not frame["in"].any():
        frame.loc[0, "in"] = True
    grouping = Grouping(encode(frame, {"a": A, "b": B}, ("ill",), frame["in"].to_numpy()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "KEPT", kept)
        for node in nodes:
            classes = grouping.classes(node)
            labels = [
                frame[name].map(
                    {value: tree.labels[level][tree.groups[level, at]] for at, value in enumerate(tree.values)}
                )
                for name, tree, level in zip("ab", (A, B), node, strict=True)
            ]
            sizes = frame.groupby(labels)["in"].agg(["size", "sum"])
            assert sorted(zip(classes.population, classes.inside, strict=True)) == sorted(map(tuple, sizes.to_numpy()))
            counts = frame[frame["in"]].groupby([*labels, "ill"]).size()
            assert sorted(classes.histograms["ill"].count) == sorted(counts)
            owner, same = grouping.of(node)
            assert _same(owner[grouping.coded.row].tolist(), list(zip(*labels, strict=True)))
            assert sorted(same.inside) == sorted(classes.inside)


def test_the_same_value_in_another_type_is_the_same_value():
    for column in (
        [0, 1, 2],
        [0.0, 1.0, 2.0],
        ["0", "1", "2"],
        pd.array([0, 1, 2], dtype="Int64"),
        pd.Categorical([0, 1, 2]),
    ):
        assert encode(pd.DataFrame({"a": column}), {"a": A}).codes.tolist() == [[0, 1, 2]]
