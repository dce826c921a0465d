"""Cheap looks at the first bytes of formats without a signature; each may say yes too often, never too rarely."""

from __future__ import annotations

from casemate.threats.supply_chain.formats.outline import Fields
from casemate.threats.supply_chain.view import View

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
MARKS = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"


def looks_like_onnx(found: Fields) -> bool:
    """A ModelProto has a graph (7)."""
    return found.get(7) == 2


def looks_like_tensor(found: Fields) -> bool:
    """A TensorProto has a type (2), and every field one that a tensor has."""
    return found.get(2) == 0 and all(_of_tensor(number, wire) for number, wire in found.items())


def _of_tensor(number: int, wire: int) -> bool:
    if number in (1, 14):
        return wire in (0, 2)
    return wire == 0 if number == 2 else wire == 2 and number < 17


def hdf5_begins(view: View) -> int | None:
    """Where the superblock lies: at 0, 512, 1024 and so on, the first that has the signature; or None."""
    at = 0
    while at <= len(view) - len(HDF5_SIGNATURE):
        if view.begins(HDF5_SIGNATURE, at):
            return at
        at = at * 2 or 512
    return None


def looks_like_hdf5(view: View) -> bool:
    """An HDF5 file, whatever stands before it."""
    return hdf5_begins(view) is not None


def looks_like_keras(view: View) -> bool:
    """A JSON object in any encoding: a brace behind blanks and byte order marks."""
    return view.raw(0, min(len(view), 64)).lstrip(MARKS)[:1] == b"{"


def looks_like_tensorflow(found: Fields) -> bool:
    """A SavedModel has graphs (2), a MetaGraphDef a graph (2), a GraphDef nodes (1) or a library (2)."""
    return found.get(1) == 2 or found.get(2) == 2


def looks_like_tensorflow_part(found: Fields) -> bool:
    """A FingerprintDef has numbers (1, 2), a SavedMetadata nodes (1)."""
    return (found.get(1) == 0 and found.get(2) == 0) or found.get(1) == 2


def looks_like_checkpoint(view: View) -> bool:
    """A table's footer ends in a number of its own."""
    return view.begins(b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", len(view) - 8)


def looks_like_coreml(found: Fields) -> bool:
    """A Model has a version (1), a description (2) and a kind, which is a number from 200 on."""
    return found.get(1) == 0 and found.get(2) == 2 and max(found) >= 200
