"""A header block of a tar archive, and the records of a pax header."""

from __future__ import annotations

from typing import NamedTuple

from casemate.threats.supply_chain.stops import Malformed


class Header(NamedTuple):
    """What one block says; names as they stand there, without what other headers add."""

    name: str
    size: int
    checksum: int
    kind: int
    target: str


class Records(dict[str, str]):
    """Records of a pax header by key; the later of two wins."""

    def __or__(self, other: dict[str, str]) -> Records:  # type: ignore[override]
        return Records({**self, **other})


def read_header(raw: bytes, at: int) -> Header | None:
    """The header in 512 bytes; None if its numbers are none."""
    try:
        size, checksum = _number(raw[124:136]), _number(raw[148:156])
    except ValueError:
        return None
    if size < 0:
        raise Malformed("a member has a negative size", at)
    name = _text(raw[:100])
    if raw[257:263] == b"ustar\0":
        prefix = _text(raw[345:500])
        name = f"{prefix}/{name}" if prefix else name
    return Header(name, size, checksum, raw[156], _text(raw[157:257]))


def read_records(raw: bytes, at: int) -> Records:
    """Records of the form "length key=value newline" (IEEE 1003.1-2017, pax extended header).

    Raises:
        Malformed: a record is not of this form.
    """
    found, position = Records(), 0
    while position < len(raw):
        space = raw.find(b" ", position, position + 20)
        digits = raw[position:space]
        if space < 0 or not digits.isdigit() or int(digits) <= len(digits) + 1:
            raise Malformed("a pax record has no length", at + position)
        stop = position + int(digits)
        record = raw[space + 1 : stop]
        key, equals, value = record[:-1].partition(b"=")
        if stop > len(raw) or not record.endswith(b"\n") or not equals:
            raise Malformed("a pax record is cut short", at + position)
        found[key.decode("utf-8", "backslashreplace")] = value.decode("utf-8", "backslashreplace")
        position = stop
    return found


def _number(field: bytes) -> int:
    """Octal digits, or base 256 where the first bit is set (GNU)."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") - (256 ** (len(field) - 1) if field[0] == 0xFF else 0)
    digits = field.split(b"\0", 1)[0].strip()
    if not digits.isdigit() and digits:
        raise ValueError("no octal number")
    return int(digits or b"0", 8)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
