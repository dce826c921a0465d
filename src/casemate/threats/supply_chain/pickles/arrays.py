"""Arrays in a stream: dtypes followed without numpy, and joblib's raw array data crossed to the exact byte.

joblib writes an array as a pickled ``NumpyArrayWrapper`` and, right behind the BUILD that sets its state, one byte of
padding length, that many 0xff bytes, and the items in their order; arrays of objects are a pickle of their own there.
(joblib >= 0.10; the padding came with 1.2. The format before 0.10 reads companion files and is not supported.)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, cast

from casemate.threats.supply_chain.pickles.cursor import Cursor
from casemate.threats.supply_chain.pickles.values import Array, Blob, Dct, DType, Global, Tup, Value, Wrapper
from casemate.threats.supply_chain.stops import Refused

WRAPPER: Final = ("joblib.numpy_pickle", "NumpyArrayWrapper")
DTYPE: Final = ("numpy", "dtype")
RECONSTRUCTOR: Final = ("copyreg", "_reconstructor")
SUBCLASSES: Final = frozenset({("numpy", "ndarray"), ("numpy", "matrix"), ("numpy", "memmap"),
                               ("numpy.matrixlib.defmatrix", "matrix"),
                               ("numpy", "recarray"), ("numpy.rec", "recarray"),
                               ("numpy.core.records", "recarray"), ("numpy._core.records", "recarray")})  # fmt: skip
RECORDS: Final = frozenset({("numpy", "record"), ("numpy.rec", "record"),
                            ("numpy.core.records", "record"), ("numpy._core.records", "record")})  # fmt: skip
"""The type of a record array's items; made without a size, which the state gives together with the fields."""

MAX_DIMENSIONS: Final = 64
MAX_ALIGNMENT: Final = 128
MAX_RECORD: Final = (1 << 31) - 1

_CODE = re.compile(r"(?:b1|[iu][1248]|f(?:2|4|8|12|16)|c(?:8|16|24|32)|[mM]8|O8|[SUV]\d{1,8})")
_OBJECT_FLAGS: Final = 63
_HARMLESS_FLAGS: Final = 0x80 | 0x10 | 0x08  # aligned struct, needs the Python API, needs initialization


def is_count(value: Value, most: int = 1 << 62) -> bool:
    """Whether this is a constant integer from 0 to ``most`` (True is not 1 here)."""
    return type(value) is int and 0 <= value <= most


def shape_of(value: Value) -> tuple[int, ...] | None:
    """A constant shape, or None."""
    if not isinstance(value, Tup) or len(value.items) > MAX_DIMENSIONS:
        return None
    return cast("tuple[int, ...]", value.items) if all(map(is_count, value.items)) else None


def size_of(shape: tuple[int, ...], itemsize: int) -> int:
    """Bytes of an array, exact whatever the numbers."""
    for length in shape:
        itemsize *= length
    return itemsize


def pair(value: Value) -> tuple[str, str] | None:
    """Module and name, if this is a plain imported name."""
    return value.pair if isinstance(value, Global) and value.also is None else None


def wrapped(target: Value, argument: Value, at: int) -> DType | Wrapper | None:
    """What a call or construction makes, if it is a dtype or joblib's array wrapper; None for all else."""
    name, items = pair(target), argument.items if isinstance(argument, Tup) else ()
    if name == DTYPE:
        return _dtype(items, at)
    if name == WRAPPER and not items:
        return Wrapper()
    if name == RECONSTRUCTOR and items and pair(items[0]) == WRAPPER:
        return Wrapper()
    return None


def _dtype(items: tuple[Value, ...], at: int) -> DType:
    # copy must be true: otherwise a later BUILD would change numpy's own, shared dtype
    code = items[0] if len(items) == 3 and items[1] in (False, 0) and items[2] in (True, 1) else None
    if pair(code) in RECORDS:
        return DType(0, flexible=True, record=True)
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise Refused("pickle.array", "a dtype is made in a way that numpy does not write", at)
    kind, size = code[0], int(code[1:])
    return DType(size * 4 if kind == "U" else size, objects=kind == "O", flexible=kind in "SUV")


