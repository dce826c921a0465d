"""NumPy arrays (.npy, versions 1 to 3; ``numpy.lib.format``): a header that is a Python literal, and the array's bytes.

Old versions of NumPy evaluated the header; here it is read by a grammar of its own, and anything but the literal that
NumPy writes is refused. An array of objects is a pickle, which becomes a member.
"""

from __future__ import annotations

import re

from casemate.threats.supply_chain.formats.literal import Literal, literal
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

MAGIC = b"\x93NUMPY"
HEADER = 65_536
"""Characters that a header may have; NumPy itself reads 10,000 by default."""

_TYPE = re.compile(r"[<>|=]?(?:([biufcmMVSUO])(\d{0,9})|\?)(\[\d{0,6}[a-zA-Z]{1,2}\])?")
_WIDTHS = {
    "b": (1,),
    "i": (1, 2, 4, 8),
    "u": (1, 2, 4, 8),
    "f": (2, 4, 8, 12, 16),
    "c": (8, 16, 24, 32),
    "m": (8,),
    "M": (8,),
}
_LARGEST = 1 << 62


def parse(view: View, report: Report) -> None:
    """Read the header and hold the array against the file's size.

    Raises:
        NotMine: the magic is missing.
        Malformed: the file is shorter than it says, or of an unknown version.
        Refused: the header is not what NumPy writes ("numpy.header").
    """
    if not view.begins(MAGIC):
        raise NotMine
    version = view.number(6, 1)
    if version not in (1, 2, 3) or view.number(7, 1) != 0:
        raise Malformed("the version is not known", 6)
    start = 10 if version == 1 else 12
    length = view.number(8, start - 8)
    if length > HEADER:
        raise Refused("numpy.header", f"a header of {length} bytes", 8)
    text = view.raw(start, length).decode("utf-8" if version == 3 else "latin-1", "replace")
    shape, size, objects = _described(text, start)
    count = 1
    for extent in shape:
        count *= extent
        if count * max(size, 1) > _LARGEST:
            raise Refused("numpy.header", "the shape overflows", start)
    begin = start + length
    report.cover(0, begin)
    report.describe("shape", list(shape))
    if objects:
        rest = view.part(begin, len(view) - begin, "objects")
        report.fact("numpy.objects", "the array holds objects, as a pickle", begin)
        report.cover(begin, len(rest))
        report.member(rest)
        return
    if count * size > len(view) - begin:
        raise Malformed(f"the array needs {count * size} bytes", begin)
    report.cover(begin, count * size)


def _described(text: str, at: int) -> tuple[tuple[int, ...], int, bool]:
    try:
        header = literal(text)
    except Malformed as stop:
        raise Refused("numpy.header", f"the header is no literal: {stop.message}", at + stop.offset) from stop
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise Refused("numpy.header", "the header is not made of descr, fortran_order and shape", at)
    shape = header["shape"]
    if not isinstance(shape, tuple) or not isinstance(header["fortran_order"], bool):
        raise Refused("numpy.header", "shape or fortran_order is of a wrong type", at)
    extents = tuple(each for each in shape if type(each) is int)
    if len(extents) != len(shape) or len(shape) > 64:
        raise Refused("numpy.header", "the shape is not made of integers", at)
    size, objects = item_size(header["descr"], at)
    return extents, size, objects


def item_size(descr: Literal, at: int = 0) -> tuple[int, bool]:
    """Bytes of one element of a dtype's description, and whether it holds objects.

    Raises:
        Refused: it is no description that NumPy writes.
    """
    if isinstance(descr, str):
        return _scalar(descr, at)
    if isinstance(descr, tuple) and len(descr) == 2:
        size, objects = item_size(descr[0], at)
        return size * _extent(descr[1], at), objects
    if not isinstance(descr, list):
        raise Refused("numpy.header", "a type is neither a name nor a list of fields", at)
    total, any_objects = 0, False
    for field in descr:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            raise Refused("numpy.header", "a field is not a name, a type and a shape", at)
        size, objects = item_size(field[1], at)
        total += size * (_extent(field[2], at) if len(field) == 3 else 1)
        any_objects = any_objects or objects
        if total > _LARGEST:
            raise Refused("numpy.header", "a type overflows", at)
    return total, any_objects


def _scalar(name: str, at: int) -> tuple[int, bool]:
    match = _TYPE.fullmatch(name)
    if match is None:
        raise Refused("numpy.header", f"the type {name!r} is not known", at)
    letter, digits, unit = match.groups()
    if letter is None:
        return 1, False
    if letter == "O":
        return 8, True
    width = int(digits or 0)
    known = _WIDTHS.get(letter)
    if (known is not None and width not in known) or (unit is not None and letter not in "mM"):
        raise Refused("numpy.header", f"the type {name!r} is not known", at)
    return width * (4 if letter == "U" else 1), False


def _extent(shape: Literal, at: int) -> int:
    extents = shape if isinstance(shape, tuple) else (shape,)
    count = 1
    for each in extents:
        if type(each) is not int:
            raise Refused("numpy.header", "the shape of a field is not made of integers", at)
        count *= each
        if count > _LARGEST:
            raise Refused("numpy.header", "the shape of a field overflows", at)
    return count
