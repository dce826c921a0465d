"""Which loader a file gets, by its content, and the loaders that belong to libraries.

The scan has judged the file before any of this runs. A loader is chosen here and confined in its own way: an unpickler
to the names that the scan saw, torch to its weights, skops to the types that the scan saw, the rest have no names.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from typing import Any, Final

from casemate.core.optional import require
from casemate.custody.guard.confined import unpickle
from casemate.custody.guard.forests import JUDGED, unsound
from casemate.custody.guard.sealed import Sealed
from casemate.threats.supply_chain.containers.streams import compression, decompress
from casemate.threats.supply_chain.pickles.states import STATES

_COMPRESSED: Final = ("zlib", "gzip", "bzip2", "lzma", "xz", "lz4")
KINDS: Final = {
    "pickle": frozenset(("pickle", "joblib", *_COMPRESSED)),
    "torch": frozenset(("torch", "torch-legacy", "zip")),
    "safetensors": frozenset(("safetensors",)),
    "npy": frozenset(("npy",)),
    "npz": frozenset(("npz", "zip")),
    "onnx": frozenset(("onnx",)),
    "skops": frozenset(("skops", "zip")),
}
"""What the guard can load, and as what the scan may have read it: the two have to agree."""

ZIP: Final = b"PK\x03\x04"
_TORCH_LEGACY: Final = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
HEAD: Final = 512
"""Bytes that ``wants_file`` looks at."""


def wants_file(head: bytes) -> bool:
    """Whether the loader of a file that begins so maps it by a path; only a guess, the sealed bytes decide."""
    return head.startswith(ZIP) and b"/data.pkl" in head


def kind_of(sealed: Sealed, formats: Iterable[str]) -> str:
    """The loader for a file whose scan is clean, or "" if there is none.

    Args:
        sealed: the file.
        formats: what the scan took it for; asked only where bytes have no signature of their own.
    """
    head = bytes(sealed.data[:16])
    if head.startswith(ZIP):
        return _zipped(sealed)
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head[2:14] == _TORCH_LEGACY:
        return "torch"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= len(sealed) - 8:
        return "safetensors"
    if "onnx" in formats:
        return "onnx"
    return "pickle" if compression(head) or {"pickle", "joblib"} & set(formats) else ""


def _zipped(sealed: Sealed) -> str:
    with zipfile.ZipFile(sealed.reader()) as archive:
        names = archive.namelist()
    if "schema.json" in names:
        return "skops"
    if any(name.endswith("/constants.pkl") for name in names):
        return ""  # TorchScript: a program, not weights
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "torch"
    return "npz" if names and all(name.endswith(".npy") for name in names) else ""


def pickled(sealed: Sealed, imported: Iterable[str], most: int) -> Any:
    """The object of a joblib or pickle file, decompressed by the same function as the scan's."""
    kind = compression(sealed.data[:16])
    if kind is None:
        return unpickle(sealed.data, imported)
    content, behind = decompress(sealed.data[:], kind, most)
    if behind:
        raise ValueError(f"{behind} bytes follow the {kind} data")
    return unpickle(content, imported)


def torch_weights(sealed: Sealed) -> Any:
    """The tensors of a torch file, on the CPU, through torch's own unpickler of weights.

    A zip file is mapped privately from the sealed memory, which is the copy that torch would have made otherwise.
    """
    torch = require("torch", extra="torch")
    if sealed.descriptor is None:
        return torch.load(sealed.reader(), map_location="cpu", weights_only=True)
    return torch.load(sealed.path, map_location="cpu", weights_only=True, mmap=True)


def skops_object(sealed: Sealed, imported: Iterable[str]) -> Any:
    """The object of a skops file; skops is told to trust the types that the scan saw, which are reviewed ones.

    The scan does not follow a tree's links through a skops file, and scikit-learn would follow them out of its memory:
    they are judged in the object, before it is handed out.

    Raises:
        ValueError: a tree's links lead outside of it.
    """
    names = [name.replace(":", ".") for name in imported if _may(tuple(name.split(":")))]
    model = require("skops.io", extra="skops").loads(bytes(sealed.data[:]), trusted=sorted(names))
    if found := unsound(model):
        raise ValueError(f"the nodes of a {found} lead outside of it, and predicting with it would leave its memory")
    return model


def _may(name: tuple[str, ...]) -> bool:
    """Names whose state a pickle's scan judges are trusted only where it is judged here as well."""
    return name not in STATES or name in JUDGED
