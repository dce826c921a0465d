"""Bytes for tests of networks: encoders of protocol buffers and flat buffers, small HDF5 files, and their scan."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import h5py

from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.engine import Outcome, scan_view
from casemate.threats.supply_chain.format import Parser
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Report, Settings
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View

SETTINGS = Settings(allow=reviewed())


def scan(data: bytes, where: str = "file", *, deny: bool = True) -> Outcome:
    return scan_view(View(data, where=where), SETTINGS if deny else Settings(allow=reviewed(), deny=False))


def assert_clean(data: bytes, kind: str, where: str = "file") -> Outcome:
    found = scan(data, where)
    assert (found.verdict, found.coverage, found.formats[:1]) == (Verdict.CLEAN, 1.0, (kind,)), found
    return found


def assert_found(data: bytes, fact: str, verdict: Verdict | None = None) -> Outcome:
    found = scan(data)
    assert rule_for(fact).id in {finding.rule for finding in found.findings}, found
    assert found.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)
    assert verdict is None or found.verdict is verdict, found
    return found


def survive(data: bytes, *parsers: Parser) -> None:
    """Run parsers; each may stop only as parsers stop, and may not claim more than there is."""
    for parser in parsers:
        view = View(data, where="model.index")
        report = Report(view, SETTINGS, Budget(len(data), SETTINGS.most))
        try:
            parser.parse(view, report)
        except (Malformed, Refused, NotMine):
            continue
        assert report.coverage.covered <= len(data)


# --- protocol buffers


def number(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(key: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return number(key << 3) + number(value)
    raw = value.encode() if isinstance(value, str) else value
    return number(key << 3 | 2) + number(len(raw)) + raw


def message(*fields: tuple[int, int | str | bytes]) -> bytes:
    return b"".join(field(key, value) for key, value in fields)


# --- HDF5 and Keras


def h5(fill: Callable[[Any], object], **options: Any) -> bytes:
    written = io.BytesIO()
    with h5py.File(written, "w", **options) as file:
        fill(file)
    return written.getvalue()


def keras(*layers: Mapping[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "module": "keras", "config": {"name": "m", "layers": list(layers)}}


def text(value: object) -> bytes:
    return json.dumps(value).encode()


def layer(name: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"class_name": name, "module": module, "config": config, "registered_name": None}


# --- flat buffers

Value = Any


class Flat:
    """Writes tables front to back: ``{slot: ("i4", 5)}``, ``("t", {...})``, ``("s", "text")``, ``("v", "i4", [..])``,
    ``("ts", [{...}, ...])``, where a number stands for the table of an earlier element."""

    def __init__(self, root: Mapping[int, Value], identifier: bytes = b"TFL3") -> None:
        self.out = bytearray(4) + identifier
        place = self.table(root)
        struct.pack_into("<I", self.out, 0, place)

    def align(self, unit: int = 4) -> None:
        self.out += bytes(-len(self.out) % unit)

    def table(self, fields: Mapping[int, Value]) -> int:
        slots = max(fields, default=-1) + 1
        at, offsets = 4, [0] * slots
        for slot, value in sorted(fields.items()):
            width = int(value[0][1:]) if value[0][0] in "iuf" and value[0][1:].isdigit() else 4
            at += -at % width
            offsets[slot] = at
            at += width
        self.align(8)
        vtable = len(self.out)
        self.out += struct.pack(f"<HH{slots}H", 4 + 2 * slots, at, *offsets)
        self.align(8)
        place = len(self.out)
        self.out += bytes(at)
        struct.pack_into("<i", self.out, place, place - vtable)
        for slot, value in fields.items():
            self._value(place + offsets[slot], value)
        return place

    def _value(self, at: int, value: Value) -> None:
        kind = value[0]
        if kind[0] in "iu" and kind[1:].isdigit():
            self.out[at : at + int(kind[1:])] = value[1].to_bytes(int(kind[1:]), "little", signed=kind[0] == "i")
            return
        if kind == "t":
            place = self.table(value[1])
        elif kind == "s":
            place = self._string(value[1])
        elif kind == "v":
            self.align(8)
            self.out += bytes(4 if int(value[1][1:]) == 8 else 0)
            place = len(self.out)
            width = int(value[1][1:])
            self.out += struct.pack("<I", len(value[2]))
            self.out += b"".join(each.to_bytes(width, "little", signed=value[1][0] == "i") for each in value[2])
        else:
            self.align()
            place = len(self.out)
            self.out += struct.pack("<I", len(value[1])) + bytes(4 * len(value[1]))
            places: list[int] = []
            for index, each in enumerate(value[1]):
                inner = places[each] if isinstance(each, int) else self.table(each)
                places.append(inner)
                slot = place + 4 + 4 * index
                struct.pack_into("<I", self.out, slot, inner - slot)
        struct.pack_into("<I", self.out, at, place - at)

    def _string(self, value: str) -> int:
        self.align()
        place = len(self.out)
        self.out += struct.pack("<I", len(value.encode())) + value.encode() + b"\0"
        return place


def flat(root: Mapping[int, Value]) -> bytes:
    made = Flat(root)
    made.align()
    return bytes(made.out)


def tflite(
    codes: Sequence[Mapping[int, Value]],
    operators: Sequence[Mapping[int, Value] | int] = (),
    *,
    tensors: Sequence[Mapping[int, Value]] = (),
    buffers: Sequence[Mapping[int, Value] | int] = ({},),
    more: Mapping[int, Value] | None = None,
) -> bytes:
    graph = {0: ("ts", list(tensors)), 3: ("ts", list(operators))}
    root = {0: ("u4", 3), 1: ("ts", list(codes)), 2: ("ts", [graph]), 4: ("ts", list(buffers))}
    return flat(root | dict(more or {}))
