"""Sealed safetensors files, read tensor by tensor: only the segments that hold a tensor are decrypted.

The format: 8 bytes, little-endian, the length of a JSON object; the object, which names each tensor's dtype, shape and
range of bytes; the bytes. Everything in the object is checked against the file before any tensor is read.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, NamedTuple

import numpy as np

from casemate.core.errors import UnreadableError, UsageError
from casemate.core.optional import require
from casemate.custody.envelope.reading import EncryptedFile, open_encrypted
from casemate.keys.services import KeyService

MOST_HEADER: Final = 100_000_000
"""Bytes of the JSON object; the limit of the format's reference implementation."""
MOST_DIMENSIONS: Final = 64
ALIGNMENT: Final = 64

BITS: Final = MappingProxyType(
    {
        **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"), 8),
        **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
        **dict.fromkeys(("U32", "I32", "F32"), 32),
        **dict.fromkeys(("U64", "I64", "F64"), 64),
    }
)
"""Bits of one element, by the format's name of its type."""
NUMPY: Final = MappingProxyType(
    {
        "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
        "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
    }
)  # fmt: skip
TORCH: Final = MappingProxyType(
    {
        "BOOL": "bool", "U8": "uint8", "I8": "int8", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn",
        "U16": "uint16", "I16": "int16", "F16": "float16", "BF16": "bfloat16", "U32": "uint32", "I32": "int32",
        "F32": "float32", "U64": "uint64", "I64": "int64", "F64": "float64",
    }
)  # fmt: skip


