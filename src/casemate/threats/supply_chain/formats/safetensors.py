"""safetensors: eight bytes of length, a JSON header, and tensors back to back (format description of version 0.4).

Every rule of the reference reader is checked, and what it leaves open is closed: the tensors cover the rest of the file
exactly once, the header repeats no key, its padding is spaces.
"""

from __future__ import annotations

from casemate.threats.supply_chain.jsons import Json, read
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

HEADER = 100_000_000
"""Bytes that a header may have, as in the reference reader."""

BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
"""Bits of an element of each type."""

_DIMENSIONS = 64


def parse(view: View, report: Report) -> None:
    """Read the header and hold the tensors against the file's size.

    Raises:
        NotMine: no header stands where it should.
        Malformed: the header is no JSON.
        Refused: header and file contradict each other.
    """
    size = view.number(0, 8) if view.begins(b"{", 8) else 0
    if not 2 <= size <= min(HEADER, len(view) - 8):
        raise NotMine
    try:
        text = read(view.raw(8, size))
    except Malformed as stop:
        raise Malformed(f"the header: {stop.message}", 8 + stop.offset) from stop
    for key in text.repeated:
        report.fact("safetensors.repeated", f"the header names {key!r} twice", 8, logical=key)
    header = text.value
    if not isinstance(header, dict):
        raise Malformed("the header is no object", 8)
    metadata(header.pop("__metadata__", {}), report)
    ranges = sorted((*_range(name, entry), name) for name, entry in header.items())
    reached = 0
    for start, stop_, name in ranges:
        if start != reached:
            what = "overlaps what stands before it" if start < reached else "leaves a gap before it"
            raise Refused("safetensors.layout", f"tensor {name!r} {what}", 8 + size + min(start, len(view)))
        reached = stop_
    if reached > len(view) - 8 - size:
        raise Malformed(f"the tensors need {reached} bytes", 8 + size)
    report.cover(0, 8 + size + reached)
    report.describe("tensors", len(ranges))
    report.describe("parameters", sum(_count(entry) for entry in header.values()))


def metadata(values: Json, report: Report) -> None:
    """The free part of the header: texts by name. Each is a member, and scanned like a text file."""
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        report.fact("safetensors.metadata", "the metadata are not texts by name", 8)
        return
    for key, value in values.items():
        if value:
            data = str(value).encode("utf-8", "surrogatepass")
            report.member(View(data, where=report.view.part(0, 0, f"__metadata__.{key}").where))


def _range(name: str, entry: Json) -> tuple[int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise Refused("safetensors.header", f"tensor {name!r} is not described by dtype, shape and data_offsets", 8)
    bits = BITS.get(str(entry["dtype"]))
    if bits is None:
        raise Refused("safetensors.header", f"tensor {name!r} is of the unknown type {entry['dtype']!r}", 8)
    where = _integers(entry["data_offsets"])
    if where is None or len(where) != 2 or where[0] > where[1]:
        raise Refused("safetensors.header", f"tensor {name!r} has no range", 8)
    total = _count(entry) * bits
    if total != 8 * (where[1] - where[0]):
        raise Refused("safetensors.layout", f"tensor {name!r} does not fill its range", 8)
    return where[0], where[1]


def _count(entry: Json) -> int:
    shape = _integers(entry.get("shape")) if isinstance(entry, dict) else None
    if shape is None or len(shape) > _DIMENSIONS:
        raise Refused("safetensors.header", "a tensor has no shape", 8)
    count = 1
    for size in shape:
        count *= size
        if count >= 1 << 63:
            raise Refused("safetensors.layout", "a shape overflows", 8)
    return count


def _integers(value: Json) -> list[int] | None:
    """A list of sizes; ``True`` is no size."""
    if not isinstance(value, list):
        return None
    sizes = [each for each in value if type(each) is int and 0 <= each < 1 << 63]
    return sizes if len(sizes) == len(value) else None
