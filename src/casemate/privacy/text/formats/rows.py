"""CSV: rows as ragged as they were; a row in which nothing was found stays as it is, byte by byte."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from casemate.core.errors import UnreadableError
from casemate.privacy.text.editor import Editor
from casemate.privacy.text.formats.plain import decoded, encoded, encoding
from casemate.privacy.text.roles import is_header, role

LOOK: Final = 1000
"""Rows that are read before the roles of columns are told."""
LONGEST: Final = 1 << 27
_SEPARATORS: Final = ",;\t|"


class _Rows:
    """Rows, each with the text that it was read from."""

    def __init__(self, source: BinaryIO, name: str, separator: str) -> None:
        self._source, self._name, self._read = source, name, list[str]()
        self._rows = csv.reader(self._lines(), delimiter=separator)

    def _lines(self) -> Iterator[str]:
        for line in self._source:
            text = line.decode(self._name, "surrogateescape")
            self._read.append(text)
            yield text

    def __iter__(self) -> Iterator[tuple[list[str], str]]:
        for row in self._rows:
            yield row, "".join(self._read)
            self._read.clear()


def rewrite(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """Redact a table; the separator is told from its first rows.

    Raises:
        UnreadableError: it is no text, or a cell is longer than 128 MiB.
    """
    first = source.read(1 << 16)
    name = encoding(first)
    rest: BinaryIO = io.BufferedReader(cast("io.RawIOBase", _Joined(first, source)), 1 << 16)
    if name != "utf-8":
        text, name = decoded(rest.read())
        rest = io.BytesIO(encoded(text, "utf-8"))
    separator = _separator(first.decode("utf-8", "replace"))
    out = _Writer(goal, name, separator)
    before = csv.field_size_limit(LONGEST)
    try:
        rows = iter(_Rows(rest, "utf-8", separator))
        head = [row for row, _ in zip(rows, range(LOOK), strict=False)]
        header = head[0][0] if head and is_header(head[0][0], editor) else []
        width = max((len(row) for row, _ in head), default=0)
        names = [*header, *[""] * (width - len(header))]
        body = head[1:] if header else head
        types = [role((row[at] for row, _ in body if at < len(row)), names[at], editor) for at in range(width)]
        for number, (row, raw) in enumerate(_chained(head, rows), 1):
            made = row if header and number == 1 else [
                editor(cell, f"row {number}, column {(names[at] if at < width else '') or at + 1}",
                       hint=names[at] if at < width else "", type=types[at] if at < width else "")
                for at, cell in enumerate(row)
            ]  # fmt: skip
            out.row(row, made, raw)
    except csv.Error as error:
        raise UnreadableError("this is no table", cause=str(error), next_step="read it as text: --as text") from error
    finally:
        csv.field_size_limit(before)


class _Writer:
    def __init__(self, goal: BinaryIO, name: str, separator: str) -> None:
        self._goal, self._separator = goal, separator
        self._name, self._started = name, False

    def row(self, old: list[str], new: list[str], raw: str) -> None:
        if old != new:
            line = io.StringIO()
            end = "\r\n" if raw.endswith("\r\n") else "\n" if raw.endswith("\n") else ""
            csv.writer(line, delimiter=self._separator, lineterminator=end).writerow(new)
            raw = line.getvalue()
        name = (
            self._name
            if not self._started
            else {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(self._name, self._name)
        )
        self._started = True
        self._goal.write(raw.encode(name, "surrogateescape" if name[:6] != "utf-16" else "surrogatepass"))


class _Joined(io.RawIOBase):
    """What was read already, and then the rest."""

    def __init__(self, first: bytes, source: BinaryIO) -> None:
        self._first, self._source = first, source

    def readable(self) -> bool:
        """See ``io``."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """See ``io``."""
        data = self._first[: len(buffer)] or self._source.read(len(buffer))
        self._first = self._first[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def _chained(
    head: list[tuple[list[str], str]], rows: Iterator[tuple[list[str], str]]
) -> Iterator[tuple[list[str], str]]:
    yield from head
    yield from rows


def _separator(text: str) -> str:
    """The one that stands equally often in the first lines, and most often."""
    lines = [line for line in text.splitlines()[:20] if line.strip()][:10]
    counts = {each: [line.count(each) for line in lines] for each in _SEPARATORS}
    return max(_SEPARATORS, key=lambda each: (min(counts[each], default=0), sum(counts[each])))
