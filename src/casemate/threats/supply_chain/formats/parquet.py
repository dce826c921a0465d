"""Parquet files (format version 2): the footer says where every column lies, and its pages are walked one by one.

Values are not decoded. What readers act on is told: columns in other files, and types that make Arrow unpickle
(CVE-2023-47248). Encrypted files are not understood, so they are never clean.
"""

from __future__ import annotations

import base64
import binascii

from casemate.threats.supply_chain.formats.thrift import Reader, Thrift
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

MAGIC = b"PAR1"
_UNPICKLED = b"arrow.py_extension_type"


def parse(view: View, report: Report) -> None:
    """Read footer, column chunks, pages and indexes.

    Raises:
        NotMine: the magic is missing at the start.
        Malformed: the file is damaged or encrypted.
        Refused: its parts contradict each other ("parquet.layout").
    """
    if not view.begins(MAGIC):
        raise NotMine
    end = len(view) - 8
    if end < 4 or not view.begins(MAGIC, end + 4):
        raise Malformed("the footer is missing", max(end, 0))
    size = view.number(end, 4)
    if size > end - 4:
        raise Malformed(f"a footer of {size} bytes", end)
    reader = Reader(view, end - size, end)
    footer = reader.structure()
    if reader.at != end or 8 in footer:
        raise Malformed("the footer is longer than what it says, or encrypted", end - size)
    report.cover(0, 4)
    report.cover(end - size, size + 8)
    rows = 0
    for group in _structures(footer.get(4)):
        rows += _number(group, 3)
        for chunk in _structures(group.get(1)):
            _chunk(view, report, chunk, end - size)
    for pair in _structures(footer.get(5)):
        _metadata(report, _text(pair, 1), _text(pair, 2), end - size)
    if rows != _number(footer, 3):
        raise Refused("parquet.layout", "the rows of the groups are not those of the file", end - size)
    report.describe("rows", rows)
    report.describe("columns", sum(5 not in element for element in _structures(footer.get(2))))


def _chunk(view: View, report: Report, chunk: dict[int, Thrift], footer: int) -> None:
    meta = chunk.get(3)
    if 1 in chunk:
        path = _text(chunk, 1).decode("utf-8", "replace")
        report.fact("parquet.outside", f"a column lies in the file {path}", footer, logical=path)
        return
    if not isinstance(meta, dict) or 8 in chunk or 9 in chunk:
        raise Malformed("a column is not described, or encrypted", footer)
    start = min(at for at in (_number(meta, 9), _number(meta, 11) or footer) if at > 0)
    stop = start + _number(meta, 7)
    if not 4 <= start <= stop <= footer:
        raise Refused("parquet.layout", "a column lies outside the file", footer)
    at = start
    while at < stop:
        reader = Reader(view, at, stop)
        header = reader.structure()
        at = reader.at + _number(header, 3)
        if _number(header, 3) < 0 or at > stop:
            raise Refused("parquet.layout", "a page is longer than its column", reader.at)
    report.cover(start, stop - start)
    if stop <= _number(chunk, 2) < footer:
        _repeated(view, report, _number(chunk, 2), meta, footer)
    for place, length in ((chunk.get(4), chunk.get(5)), (chunk.get(6), chunk.get(7))):
        if place is not None:
            _index(view, report, place, length, footer)
    if 14 in meta:
        _bloom(view, report, _number(meta, 14), footer)


def _repeated(view: View, report: Report, place: int, meta: dict[int, Thrift], footer: int) -> None:
    """Old writers repeat a column's description behind it, whole or in its chunk's; the path must be the same."""
    reader = Reader(view, place, footer)
    again = reader.structure()
    inner = again.get(3)
    if (inner.get(3) if isinstance(inner, dict) else inner) != meta.get(3):
        raise Refused("parquet.layout", "a column is described twice, and differently", place)
    report.cover(place, reader.at - place)


def _index(view: View, report: Report, place: Thrift, length: Thrift | None, footer: int) -> None:
    if not isinstance(place, int) or not isinstance(length, int) or not 4 <= place <= place + length <= footer:
        raise Refused("parquet.layout", "an index lies outside the file", footer)
    reader = Reader(view, place, place + length)
    reader.structure()
    if reader.at != place + length:
        raise Refused("parquet.layout", "an index is longer than what it says", place)
    report.cover(place, length)


def _bloom(view: View, report: Report, place: int, footer: int) -> None:
    """A header that says how many bytes follow it (BloomFilterHeader)."""
    if not 4 <= place < footer:
        raise Refused("parquet.layout", "a filter lies outside the file", footer)
    reader = Reader(view, place, footer)
    count = _number(reader.structure(), 1)
    if not 0 <= count <= footer - reader.at:
        raise Refused("parquet.layout", "a filter lies outside the file", place)
    report.cover(place, reader.at + count - place)


def _metadata(report: Report, key: bytes, value: bytes, at: int) -> None:
    """Arrow keeps its schema as base64; others keep JSON or texts."""
    plain = value
    if key == b"ARROW:schema":
        try:
            plain = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise Malformed("the schema of Arrow is damaged", at) from error
    if _UNPICKLED in plain or _UNPICKLED in value:
        report.fact("parquet.unpickled", "a type that old versions of Arrow unpickle", at)
    if key != b"ARROW:schema" and value:
        name = key.decode("utf-8", "replace")
        report.member(View(bytes(value), where=report.view.part(0, 0, f"metadata.{name}").where))


def _structures(value: Thrift | None) -> list[dict[int, Thrift]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _number(structure: dict[int, Thrift], field: int) -> int:
    value = structure.get(field, 0)
    return value if isinstance(value, int) else 0


def _text(structure: dict[int, Thrift], field: int) -> bytes:
    value = structure.get(field, b"")
    return value if isinstance(value, bytes) else b""
