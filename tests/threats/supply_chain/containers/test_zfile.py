"""joblib's files of before 0.10: the pickle inside is scanned, and nothing may lie beside the stream."""

from __future__ import annotations

import pickle
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.supply_chain.containers import zfile
from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan, survive

CONTENT = pickle.dumps({"a": [1, 2, 3], "b": "x" * 100}, 2)
PAYLOAD = b"\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R."


def packed(content: bytes = CONTENT, *, length: int | None = None, blanks: int = 0) -> bytes:
    head = b"ZF" + hex(len(content) if length is None else length).encode().ljust(19) + b" " * blanks
    return head + zlib.compress(content)


@pytest.mark.parametrize("blanks", [0, 1])
def test_the_pickle_inside_is_scanned(blanks: int) -> None:
    assert_clean(packed(blanks=blanks), "zfile")
    assert scan(packed(PAYLOAD, blanks=blanks)).verdict is Verdict.MALICIOUS


def test_bytes_behind_the_stream_are_found() -> None:
    data = packed() + PAYLOAD
    assert rule("stream.trailing") in found(data)
    assert scan(data).verdict is not Verdict.CLEAN
    assert scan(packed() + b"\0").verdict is not Verdict.CLEAN


def test_a_wrong_length_or_head_is_not_clean() -> None:
    for wrong in (
        packed(length=len(CONTENT) - 1),
        packed(length=1 << 60),
        packed(blanks=2),
        packed().replace(b"ZF0x", b"ZF0X"),
        packed().replace(b"  ", b" x", 1),
        packed()[:-1],
    ):
        assert scan(wrong).verdict is not Verdict.CLEAN, wrong[:30]


def test_what_expands_beyond_measure_is_refused() -> None:
    data = packed(bytes(80 << 20))
    assert rule("file.budget") in found(data)


@given(st.lists(st.tuples(st.integers(0, len(packed()) - 1), st.binary(min_size=1, max_size=4)), max_size=4))
def test_mutations_end(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(packed())
    for at, token in changes:
        data[at : at + len(token)] = token
    survive(zfile, bytes(data))
