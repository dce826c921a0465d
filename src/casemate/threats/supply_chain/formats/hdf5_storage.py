"""Where the elements of an HDF5 dataset lie: in its header, in one block, in chunks, or in other files.

Source: HDF5 File Format Specification 3.0, IV.A.2.i (layout), VII (chunk indexes), IV.A.2.h (external files).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from casemate.threats.supply_chain.formats.hdf5_chunks import extensible_array, fixed_array
from casemate.threats.supply_chain.formats.hdf5_file import Cursor, File
from casemate.threats.supply_chain.formats.hdf5_heaps import LocalHeap
from casemate.threats.supply_chain.formats.hdf5_trees import Tree, old_tree
from casemate.threats.supply_chain.formats.paths import escape
from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import printable

COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = range(4)


@dataclass
class Layout:
    """What a layout message says.

    Attributes:
        kind: compact, contiguous, chunked or virtual.
        at: the block, or the index of the chunks; None if nothing was ever written.
        size: bytes of the block.
        chunk: lengths of a chunk, the element's bytes last.
        index: kind of index: 0 an old tree, 1 to 5 as in version 4.
        single: bytes of the only chunk where it is filtered.
    """

    kind: int
    at: int | None = None
    size: int = 0
    chunk: tuple[int, ...] = ()
    index: int = 0
    single: int | None = None


def layout(cursor: Cursor) -> Layout:
    """Read a layout message."""
    version = cursor.number(1)
    if version in (1, 2):
        return _early(cursor)
    if version not in (3, 4, 5):
        raise Malformed("a layout has an unknown version", cursor.at)
    kind = cursor.number(1)
    if kind == COMPACT:
        size = cursor.number(2)
        return Layout(kind, cursor.skip(size), size)
    if kind == CONTIGUOUS:
        return Layout(kind, cursor.address(), cursor.length())
    if kind == VIRTUAL:
        at = cursor.address()
        cursor.skip(4)
        return Layout(kind, at)
    if kind != CHUNKED:
        raise Malformed("a layout is of no known class", cursor.at)
    if version == 3:
        rank, at = cursor.number(1), cursor.address()
        return Layout(kind, at, chunk=tuple(cursor.number(4) for _ in range(rank)))
    flags, rank, wide = cursor.number(1), cursor.number(1), cursor.number(1)
    chunk = tuple(cursor.number(wide) for _ in range(rank))
    index, single = cursor.number(1), None
    if index == 1 and flags & 2:
        single = cursor.length()
        cursor.skip(4)
    cursor.skip({1: 0, 2: 0, 3: 1, 4: 5, 5: 6}.get(index, 0))
    return Layout(kind, cursor.address(), chunk=chunk, index=index or 9, single=single)


def _early(cursor: Cursor) -> Layout:
    rank, kind = cursor.number(1), cursor.number(1)
    cursor.zeros(5)
    at = None if kind == COMPACT else cursor.address()
    lengths = tuple(cursor.number(4) for _ in range(rank))
    if kind == CHUNKED:
        return Layout(kind, at, chunk=(*lengths[:-1], cursor.number(4)) if len(lengths) > 1 else lengths)
    if kind == COMPACT:
        size = cursor.number(4)
        return Layout(kind, cursor.skip(size), size)
    return Layout(kind, at, -1)


def blocks(
    file: File, told: Layout, lengths: tuple[int, ...], element: int, *, filtered: bool
) -> list[tuple[int, int]]:
    """Every block that holds elements, as place and bytes, in the order of the index.

    Raises:
        Malformed: a block is not as large as its elements.
    """
    whole = math.prod(lengths) * element
    if told.at is None:
        return []
    if told.kind in (COMPACT, CONTIGUOUS):
        size = whole if told.size < 0 else told.size
        if size != whole and not (told.kind == COMPACT and size >= whole):
            file.report.fact("hdf5.storage", f"a dataset of {whole} bytes has {size} in its block", told.at)
        return [(told.at, size)]
    rank = len(lengths)
    if len(told.chunk) != rank + 1 or 0 in told.chunk:
        raise Malformed("a chunk does not fit its dataset", told.at)
    full = math.prod(told.chunk[:-1]) * element
    found = list(_chunks(file, told, lengths, full, filtered=filtered))
    if not filtered and any(size != full for _, size in found):
        file.report.fact("hdf5.storage", f"a chunk of {full} bytes is stored in another size", told.at)
    return found


def _chunks(
    file: File, told: Layout, lengths: tuple[int, ...], full: int, *, filtered: bool
) -> Iterator[tuple[int, int]]:
    at = told.at
    if at is None:
        return
    rank = len(lengths)
    number = math.prod(-(-length // part) for length, part in zip(lengths, told.chunk, strict=False))
    if told.index == 0:
        for key, child in old_tree(file, at, 1, 8 + 8 * (rank + 1)):
            yield child, key.number(4)
    elif told.index == 1:
        yield at, full if told.single is None else told.single
    elif told.index == 2:
        yield at, full * number
    elif told.index == 3:
        yield from fixed_array(file, at, full)
    elif told.index == 4:
        yield from extensible_array(file, at, full)
    elif told.index == 5:
        for record in Tree(file, at).records():
            place = record.address()
            if place is None:
                continue
            size = record.number(record.left - 4 - 8 * rank) if filtered else full
            yield place, size
    else:
        raise Malformed("chunks have an unknown index", at)


def external_files(file: File, cursor: Cursor, where: str) -> None:
    """Other files that hold the elements: every one is a fact, and one outside the folder a worse one."""
    if cursor.number(1) != 1:
        raise Malformed("a list of external files has an unknown version", cursor.at)
    cursor.zeros(3)
    cursor.skip(2)
    used, heap_at = cursor.number(2), cursor.address()
    if heap_at is None:
        raise Malformed("a list of external files has no names", cursor.at)
    heap = LocalHeap(file, heap_at)
    for _ in range(used):
        name, offset, size = heap.text(cursor.length()), cursor.length(), cursor.length()
        outside = escape(name)
        file.report.fact(
            "hdf5.outside" if outside else "hdf5.external",
            f"dataset {where} reads {printable(name)}" + (f", which {outside}" if outside else ""),
            cursor.at,
            where,
        )
        if not outside:
            file.report.claim(name, "external storage", offset, size)
    cursor.cover()
