"""Datatypes and dataspaces of HDF5: how large an element is, and which parts of it point elsewhere.

Source: HDF5 File Format Specification 3.0, IV.A.2.b (dataspace) and IV.A.2.d (datatype).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from casemate.threats.supply_chain.formats.hdf5_file import Cursor, width_of
from casemate.threats.supply_chain.stops import Malformed, Refused

DEPTH: Final = 32
MOST_MEMBERS: Final = 65_536
STRING, REFERENCE, VARIABLE = 3, 7, 9


@dataclass(frozen=True)
class Pointer:
    """A part of an element that points elsewhere.

    Attributes:
        offset: bytes from the start of the element.
        kind: ``VARIABLE`` (a list or text in a global heap) or ``REFERENCE`` (an object, or a region of one).
        size: of the pointer itself.
        inner: what a list's elements are; None for references.
    """

    offset: int
    kind: int
    size: int
    inner: Datatype | None = None


@dataclass(frozen=True)
class Datatype:
    """What an element is.

    Attributes:
        kind: the class of the type (3 is text, 9 a list of variable length, ...).
        size: bytes of an element.
        pointers: parts that point elsewhere.
        text: whether it is text, fixed or variable.
    """

    kind: int
    size: int
    pointers: tuple[Pointer, ...] = ()
    text: bool = False


def datatype(cursor: Cursor, depth: int = 0) -> Datatype:
    """Read a datatype.

    Raises:
        Malformed: it is of no class or version that the specification knows.
        Refused: types nest too deep.
    """
    if depth > DEPTH:
        raise Refused("hdf5.depth", f"datatypes nest more than {DEPTH} deep", cursor.at)
    first = cursor.number(1)
    kind, version = first & 15, first >> 4
    bits, size = cursor.number(3), cursor.number(4)
    if not 1 <= version <= 5:
        raise Malformed("a datatype has an unknown version", cursor.at)
    if kind in (0, 4):
        cursor.skip(4)
    elif kind == 1:
        cursor.skip(12)
    elif kind == 2:
        cursor.skip(2)
    elif kind == STRING:
        return Datatype(kind, size, text=True)
    elif kind == 5:
        cursor.skip(bits & 0xFF)
    elif kind == 6:
        return _compound(cursor, bits & 0xFFFF, size, version, depth)
    elif kind == REFERENCE:
        return Datatype(kind, size, (Pointer(0, REFERENCE, size),))
    elif kind == 8:
        _enumeration(cursor, bits & 0xFFFF, version, depth)
    elif kind == VARIABLE:
        inner = datatype(cursor, depth + 1)
        return Datatype(kind, size, (Pointer(0, VARIABLE, size, inner),), text=bits & 15 == 1)
    elif kind == 10:
        return _array(cursor, size, version, depth)
    elif kind == 11:
        datatype(cursor, depth + 1)
    else:
        raise Malformed(f"datatype class {kind} is not known", cursor.at)
    return Datatype(kind, size)


def _compound(cursor: Cursor, members: int, size: int, version: int, depth: int) -> Datatype:
    pointers: list[Pointer] = []
    for _ in range(members):
        begin = cursor.at
        cursor.text()
        if version < 3:
            cursor.skip(-(cursor.at - begin) % 8)
        at = cursor.number(width_of(size) if version >= 3 else 4)
        repeat = 1
        if version == 1:
            rank = cursor.number(1)
            cursor.skip(11)
            lengths = [cursor.number(4) for _ in range(4)]
            repeat = math.prod(lengths[: min(rank, 4)])
        inner = datatype(cursor, depth + 1)
        if at + inner.size * repeat > size:
            raise Malformed("a member lies outside its compound", cursor.at)
        pointers += _repeated(inner, repeat, at)
        if len(pointers) > MOST_MEMBERS:
            raise Refused("hdf5.count", "a datatype holds too many pointers", cursor.at)
    return Datatype(6, size, tuple(pointers))


def _repeated(inner: Datatype, repeat: int, at: int = 0) -> list[Pointer]:
    if not inner.pointers or repeat > MOST_MEMBERS:
        if inner.pointers:
            raise Malformed("an array of pointers is too large", 0)
        return []
    return [
        Pointer(at + number * inner.size + each.offset, each.kind, each.size, each.inner)
        for number in range(repeat)
        for each in inner.pointers
    ]


def _enumeration(cursor: Cursor, members: int, version: int, depth: int) -> None:
    base = datatype(cursor, depth + 1)
    for _ in range(members):
        begin = cursor.at
        cursor.text()
        if version < 3:
            cursor.skip(-(cursor.at - begin) % 8)
    cursor.skip(members * base.size)


def _array(cursor: Cursor, size: int, version: int, depth: int) -> Datatype:
    rank = cursor.number(1)
    if version < 3:
        cursor.skip(3)
    lengths = [cursor.number(4) for _ in range(rank)]
    if version < 3:
        cursor.skip(4 * rank)
    inner = datatype(cursor, depth + 1)
    if inner.size * math.prod(lengths) != size:
        raise Malformed("an array type is not as large as its elements", cursor.at)
    return Datatype(10, size, tuple(_repeated(inner, math.prod(lengths))))


def dataspace(cursor: Cursor) -> tuple[int, ...] | None:
    """Read a dataspace: its lengths, () for a single element, None for none at all."""
    version, rank, flags = cursor.number(1), cursor.number(1), cursor.number(1)
    if version not in (1, 2) or rank > 32:
        raise Malformed("a dataspace has an unknown version", cursor.at)
    kind = cursor.number(1)
    if version == 1:
        cursor.skip(4)
    lengths = tuple(cursor.length() for _ in range(rank))
    if flags & 1:
        cursor.skip(rank * cursor.file.lengths)
    if flags & 2 and version == 1:
        cursor.skip(rank * cursor.file.lengths)
    return None if version == 2 and kind == 2 else lengths


def elements(lengths: tuple[int, ...] | None) -> int:
    """How many elements a dataspace has."""
    return 0 if lengths is None else math.prod(lengths)