class Tensor(NamedTuple):
    """Where a tensor lies: its type by the format's name, its shape, and its bytes from the file's beginning."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


class EncryptedSafetensors(Mapping[str, np.ndarray]):
    """The tensors of a sealed file by name, each decrypted when it is asked for; a context manager.

    Arrays are copies, writable and aligned. Nothing is kept: asking twice decrypts twice.

    Args:
        opened: the sealed file; closed together with this.

    Raises:
        UnreadableError: what is sealed is not a safetensors file.

    Attributes:
        tensors: where each tensor lies, in the order of the file.
        metadata: the file's own notes, text to text.
    """

    def __init__(self, opened: EncryptedFile) -> None:
        self._opened = opened
        self.tensors, self.metadata = _layout(opened)

    def __enter__(self) -> EncryptedSafetensors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._opened.close()

    def __len__(self) -> int:
        return len(self.tensors)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    def __getitem__(self, name: str) -> np.ndarray:
        """A tensor as an array.

        Raises:
            KeyError: there is none of this name.
            UsageError: numpy has no such type.
            TamperedError: a segment that holds it was changed.
        """
        tensor = self.tensors[name]
        if tensor.dtype not in NUMPY:
            raise UsageError(
                f"numpy has no type for {tensor.dtype}",
                next_step="ask for it by .torch(name), or for its bytes by .raw(name)",
            )
        return np.frombuffer(self.raw(name), dtype=NUMPY[tensor.dtype]).reshape(tensor.shape)

    def raw(self, name: str) -> memoryview:
        """A tensor's bytes, little-endian, row by row.

        Raises:
            KeyError: there is none of this name.
            TamperedError: a segment that holds it was changed.
        """
        tensor = self.tensors[name]
        return self._opened.read(tensor.start, tensor.stop - tensor.start, align=ALIGNMENT)

    def torch(self, name: str) -> Any:
        """A tensor as a ``torch.Tensor``.

        Raises:
            KeyError: there is none of this name.
            MissingPartError: torch is not installed, or is too old for the tensor's type.
            TamperedError: a segment that holds it was changed.
        """
        torch = require("torch", extra="torch")
        tensor = self.tensors[name]
        dtype = getattr(torch, TORCH[tensor.dtype], None)
        if dtype is None:
            raise UsageError(f"this torch has no type for {tensor.dtype}", next_step="install a newer torch")
        data = self.raw(name)
        if not data:
            return torch.empty(tensor.shape, dtype=dtype)
        return torch.frombuffer(data, dtype=torch.uint8).view(dtype).reshape(tensor.shape)


def open_encrypted_safetensors(path: Path | str, keys: Sequence[KeyService], *, least: int = 1) -> EncryptedSafetensors:
    """Open a sealed safetensors file as a mapping from names to arrays, which are decrypted one by one.

    Args:
        path: the sealed file.
        keys: key services, at least one of which opens it.
        least: refuse a header that was rotated fewer than ``least - 1`` times.

    Raises:
        UnreadableError: this is no sealed file, or what is sealed is not a safetensors file.
        TamperedError: it was changed.
        KeyServiceError: no key opens it, or a service could not be reached, or refused.

    Example:
        >>> import tempfile
        >>> from casemate.custody.envelope import encrypt_file
        >>> from casemate.keys.kek_file import create_kek
        >>> text = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  '
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     base = Path(folder)
        ...     key = create_kek(base / "models.kek")
        ...     data = len(text).to_bytes(8, "little") + text + np.array([1, 2], np.float32).tobytes()
        ...     count = (base / "m.safetensors").write_bytes(data)
        ...     sealed = encrypt_file(base / "m.safetensors", base / "m.sealed", [key])
        ...     with open_encrypted_safetensors(sealed.path, [key]) as tensors:
        ...         tensors["w"].tolist()
        [1.0, 2.0]
    """
    opened = open_encrypted(path, keys, least=least)
    try:
        return EncryptedSafetensors(opened)
    except BaseException:
        opened.close()
        raise


def _layout(opened: EncryptedFile) -> tuple[Mapping[str, Tensor], Mapping[str, str]]:
    if opened.size < 8:
        raise _refused("it has no header")
    first = opened.read(0, min(opened.size, opened.segment))  # most headers lie in the first segment
    (length,) = struct.unpack_from("<Q", first)
    if length > min(MOST_HEADER, opened.size - 8):
        raise _refused("its header is longer than the file, or than 100 MB")
    text = first[8 : 8 + length] if 8 + length <= len(first) else opened.read(8, length)
    return parse_layout(bytes(text), opened.size - 8 - length)


def parse_layout(text: bytes, data: int) -> tuple[Mapping[str, Tensor], Mapping[str, str]]:
    """The tensors and the metadata that a safetensors header names.

    Args:
        text: the JSON object, spaces at its end included.
        data: how many bytes follow it; the tensors have to fill them without gap or overlap.

    Raises:
        UnreadableError: the header is not exactly what the format allows.
    """
    if not text.startswith(b"{"):
        raise _refused("its header does not begin with {")
    try:
        entries = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(f"its header is not JSON, or names something twice ({type(error).__name__})") from None
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _refused("its metadata is not text")
    tensors = {name: _tensor(name, entry, 8 + len(text)) for name, entry in entries.items()}
    at = 8 + len(text)
    for tensor in sorted(tensors.values(), key=lambda each: (each.start, each.stop)):
        if tensor.start != at:
            raise _refused("its tensors overlap, or leave a gap")
        at = tensor.stop
    if at != 8 + len(text) + data:
        raise _refused("its tensors do not fill the file")
    return MappingProxyType(tensors), MappingProxyType(metadata)


def _tensor(name: str, entry: object, base: int) -> Tensor:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _refused(f"the entry of {name[:80]!r} has other fields than dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _refused(f"the type of {name[:80]!r} is unknown")
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2 or len(shape) > MOST_DIMENSIONS:
        raise _refused(f"shape or offsets of {name[:80]!r} are not numbers")
    if offsets[1] - offsets[0] != math.prod(shape) * BITS[dtype] // 8:
        raise _refused(f"the range of {name[:80]!r} does not fit its shape")
    return Tensor(dtype, tuple(shape), base + offsets[0], base + offsets[1])


def _naturals(value: object) -> bool:
    """Whether this is a list of whole numbers below 2^63; a product of 64 of them is still computed at once."""
    return isinstance(value, list) and all(type(each) is int and 0 <= each < 1 << 63 for each in value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(text)


def _refused(cause: str) -> UnreadableError:
    return UnreadableError(
        "what is sealed is not a safetensors file", cause=cause, next_step="unseal the file and check how it was made"
    )