def set_dtype_state(dtype: DType, state: Value, spend: Callable[[int], None], at: int) -> None:
    """BUILD on a dtype: check that the state repeats what the dtype already is, or describes its fields.

    Raises:
        Refused: the state would change the meaning, size or object-ness of the dtype.
    """
    items = state.items if isinstance(state, Tup) else ()
    good = not dtype.settled and len(items) in (8, 9) and items[0] in (3, 4) and items[1] in ("<", ">", "|", "=")
    if good:
        _, _, sub, names, fields, size, alignment, flags = items[:8]
        if dtype.record:
            dtype.itemsize = int(str(size)) if is_count(size, MAX_RECORD) and isinstance(fields, Dct) else -1
        if dtype.flexible:
            good = size == dtype.itemsize and is_count(alignment, 16) and is_count(flags) and not _bits(flags)
            good = good and _parts_fit(dtype, sub, names, fields, spend)
        else:
            good = (sub, names, fields, size, alignment) == (None, None, None, -1, -1)
            good = good and (flags == _OBJECT_FLAGS if dtype.objects else flags == 0)
    if not good:
        dtype.objects = dtype.settled = True
        raise Refused("pickle.array", "a dtype's state contradicts the dtype", at)
    dtype.settled = True


def _bits(flags: Value) -> int:
    return int(str(flags)) & ~_HARMLESS_FLAGS


def _parts_fit(dtype: DType, sub: Value, names: Value, fields: Value, spend: Callable[[int], None]) -> bool:
    """Whether fields, or the repeated part, lie inside the item and hold no objects."""
    if isinstance(sub, Tup):
        base, shape = sub.items if len(sub.items) == 2 else (None, None)
        lengths = shape_of(shape)
        if not isinstance(base, DType) or base.objects or lengths is None or names is not None:
            return False
        return size_of(lengths, _settle(base).itemsize) == dtype.itemsize
    if names is None or fields is None:
        return sub is None and names is None and fields is None
    known = fields.fields() if isinstance(fields, Dct) else None
    if sub is not None or not isinstance(names, Tup) or known is None:
        return False
    spend(len(known))
    for name, field in known.items():
        part = field.items if isinstance(field, Tup) and len(field.items) in (2, 3) else (None, None)
        if not isinstance(part[0], DType) or part[0].objects or not is_count(part[1]):
            return False
        if _settle(part[0]).itemsize + int(str(part[1])) > dtype.itemsize:
            return False
        dtype.fields[name] = (int(str(part[1])), part[0].itemsize)
    return all(isinstance(name, str) and name in known for name in names.items)


def _settle(value: DType) -> DType:
    value.settled = True
    return value


def cross_array(wrapper: Wrapper, state: Value, cursor: Cursor, at: int) -> Array | None:
    """BUILD on joblib's wrapper: step over the array, or return None if a nested stream of objects follows.

    Raises:
        Refused: the wrapper's state is not what joblib writes, or the array does not fit.
    """
    known = (state.fields() if isinstance(state, Dct) and len(state.flat) <= 12 else None) or {}
    alignment = known.pop("numpy_array_alignment_bytes", None)
    shape, dtype = shape_of(known.get("shape")), known.get("dtype")
    good = set(known) == {"subclass", "shape", "order", "dtype", "allow_mmap"} and not wrapper.built
    good = good and pair(known["subclass"]) in SUBCLASSES and known["order"] in ("C", "F")
    good = good and isinstance(known["allow_mmap"], bool) and (alignment is None or is_count(alignment, MAX_ALIGNMENT))
    if not good or shape is None or not isinstance(dtype, DType):
        raise Refused("pickle.array", "an array wrapper's state is not what joblib writes", at)
    wrapper.built = True
    dtype.settled = True
    if cursor.pos < cursor.frame_end:
        raise Refused("pickle.frame", "array data inside a frame", at)
    if dtype.objects:
        return None
    if alignment is not None:
        padding = cursor.unsigned(1)
        if padding > int(str(alignment)) or cursor.raw(padding).strip(b"\xff"):
            raise Refused("pickle.array", "the padding before an array is not padding", at)
    size = size_of(shape, dtype.itemsize)
    if size > cursor.end - cursor.pos:
        raise Refused("pickle.array", f"an array announces {size} bytes, {cursor.end - cursor.pos} are left", at)
    return Array(cursor.data, dtype, cursor.take(size), size)


def raw_fits(dtype: Value, shape: Value, raw: Value) -> bool:
    """Whether constant bytes are exactly an array of this dtype and shape, without objects."""
    lengths = shape_of(shape)
    if not isinstance(dtype, DType) or dtype.objects or lengths is None:
        return False
    if isinstance(raw, str):  # a byte string of Python 2
        return size_of(lengths, _settle(dtype).itemsize) == len(raw)
    if not isinstance(raw, Blob):
        return False
    fits = size_of(lengths, _settle(dtype).itemsize) == raw.length and raw.kind in ("bytes", "bytearray")
    raw.raw = raw.raw or fits
    return fits
