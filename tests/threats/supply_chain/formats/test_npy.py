"""NumPy arrays: the header is a literal or refused, sizes are exact, objects are a pickle."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.supply_chain.formats.literal import literal
from casemate.threats.supply_chain.formats.npy import item_size
from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, npy, rule, scan

HEADER = rule("numpy.header")


def written(array: object, version: tuple[int, int] | None = None) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(array), version=version)
    return out.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.array(1),
        np.zeros((0, 5), np.complex64),
        np.array(["text", "longer text"]),
        np.array([b"bytes"]),
        np.array(["2026-01-01"], "M8[D]"),
        np.zeros(3, [("a", "<f4"), ("b", "<i2", (2, 3)), ("c", [("d", "S3")])]),
        np.asfortranarray(np.ones((2, 3), bool)),
        np.zeros(2, np.longdouble),
    ],
    ids=str,
)
def test_what_numpy_writes_is_clean(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
    for version in ((1, 0), (2, 0), (3, 0)):
        assert_clean(written(array, version), "npy")


def test_sizes_agree_with_numpy() -> None:
    for kind in ["<f8", "|S7", "<U3", "|V12", ">i2", "|b1", "<c16", "<m8[ns]"]:
        assert item_size(kind) == (np.dtype(kind).itemsize, False)
    assert item_size([("a", "|O"), ("b", "<i4")]) == (12, True)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (__import__('os').system('id'),)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1+1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} or print()",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}",
        "{'descr': '<f8', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '\\x3cf8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': [1]}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}",
        "{'descr': '<f7', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': 'object', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 9999999999)}",
        "(" * 5000,
        "dict(descr='<f8', fortran_order=False, shape=(1,))",
        "",
    ],
)
def test_a_header_that_is_no_literal_of_numpy_is_refused(header: str) -> None:
    assert HEADER in found(npy(header, bytes(64)))


def test_a_header_too_long_is_refused() -> None:
    assert HEADER in found(npy(" " * 70_000, version=2))


def test_an_array_of_objects_hands_its_pickle_on() -> None:
    outcome = scan(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", b"cos\nsystem\n(S'id'\ntR."))
    assert rule("numpy.objects") in {finding.rule for finding in outcome.findings}
    assert outcome.size > len("cos") + 60
    assert any("objects" in finding.location or finding.rule == rule("numpy.objects") for finding in outcome.findings)


def test_too_short_and_too_long_are_never_clean() -> None:
    good = written(np.arange(4))
    assert scan(good[:-1]).verdict is Verdict.UNREADABLE
    longer = scan(good + b"cos\nsystem\n")
    assert longer.verdict is not Verdict.CLEAN
    assert longer.covered == len(good)


_LITERALS = st.recursive(
    st.integers(0, 1 << 60) | st.booleans() | st.none() | st.text("abc <|[](),:", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(_LITERALS)
def test_literals_are_read_as_python_writes_them(value: object) -> None:
    assert literal(repr(value)) == value


@given(st.text("(){}[],:'\"1aTrueFalse ", max_size=40))
def test_any_text_ends_in_a_literal_or_a_stop(text: str) -> None:
    with contextlib.suppress(Malformed):
        literal(text)
