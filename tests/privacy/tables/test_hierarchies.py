"""Hierarchies: what is one, and what is told of what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import DataError
from casemate.privacy.tables.hierarchies import Hierarchy

SMALL = (
    b"Bachelors;Undergraduate;Higher;*\n11th;High School;Secondary;*\n"
    b"HS-grad;High School;Secondary;*\nPhD;Graduate;Higher;*\n"
)


def test_levels_shares_and_labels_are_those_of_the_file(tmp_path):
    path = tmp_path / "education.csv"
    path.write_bytes(SMALL)
    tree = Hierarchy.read(path)
    assert tree.values == ("Bachelors", "11th", "HS-grad", "PhD")
    assert tree.height == 3
    assert tree.labels[2] == ("Higher", "Secondary")
    assert tree.groups[1].tolist() == [0, 1, 1, 2]
    assert [share.tolist() for share in tree.shares[1:]] == [[0.25, 0.5, 0.25], [0.5, 0.5], [1.0]]


def test_a_top_is_added_only_where_there_is_none():
    tree = Hierarchy.of([("a", "x"), ("b", "y")])
    assert tree.rooted().labels == (("a", "b"), ("x", "y"), ("*",))
    assert tree.rooted().rooted().height == 2


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "no rows"),
        ([()], "row 1 has 0 columns"),
        ([("secret", "x"), ("other",)], "row 2 has 1 columns, row 1 has 2"),
        ([("secret", "x"), ("b", "x"), ("secret", "x")], "row 3 gives the value of row 1 again"),
        ([("secret", "x", "1"), ("b", "x", "2")], "rows 1 and 2 share their label at level 1, not at level 2"),
        ([("c", "d", "*"), ("secret", "b", "*"), ("b", "secret", "*")], "labels of row 2 go in a circle"),
        ([("c", "d", "c")], "labels of row 1 go in a circle"),
        ([("secret", *map(str, range(64)))], "row 1 has 65 columns"),
    ],
)
def test_what_is_no_hierarchy_is_told_by_row_and_never_by_value(rows, told):
    with pytest.raises(DataError, match=told) as caught:
        Hierarchy.of(rows)
    assert caught.value.next_step
    assert "secret" not in str(caught.value)


def test_a_label_may_repeat_its_value():
    assert Hierarchy.of([("Other", "Other", "*"), ("a", "b", "*")]).height == 2


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'"a;b\n', b"a;b\nc\n"])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "h.csv"
    path.write_bytes(content)
    with pytest.raises(DataError):
        Hierarchy.read(path)


def test_a_missing_file_is_an_error_with_a_next_step(tmp_path):
    with pytest.raises(DataError, match="check the path"):
        Hierarchy.read(tmp_path / "absent.csv")


@given(st.data())
def test_any_bytes_are_a_nested_hierarchy_or_a_data_error(tmp_path_factory, data):
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(st.sampled_from([b"", b";", b"\n", b'"', b"\x00", b"\xc3", b"*", b"Higher", b"\r"]))
        content[at : at + data.draw(st.integers(0, 9))] = piece
        content = content or bytearray(b"\n")
    path = tmp_path_factory.mktemp("fuzz") / "h.csv"
    path.write_bytes(bytes(content))
    try:
        tree = Hierarchy.read(path)
    except DataError:
        return
    for finer, coarser in zip(tree.groups, tree.groups[1:], strict=False):
        for group in np.unique(finer):
            assert len(np.unique(coarser[finer == group])) == 1
