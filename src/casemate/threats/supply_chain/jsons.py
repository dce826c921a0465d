"""JSON, bounded: what a file says and what two readers could read differently in it.

The C scanner of the standard library reads: it bounds nesting and digits itself, and size and count of values are
bounded here before it runs, so it ends after work and memory linear in the text. Nothing is made but dict, list, str,
int, float, bool and None.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

SIZE = 256 << 20
"""Bytes that one text may have."""

VALUES = 8_000_000
"""Values that one text may have; each costs about a hundred bytes of memory."""

_BLANK = b" \t\r\n"


@dataclass(frozen=True)
class Text:
    """A JSON text.

    Attributes:
        value: what the last of equal keys says, as Python and most readers have it.
        repeated: keys that stand twice in one object: readers differ on which value counts.
        constants: ``NaN``, ``Infinity`` or ``-Infinity`` as they stand there, which RFC 8259 does not know.
        surrogates: whether a string holds half of a surrogate pair, which other readers refuse or replace.
    """

    value: Json
    repeated: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    surrogates: bool = False


def seems_json(view: View, first: bytes = b"{[") -> bool:
    """Whether the first byte that is not blank opens an object or an array. Looks at 256 bytes at most."""
    head = view.raw(0, min(len(view), 256)).lstrip(_BLANK)
    return head[:1] != b"" and head[:1] in first


def read(data: bytes, *, size: int = SIZE, values: int = VALUES) -> Text:
    """Read one JSON text (RFC 8259) and nothing behind it.

    Args:
        data: UTF-8, without a byte order mark.
        size: bytes it may have.
        values: values it may have.

    Raises:
        Malformed: it is no JSON, or not UTF-8; the offset is in bytes.
        Refused: it is larger, longer or deeper than allowed ("json.bomb"); Python's reader stops near 1,000 levels.
    """
    if len(data) > size:
        raise Refused("json.bomb", f"a JSON text of {len(data)} bytes, more than {size}", 0)
    if sum(data.count(mark) for mark in (b",", b":", b"[", b"{")) > values:
        raise Refused("json.bomb", f"a JSON text of more than {values} values", 0)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("the JSON text is not UTF-8", error.start) from error
    return _Reader().read(text)


def read_json(view: View, report: Report, at: int = 0, count: int | None = None) -> Json:
    """Read JSON out of a view and report what readers could read differently.

    The bytes are not covered: whoever knows what the value means says so.

    Raises:
        Malformed, Refused: as ``read``; offsets count from the start of the view.
    """
    try:
        text = read(view.raw(at, len(view) - at if count is None else count))
    except Malformed as stop:
        raise Malformed(stop.message, at + stop.offset) from stop
    for key in text.repeated[:10]:
        report.fact("json.repeated", f"the key {key!r} stands twice in one object", at, logical=key)
    if text.surrogates:
        report.fact("json.surrogate", "a string holds half of a surrogate pair", at)
    return text.value


def walk(value: Json) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """Every value inside, itself first, with the keys and indices that lead to it. Not recursive."""
    waiting: list[tuple[tuple[str | int, ...], Json]] = [((), value)]
    while waiting:
        path, each = waiting.pop()
        yield path, each
        if isinstance(each, dict):
            waiting.extend(((*path, key), inner) for key, inner in reversed(each.items()))
        elif isinstance(each, list) and any(isinstance(inner, dict | list | str) for inner in each):
            waiting.extend(((*path, index), inner) for index, inner in reversed(list(enumerate(each))))


def spelled(path: tuple[str | int, ...]) -> str:
    """A path as a person writes it.

    Example:
        >>> spelled(("layers", 0, "class_name"))
        'layers[0].class_name'
    """
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".")


class _Reader:
    """Collects what the standard library's reader passes over in silence."""

    def __init__(self) -> None:
        self.repeated: dict[str, None] = {}
        self.constants: dict[str, None] = {}

    def read(self, text: str) -> Text:
        decoder = json.JSONDecoder(object_pairs_hook=self._pairs, parse_constant=self._constant)
        start = len(text) - len(text.lstrip(" \t\r\n"))
        try:
            value, stop = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise Malformed(f"the JSON text is damaged: {error.msg}", _bytes(text, error.pos)) from error
        except RecursionError as error:
            raise Refused("json.bomb", "the JSON text nests too deep", 0) from error
        except ValueError as error:
            raise Malformed("the JSON text holds an integer of thousands of digits", 0) from error
        if text[stop:].strip(" \t\r\n"):
            raise Malformed("something follows the JSON text", _bytes(text, stop))
        halves = "\\u" in text and ("\\ud" in text or "\\uD" in text) and _halves(value)
        return Text(value, tuple(self.repeated), tuple(self.constants), halves)

    def _pairs(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    self.repeated[key] = None
                seen.add(key)
        return made

    def _constant(self, name: str) -> float:
        self.constants[name] = None
        return float(name)


def _bytes(text: str, position: int) -> int:
    return len(text[:position].encode("utf-8", "surrogatepass"))


def _halves(value: Json) -> bool:
    for _, each in walk(value):
        strings = list(each) if isinstance(each, dict) else [each] if isinstance(each, str) else []
        if any("\ud800" <= c <= "\udfff" for string in strings for c in string):
            return True
    return False
