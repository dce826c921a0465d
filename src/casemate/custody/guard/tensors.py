"""Array formats read where they lie, in sealed memory: safetensors, npy, npz. No code can hide in any of them."""

from __future__ import annotations

import math
import mmap
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np

from casemate.core.errors import UnreadableError
from casemate.core.optional import require
from casemate.custody.guard.sealed import Sealed

Framework: TypeAlias = Literal["numpy", "torch"]

_NUMPY: Final = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
_TORCH: Final = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
}  # fmt: skip


class _Entry(msgspec.Struct):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def safetensors(sealed: Sealed, framework: Framework) -> dict[str, Any]:
    """All tensors of a safetensors file, by name, without a copy (https://huggingface.co/docs/safetensors, "Format").

    Raises:
        UnreadableError: a tensor's type is not known to the framework, or does not fit its range.
        MissingPartError: torch is asked for and not installed.
    """
    size = int.from_bytes(sealed.data[:8], "little")
    header: dict[str, msgspec.Raw] = msgspec.json.decode(sealed.data[8 : 8 + size], type=dict[str, msgspec.Raw])
    read = _from_torch if framework == "torch" else _from_numpy
    return {
        name: read(sealed.data, name, msgspec.json.decode(entry, type=_Entry), 8 + size)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _from_numpy(data: mmap.mmap, name: str, entry: _Entry, base: int) -> Any:
    if entry.dtype not in _NUMPY:
        raise _unknown(name, entry, "numpy", 'load it with framework="torch"')
    dtype = np.dtype(_NUMPY[entry.dtype])
    at, count = _place(name, entry, dtype.itemsize)
    array = np.frombuffer(data, dtype, count, base + at) if count else np.empty(0, dtype)
    return (array if array.flags.aligned else array.copy()).reshape(entry.shape)


def _from_torch(data: mmap.mmap, name: str, entry: _Entry, base: int) -> Any:
    torch = require("torch", extra="torch")
    dtype = getattr(torch, _TORCH.get(entry.dtype, ""), None)
    if dtype is None:
        raise _unknown(name, entry, "torch", "load it with a newer torch")
    at, count = _place(name, entry, dtype.itemsize)
    if not count:
        return torch.empty(entry.shape, dtype=dtype)
    tensor = torch.frombuffer(data, dtype=torch.uint8, count=count * dtype.itemsize, offset=base + at)
    aligned = (base + at) % dtype.itemsize == 0
    return (tensor if aligned else tensor.clone()).view(dtype).reshape(entry.shape)


def _place(name: str, entry: _Entry, itemsize: int) -> tuple[int, int]:
    start, stop = entry.data_offsets
    count = math.prod(entry.shape)
    if min((start, *entry.shape)) < 0 or stop - start != count * itemsize:
        raise UnreadableError(
            f"the tensor {name[:80]!r} does not fit its range",
            cause=f"{entry.dtype}{list(entry.shape)[:8]} is not {stop - start} bytes",
            next_step="save the file again",
        )
    return start, count


def _unknown(name: str, entry: _Entry, framework: str, next_step: str) -> UnreadableError:
    return UnreadableError(
        f"the tensor {name[:80]!r} cannot be read",
        cause=f"{framework} has no type {entry.dtype[:20]!r}",
        next_step=next_step,
    )


def npy(sealed: Sealed) -> Any:
    """The array of a .npy file; arrays of objects, which are pickles, are refused by numpy."""
    return np.lib.format.read_array(sealed.reader(), allow_pickle=False)


def npz(sealed: Sealed) -> dict[str, Any]:
    """The arrays of a .npz file, by name."""
    with np.load(sealed.reader(), allow_pickle=False) as archive:
        return dict(archive)
