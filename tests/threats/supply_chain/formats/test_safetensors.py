"""safetensors: the header is held against the file, and what it leaves open is told."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, safetensors, scan, tensor

LAYOUT, HEADER = rule("safetensors.layout"), rule("safetensors.header")


def test_what_the_library_writes_is_clean() -> None:
    arrays = {
        "a": np.zeros((2, 3), np.float32),
        "b": np.arange(5, dtype=np.int8),
        "scalar": np.array(1.0),
        "none": np.zeros((0, 4)),
    }
    assert_clean(save(arrays, metadata={"format": "pt", "note": "text"}), "safetensors")
    assert scan(save(arrays)).about["parameters"] == 12
    assert_clean(save({}), "safetensors")


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 2, 6)}, bytes(6)),
        ({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 6, 10)}, bytes(10)),
        ({"a": tensor("U8", [4], 2, 6)}, bytes(6)),
        ({"a": tensor("F32", [4], 0, 4)}, bytes(4)),
        ({"a": tensor("U8", [1 << 40, 1 << 40], 0, 0)}, b""),
        ({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 0, 4)}, bytes(4)),
    ],
)
def test_overlaps_gaps_and_wrong_sizes_are_refused(header: object, data: bytes) -> None:
    outcome = scan(safetensors(header, data))
    assert LAYOUT in {finding.rule for finding in outcome.findings}
    assert outcome.verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 8]},
        {"dtype": "U8", "shape": [True], "data_offsets": [0, 1]},
        {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]},
        {"dtype": "U8", "shape": [1], "data_offsets": [1, 0]},
        {"dtype": "U8", "shape": [1], "data_offsets": [0, 1], "code": "x"},
        {"dtype": "U8", "shape": [1]},
        [],
    ],
)
def test_what_the_library_does_not_write_is_refused(entry: object) -> None:
    assert HEADER in found(safetensors({"a": entry}, bytes(8)))


def test_a_key_that_stands_twice_and_metadata_that_are_no_texts_are_told() -> None:
    twice = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    assert rule("safetensors.repeated") in found(safetensors(None, b"x", raw=twice))
    assert rule("safetensors.metadata") in found(safetensors({"__metadata__": {"a": {"b": "c"}}}))


def test_metadata_are_scanned_like_texts() -> None:
    assert rule("jinja.attribute") in found(safetensors({"__metadata__": {"chat_template": "{{ x.__class__ }}"}}))


def test_bytes_behind_the_tensors_are_never_clean() -> None:
    outcome = scan(safetensors({"a": tensor("U8", [2], 0, 2)}, b"ab" + b"MZ\x90\0"))
    assert outcome.verdict is Verdict.UNREADABLE
    assert outcome.size - outcome.covered == 4
    assert scan(safetensors({"a": tensor("U8", [2], 0, 2)}, b"a")).verdict is Verdict.UNREADABLE
    assert scan(safetensors(None, raw=b'{"a": 1')).verdict is Verdict.UNREADABLE
