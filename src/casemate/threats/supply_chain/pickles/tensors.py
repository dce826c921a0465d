"""Rules for what torch puts into a pickle: storages outside of it, and the tensors that are views of them.

A tensor names a storage by a persistent id and says which part it sees. torch itself checks that the part lies inside
the storage; what is checked here is that nothing but numbers, and no function, gets in.
"""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.pickles.arrays import is_count, pair, shape_of
from casemate.threats.supply_chain.pickles.values import Dct, Global, Made, Persistent, Tup, Value

SIZES: Final = {
    "BoolStorage": 1, "ByteStorage": 1, "CharStorage": 1, "UntypedStorage": 1, "QInt8Storage": 1, "QUInt8Storage": 1,
    "ShortStorage": 2, "HalfStorage": 2, "BFloat16Storage": 2,
    "IntStorage": 4, "FloatStorage": 4, "QInt32Storage": 4,
    "LongStorage": 8, "DoubleStorage": 8, "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
}  # fmt: skip
"""Bytes of an item, by the name of the storage's class."""

_MODULES: Final = ("torch", "torch.cuda", "torch.storage")
_HOOKS: Final = ("collections", "OrderedDict")


def storage(key: Value) -> bool:
    """``("storage", class, key, device, count)``, in legacy files with a view of another storage behind it."""
    if not isinstance(key, Tup) or len(key.items) not in (5, 6) or key.items[0] != "storage":
        return False
    _, kind, name, device, count, *view = key.items
    simple = isinstance(name, str) and isinstance(device, str) and is_count(count)
    return simple and storage_size(kind) is not None and (not view or view[0] is None or _view(view[0]))


def module(key: Value) -> bool:
    """``("module", class, file, source)`` of legacy files; the source is only compared, the class judged as a name."""
    items = key.items if isinstance(key, Tup) else ()
    return len(items) == 4 and items[0] == "module" and all(isinstance(each, str | None) for each in items[2:])


def _view(value: Value) -> bool:
    items = value.items if isinstance(value, Tup) else ()
    return len(items) == 3 and isinstance(items[0], str) and all(map(is_count, items[1:]))


def storage_size(kind: Value) -> int | None:
    """Bytes of an item of a storage's class, or None if it is none."""
    name = pair(kind)
    return SIZES.get(name[1]) if name is not None and name[0] in _MODULES else None


def _hooks(value: Value) -> bool:
    return value is None or (isinstance(value, Made) and pair(value.by) == _HOOKS)


def _data(value: Value) -> bool:
    return isinstance(value, Made | Persistent)


def _part(a: tuple[Value, ...]) -> bool:
    """Storage, offset, size, stride."""
    return len(a) >= 4 and _data(a[0]) and is_count(a[1]) and shape_of(a[2]) is not None and shape_of(a[3]) is not None


def tensor(a: tuple[Value, ...]) -> bool:
    """``_rebuild_tensor(storage, offset, size, stride)``."""
    return len(a) == 4 and _part(a)


def tensor_v2(a: tuple[Value, ...]) -> bool:
    """``_rebuild_tensor_v2(..., requires_grad, hooks, metadata)``; v3 has a dtype before its metadata."""
    if len(a) not in (6, 7, 8) or not _part(a):
        return False
    rest = a[6:]
    return isinstance(a[4], bool) and _hooks(a[5]) and all(isinstance(each, Global | Dct | None) for each in rest)


def quantized(a: tuple[Value, ...]) -> bool:
    """``_rebuild_qtensor(storage, offset, size, stride, parameters, requires_grad, hooks)``."""
    return len(a) == 7 and _part(a) and isinstance(a[4], Tup) and isinstance(a[5], bool) and _hooks(a[6])


def parameter(a: tuple[Value, ...]) -> bool:
    """``_rebuild_parameter(tensor, requires_grad, hooks)``."""
    return len(a) == 3 and _data(a[0]) and isinstance(a[1], bool) and _hooks(a[2])


def parameter_with_state(a: tuple[Value, ...]) -> bool:
    """``_rebuild_parameter_with_state(tensor, requires_grad, hooks, state)``."""
    if len(a) != 4 or not parameter(a[:3]):
        return False
    state = a[3]
    keys = state.keys if isinstance(state, Dct) else (None,)
    return all(isinstance(key, str) and not key.startswith("__") for key in keys)


def sparse(a: tuple[Value, ...]) -> bool:
    """``_rebuild_sparse_tensor(layout, data)``."""
    return len(a) == 2 and isinstance(a[1], Tup)


def size(a: tuple[Value, ...]) -> bool:
    """``torch.Size((1, 2))``."""
    return len(a) == 1 and shape_of(a[0]) is not None


def named(a: tuple[Value, ...]) -> bool:
    """A device or layout by its name."""
    return 1 <= len(a) <= 2 and isinstance(a[0], str) and len(a[0]) < 32 and all(map(is_count, a[1:]))


def packed(a: tuple[Value, ...]) -> bool:
    """``_load_from_bytes`` of anything but constant bytes, which the policy takes before: never."""
    return False


def from_file(a: tuple[Value, ...]) -> bool:
    """TorchScript's ``build_tensor_from_id`` and its lists of numbers."""
    return len(a) == 1
