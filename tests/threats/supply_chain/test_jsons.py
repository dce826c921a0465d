"""The bounded JSON reader: what it refuses, and what it reports that others pass over in silence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.supply_chain.jsons import read, spelled, walk
from casemate.threats.supply_chain.stops import Malformed, Refused


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b'{"a": 1} x', 8),
        (b'{"a": 1}{}', 8),
        ('{"ä": tru}'.encode(), 7),
        (b'{"a": "\xff"}', 7),
        (b"\xef\xbb\xbf{}", 0),
        (b'["a\nb"]', 3),
        (b"", 0),
        (b"{'a': 1}", 1),
        (b"[" + b"1" * 5000 + b"]", 0),
    ],
)
def test_what_is_no_json_is_refused_where_it_ends_to_be(data: bytes, offset: int) -> None:
    with pytest.raises(Malformed) as stop:
        read(data)
    assert stop.value.offset == offset


@pytest.mark.parametrize("data", [b"[" * 30_000, b'{"a":' * 30_000, b"[" * 20_000 + b"]" * 20_000])
def test_depth_is_bounded(data: bytes) -> None:
    with pytest.raises(Refused, match="deep"):
        read(data)


def test_size_and_count_are_bounded_before_anything_is_made() -> None:
    with pytest.raises(Refused, match="101 bytes"):
        read(b" " * 101, size=100)
    with pytest.raises(Refused, match="more than 5 values"):
        read(b"[1,1,1,1,1,1]", values=5)


def test_what_readers_read_differently_is_told() -> None:
    text = read(b'{"a": {"k": 1, "k": [NaN, -Infinity], "j": 0, "k": 2}, "b": "\\ud800"}')
    assert text.value == {"a": {"k": 2, "j": 0}, "b": "\ud800"}
    assert text.repeated == ("k",)
    assert text.constants == ("NaN", "-Infinity")
    assert text.surrogates
    assert read(b'{"\\udc00": 1}').surrogates
    assert not read('["\\ud83d\\ude00", "😀"]'.encode()).surrogates


def test_walk_reaches_every_string_and_names_its_place() -> None:
    value = read(b'{"a": [1, {"b": "x"}, ["y"]], "c": "z"}').value
    assert {spelled(path): each for path, each in walk(value) if isinstance(each, str)} == {
        "a[1].b": "x",
        "a[2][0]": "y",
        "c": "z",
    }


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_JSON)
def test_what_the_standard_library_writes_is_read_as_it_was(value: object) -> None:
    text = read(json.dumps(value).encode())
    assert text.value == value
    assert not text.repeated


@given(st.binary(max_size=60))
def test_any_bytes_end_in_a_value_or_a_stop(data: bytes) -> None:
    try:
        text = read(data)
    except (Malformed, Refused):
        return
    assert json.loads(data) == text.value or text.constants
