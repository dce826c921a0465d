"""What of a file is searched: a notebook cell by cell with outputs, text in its encoding, other bytes as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

_BOMS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CELLS = 100_000


class Piece(NamedTuple):
    """Something to search in.

    Attributes:
        data: the bytes, text in UTF-8.
        place: which part of the file it is ("cell 3, output"), or "".
    """

    data: bytes
    place: str = ""


def pieces(data: bytes, name: str) -> Iterator[Piece]:
    """The searchable parts of a file.

    A notebook is JSON: what a cell holds is searched as it was typed and printed, not as JSON escapes it. If it is no
    notebook after all, its bytes are searched as they are.
    """
    if name.lower().endswith(".ipynb"):
        cells = _cells(data)
        if cells is not None:
            yield from cells
            return
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            yield Piece(data[2:].decode(encoding, "replace").encode())
            return
    yield Piece(data)


def binary(data: bytes) -> bool:
    """Whether this is no text; UTF-16 is."""
    return b"\0" in data[:8192] and not data.startswith((b"\xff\xfe", b"\xfe\xff"))


def _cells(data: bytes) -> list[Piece] | None:
    try:
        notebook: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        return None
    found = []
    for number, cell in enumerate(notebook["cells"][:_CELLS], 1):
        if isinstance(cell, dict):
            found.append(Piece(_joined(cell.get("source")), f"cell {number}"))
            found.append(Piece(_strings({key: cell[key] for key in cell if key != "source"}), f"cell {number}, output"))
    found.append(Piece(_strings({key: notebook[key] for key in notebook if key != "cells"}), "metadata"))
    return [piece for piece in found if piece.data]


def _joined(source: Any) -> bytes:
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str)).encode("utf-8", "surrogatepass")


def _strings(value: Any) -> bytes:
    """All strings in a value, each with the key it stands under, so that names assigned to values stay together."""
    found: list[str] = []
    waiting = [("", value)]
    while waiting:
        key, each = waiting.pop()
        if isinstance(each, dict):
            waiting += [(str(inner), each[inner]) for inner in reversed(list(each))]
        elif isinstance(each, list):
            if all(isinstance(inner, str) for inner in each):
                found.append("".join(each))
            else:
                waiting += [(key, inner) for inner in reversed(each)]
        elif isinstance(each, str):
            found.append(f'"{key}": "{each}"' if key and "\n" not in each else each)
    return "\n".join(found).encode("utf-8", "surrogatepass")
