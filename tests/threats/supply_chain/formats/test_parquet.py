"""Parquet: every byte of what pyarrow writes is understood; what readers act on is told."""

from __future__ import annotations

import base64
import io
import struct
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.supply_chain.formats import parquet
from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan, survive

TABLE = pa.table({"a": range(300), "b": [str(i % 7) for i in range(300)], "c": [[i, i] for i in range(300)]})


def written(**options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(TABLE, out, **options)
    return out.getvalue()


def number(value: int) -> bytes:
    """A zigzag number of one to five bytes."""
    value, out = value * 2 if value >= 0 else -value * 2 - 1, b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def text(value: bytes) -> bytes:
    out, count = b"", len(value)
    while count > 127:
        out, count = out + bytes([count & 127 | 128]), count >> 7
    return out + bytes([count]) + value


def structure(*fields: tuple[int, int, bytes]) -> bytes:
    out, last = b"", 0
    for field, kind, data in fields:
        out, last = out + bytes([field - last << 4 | kind]) + data, field
    return out + b"\0"


def many(*items: bytes) -> bytes:
    return bytes([len(items) << 4 | 12]) + b"".join(items)


def file(data: bytes = b"", chunk: bytes | None = None, rows: int = 0, pairs: tuple[bytes, ...] = ()) -> bytes:
    """A file of one group with one column, whose data stand behind the magic."""
    groups = [] if chunk is None else [structure((1, 9, many(chunk)), (3, 6, number(rows)))]
    fields = [(1, 5, number(2)), (2, 9, many()), (3, 6, number(rows)), (4, 9, many(*groups))]
    footer = structure(*fields, *([(5, 9, many(*pairs))] if pairs else []))
    return b"PAR1" + data + footer + struct.pack("<I", len(footer)) + b"PAR1"


def column(start: int, size: int) -> bytes:
    return structure((3, 12, structure((7, 6, number(size)), (9, 6, number(start)))))


PAGE = structure((1, 5, number(0)), (2, 5, number(3)), (3, 5, number(3))) + b"abc"
PICKLED = base64.b64encode(b"....arrow.py_extension_type....")
GOOD = file(PAGE, column(4, len(PAGE)), 1)
OUTSIDE = file(b"", structure((1, 8, text(b"../x.parquet"))), 0)
UNPICKLED = file(pairs=(structure((1, 8, text(b"ARROW:schema")), (2, 8, text(PICKLED))),))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "gzip", "row_group_size": 100},
        {"use_dictionary": False, "version": "1.0"},
        {"data_page_version": "2.0", "write_page_index": True, "write_page_checksum": True},
    ],
    ids=str,
)
def test_what_pyarrow_writes_is_clean(options: dict[str, Any]) -> None:
    assert_clean(written(**options), "parquet")
    assert scan(written(**options)).about["rows"] == 300


def test_files_by_hand() -> None:
    assert_clean(GOOD, "parquet")
    assert_clean(file(), "parquet")
    assert rule("parquet.outside") in found(OUTSIDE)
    assert scan(UNPICKLED).verdict is Verdict.MALICIOUS
    assert rule("jinja.attribute") in found(
        file(pairs=(structure((1, 8, text(b"t")), (2, 8, text(b"{{ x.__class__ }}"))),))
    )


@pytest.mark.parametrize(
    "data",
    [
        file(PAGE, column(4, len(PAGE) - 1), 1),
        file(PAGE, column(4, 4000), 1),
        file(PAGE, column(2, 4), 1),
        file(PAGE, column(4, -3), 1),
        file(PAGE + PAGE, column(4, len(PAGE) + 4), 1),
        GOOD.replace(PAGE, PAGE.replace(number(3) + b"\0", number(2) + b"\0")),
        file(PAGE, column(4, len(PAGE)), 1).replace(b"\x16\x02\x19", b"\x16\x04\x19", 1),
    ],
)
def test_columns_and_pages_that_do_not_fit_are_never_clean(data: bytes) -> None:
    assert scan(data).verdict is not Verdict.CLEAN


def test_bytes_between_the_columns_are_never_clean() -> None:
    outcome = scan(file(PAGE + b"hidden", column(4, len(PAGE)), 1))
    assert outcome.verdict is Verdict.UNREADABLE
    assert outcome.size - outcome.covered == 6
    assert scan(GOOD + b"x").verdict is Verdict.UNREADABLE
    assert scan(b"PAR1" + struct.pack("<I", 1 << 31) + b"PAR1").verdict is Verdict.UNREADABLE
    deep = b"PAR1" + b"\x1c" * 100 + struct.pack("<I", 100) + b"PAR1"
    assert rule("parquet.layout") in found(deep)


@given(st.sampled_from([GOOD, OUTSIDE, UNPICKLED, written()]), st.floats(0, 1), st.binary(min_size=1, max_size=3))
def test_mutations_end(data: bytes, place: float, change: bytes) -> None:
    at = int(place * len(data))
    survive(parquet, data[:at] + change + data[at + len(change) :])
