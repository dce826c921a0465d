"""UBJSON (draft 12), as XGBoost writes it: the same models as in its JSON, in binary.

Every step reads at least one byte, counts are held against what is left, and nesting is bounded.
"""

from __future__ import annotations

import array
import struct
import sys

from casemate.threats.supply_chain.formats.trees_json import is_xgboost, judge_xgboost
from casemate.threats.supply_chain.jsons import Json
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

DEPTH = 64

_INTEGERS = {b"i": (1, True), b"U": (1, False), b"I": (2, True), b"l": (4, True), b"L": (8, True)}
_FLOATS = {b"d": (4, ">f"), b"D": (8, ">d")}
_CODES = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_CONSTANTS: dict[bytes, bool | None] = {b"Z": None, b"T": True, b"F": False}


def seems_ubjson(view: View) -> bool:
    """Whether an object begins whose first key has a length."""
    return view.begins(b"{") and any(view.begins(kind, 1) for kind in _INTEGERS)


def parse(view: View, report: Report) -> None:
    """Read an XGBoost model.

    Raises:
        NotMine: it is UBJSON of something else, or none.
        Malformed: it is cut short, or says what cannot be.
        Refused: its trees are none, or it repeats a key.
    """
    if not seems_ubjson(view):
        raise NotMine
    reader = _Reader(view, report)
    value = reader.value(0)
    if not is_xgboost(value):
        raise NotMine
    report.cover(0, reader.at)
    judge_xgboost(value, report)


class _Reader:
    def __init__(self, view: View, report: Report) -> None:
        self.view = view
        self.report = report
        self.at = 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.view.raw(self.at - count, count)

    def length(self) -> int:
        kind = self.take(1)
        if kind not in _INTEGERS:
            raise Malformed("a length is no integer", self.at)
        width, signed = _INTEGERS[kind]
        length = int.from_bytes(self.take(width), "big", signed=signed)
        if not 0 <= length <= len(self.view) - self.at:
            raise Malformed(f"a length of {length}", self.at)
        return length

    def text(self) -> str:
        data = self.take(self.length())
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("a text is not UTF-8", self.at - len(data)) from error

    def value(self, depth: int, kind: bytes = b"") -> Json:
        kind = kind or self.take(1)
        if depth > DEPTH:
            raise Refused("json.bomb", f"UBJSON nests more than {DEPTH} deep", self.at)
        if kind == b"{":
            return self._object(depth)
        if kind == b"[":
            return self._array(depth)
        if kind == b"S":
            return self.text()
        if kind in _INTEGERS:
            width, signed = _INTEGERS[kind]
            return int.from_bytes(self.take(width), "big", signed=signed)
        if kind in _FLOATS:
            width, form = _FLOATS[kind]
            return float(struct.unpack(form, self.take(width))[0])
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        raise Malformed(f"the kind {kind!r} is not known", self.at - 1)

    def _object(self, depth: int) -> dict[str, Json]:
        made: dict[str, Json] = {}
        while not self.view.begins(b"}", self.at):
            key = self.text()
            if key in made:
                self.report.fact("json.repeated", f"the key {key!r} stands twice in one object", self.at, logical=key)
            made[key] = self.value(depth + 1)
        self.at += 1
        return made

    def _array(self, depth: int) -> list[Json]:
        kind = b""
        if self.view.begins(b"$", self.at):
            kind = self.take(2)[1:]
        if self.view.begins(b"#", self.at):
            self.at += 1
            return self._counted(kind, self.length(), depth)
        if kind:
            raise Malformed("a kind without a count", self.at)
        made: list[Json] = []
        while not self.view.begins(b"]", self.at):
            made.append(self.value(depth + 1))
        self.at += 1
        return made

    def _counted(self, kind: bytes, count: int, depth: int) -> list[Json]:
        if kind in _CODES:
            numbers = array.array(_CODES[kind])
            numbers.frombytes(self.take(count * numbers.itemsize))
            if sys.byteorder == "little":
                numbers.byteswap()
            return list(numbers)
        if kind:
            raise Malformed(f"an array of the kind {kind!r}", self.at)
        return [self.value(depth + 1) for _ in range(count)]
