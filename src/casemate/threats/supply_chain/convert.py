"""From a torch state dict to safetensors, without unpickling: the abstract machine says which tensor sees which bytes.

Only what a state dict is made of is taken: dictionaries, lists, tuples, texts, numbers, and tensors that are views of
storages in the archive. A file whose pickle names or calls anything else is refused, also where the result is thrown
away: such a file is no state dict, and should be looked at rather than converted.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from casemate.core.errors import UnreadableError, UnsafeArtifactError
from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.containers.zip import parse as parse_zip
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.pickles.facts import Fact, Role
from casemate.threats.supply_chain.pickles.machine import Machine
from casemate.threats.supply_chain.pickles.policy import Policy
from casemate.threats.supply_chain.pickles.values import Blob, Dct, Global, Lst, Made, Persistent, Tup, Value
from casemate.threats.supply_chain.report import Report, Settings
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

TYPES: Final = {
    "FloatStorage": ("F32", 4), "DoubleStorage": ("F64", 8), "HalfStorage": ("F16", 2), "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8), "IntStorage": ("I32", 4), "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1), "BoolStorage": ("BOOL", 1), "ComplexFloatStorage": ("C64", 8),
}  # fmt: skip
"""A storage's class -> the type of safetensors, and the bytes of an item."""

GROWTH: Final = 8
"""How many times larger than the archive the result may be; a tensor may be expanded from few bytes."""

_TENSOR: Final = ("torch._utils", "_rebuild_tensor_v2")
_PARAMETER: Final = ("torch._utils", "_rebuild_parameter")
_ORDERED: Final = ("collections", "OrderedDict")
_NAMES: Final = frozenset({_TENSOR, _PARAMETER, _ORDERED, *(("torch", name) for name in TYPES)})
_DEPTH: Final = 64


@dataclass(frozen=True)
class Converted:
    """The result of a conversion.

    Attributes:
        content: a safetensors file.
        tensors: how many tensors it holds.
        values: numbers and texts of the state dict, which stand as JSON in the metadata, by their names.
    """

    content: bytes
    tensors: int
    values: tuple[str, ...]


def to_safetensors(data: bytes) -> Converted:
    """Convert a state dict that ``torch.save`` wrote (zip format, little endian).

    Nested names are joined by dots. Tensors that share a storage are each written out; versions that a module keeps
    beside its tensors (``_metadata``) are left out.

    Args:
        data: the file.

    Raises:
        UnreadableError: it is no such file, or damaged.
        UnsafeArtifactError: it holds more than a state dict does.
    """
    try:
        return _converted(data)
    except NotMine as stop:
        raise _unreadable("there is no archive in it") from stop
    except Malformed as stop:
        raise _unreadable(f"{stop.message} (byte {stop.offset})") from stop
    except Refused as stop:
        raise _unsafe(stop.message) from stop


def _unreadable(cause: str) -> UnreadableError:
    return UnreadableError("the state dict cannot be read", cause=cause, next_step="scan the file with casemate scan")


def _unsafe(cause: str) -> UnsafeArtifactError:
    return UnsafeArtifactError("this is not a plain state dict", cause=cause, next_step="scan it with casemate scan")


def _converted(data: bytes) -> Converted:
    members = _members(data)
    prefix = next((name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")), None)
    if prefix is None:
        raise _unreadable("there is no data.pkl in it")
    order = members.get(f"{prefix}byteorder", b"little")
    if order != b"little":
        raise _unreadable("its numbers are not little endian")
    pickle = View(members[f"{prefix}data.pkl"], where="data.pkl")
    watch = _Watch()
    machine = Machine(pickle, watch, 0)
    value = machine.walk()
    if machine.pos != len(pickle):
        raise _unsafe("something follows the pickle")
    flat = _Flat(members, prefix, watch, GROWTH * len(data) + (1 << 20))
    flat.add("", value, 0)
    return Converted(flat.written(), len(flat.tensors), tuple(flat.values))


def _members(data: bytes) -> dict[str, bytes]:
    """The archive's members. One about which readers could differ is refused."""
    settings = Settings(allow=reviewed())
    view = View(data, where="archive")
    report = Report(view, settings, Budget(len(data), settings.most))
    parse_zip(view, report)
    if report.findings:
        raise _unsafe(report.findings[0].message)
    if report.coverage.gaps():
        raise _unreadable("bytes of the archive belong to no member")
    found: dict[str, bytes] = {}
    for member in report.members:
        for opened in (member,) if isinstance(member, View) else member.open(report):
            found[opened.name] = opened.raw(0, len(opened))
    return found


class _Watch(Policy):
    """Keeps what is filled into dictionaries, and refuses every name that no state dict has."""

    def __init__(self) -> None:
        super().__init__({}, lambda *_: None, torch=True)
        self.filled: dict[int, list[tuple[Value, Value]]] = {}
        self._kept: list[Value] = []

    def find(self, kind: str, message: str, offset: int, logical: str = "") -> None:
        """What is odd about how the stream is written is reason enough."""
        raise _unsafe(f"{message} (byte {offset})")

    def judge(self, fact: Fact) -> None:
        """Follow one fact."""
        target = fact.target
        if fact.role is Role.IMPORT and isinstance(target, Global) and (target.module, target.name) not in _NAMES:
            raise _unsafe(f"it imports {target}")
        if fact.role is Role.FILL and isinstance(target, Made) and isinstance(fact.argument, Dct):
            self._kept.append(target)  # so that no other object gets its id
            self.filled.setdefault(id(target), []).extend(fact.argument.pairs)


@dataclass
class _Flat:
    """A state dict laid out flat."""

    members: dict[str, bytes]
    prefix: str
    watch: _Watch
    room: int
    tensors: dict[str, tuple[str, tuple[int, ...], bytes]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: Value, depth: int) -> None:
        """Add what is found under a name. Each call spends room, so that shared parts cannot multiply without end."""
        self.room -= 1
        if self.room < 0 or depth > _DEPTH:
            raise _unsafe("its parts repeat each other, or nest, beyond what its size allows")
        if isinstance(value, Dct):
            self._pairs(name, value.pairs, depth)
        elif isinstance(value, Lst | Tup):
            self._pairs(name, [(str(index), item) for index, item in enumerate(value.items)], depth)
        elif isinstance(value, Made):
            self._made(name, value, depth)
        elif value is None or isinstance(value, bool | int | float | str):
            self._once(name)
            self.values[name] = json.dumps(value)
        elif isinstance(value, Blob) and value.kind == "text":
            self._once(name)
            self.values[name] = json.dumps(
                value.data[value.start : value.start + value.length].decode("utf-8", "replace")
            )
        else:
            raise _unsafe(f"{name or 'it'} is neither a tensor nor a plain value")

    def _pairs(self, name: str, pairs: list[tuple[Value, Value]], depth: int) -> None:
        for key, value in pairs:
            if not isinstance(key, str | int):
                raise _unsafe(f"a key under {name!r} is no text")
            self.add(f"{name}.{key}" if name else str(key), value, depth + 1)

    def _made(self, name: str, value: Made, depth: int) -> None:
        by = (value.by.module, value.by.name) if value.by is not None else ("", "")
        arguments = value.args.items if isinstance(value.args, Tup) else ()
        if by == _ORDERED and not arguments:
            self._pairs(name, self.watch.filled.get(id(value), []), depth)
        elif by == _PARAMETER and len(arguments) == 3:
            self.add(name, arguments[0], depth + 1)
        elif by == _TENSOR and len(arguments) in (6, 7):
            self._tensor(name, arguments)
        else:
            raise _unsafe(f"{name or 'it'} is made by {value.by}")

    def _once(self, name: str) -> None:
        if name in self.tensors or name in self.values:
            raise _unsafe(f"the name {name!r} stands twice")

    def _tensor(self, name: str, arguments: tuple[Value, ...]) -> None:
        self._once(name)
        kind, width, items = self._storage(name, arguments[0])
        offset, shape, strides = arguments[1], _integers(arguments[2]), _integers(arguments[3])
        if type(offset) is not int or offset < 0 or shape is None or strides is None or len(shape) != len(strides):
            raise _unsafe(f"{name} has no shape")
        count = 1
        for extent in shape:
            count *= extent
            self._spend(count * width)
        last = offset + sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True))
        if count and last >= len(items):
            raise _unsafe(f"{name} sees more than its storage holds")
        self.room -= count * width
        seen = (
            as_strided(items[offset:], shape, [stride * width for stride in strides], writeable=False)
            if count
            else items
        )
        self.tensors[name] = (kind, shape, np.ascontiguousarray(seen).tobytes() if count else b"")

    def _spend(self, size: int) -> None:
        if size > self.room:
            raise _unsafe("its tensors are larger than its size allows")

    def _storage(self, name: str, value: Value) -> tuple[str, int, np.ndarray[tuple[int, ...], np.dtype[np.void]]]:
        key = value.key.items if isinstance(value, Persistent) and isinstance(value.key, Tup) else ()
        if len(key) != 5 or key[0] != "storage" or not isinstance(key[1], Global) or key[1].name not in TYPES:
            raise _unsafe(f"{name} is a view of no storage that safetensors can hold")
        kind, width = TYPES[key[1].name]
        data = self.members.get(f"{self.prefix}data/{key[2]}")
        if data is None or type(key[4]) is not int or len(data) != key[4] * width:
            raise _unsafe(f"the storage of {name} is missing, or not as long as it should be")
        return kind, width, np.frombuffer(data, np.dtype(f"V{width}"))

    def written(self) -> bytes:
        """The file (format of safetensors 0.4): the header padded with spaces; tensors by width, then name."""
        header: dict[str, object] = {"__metadata__": {"format": "pt", **self.values}}
        order = sorted(self.tensors, key=lambda name: (-_width(self.tensors[name][0]), name))
        at, parts = 0, []
        for name in order:
            kind, shape, data = self.tensors[name]
            header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + len(data)]}
            at += len(data)
            parts.append(data)
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        text += b" " * (-len(text) % 8)
        return b"".join((struct.pack("<Q", len(text)), text, *parts))


def _width(kind: str) -> int:
    return next(width for known, width in TYPES.values() if known == kind)


def _integers(value: Value) -> tuple[int, ...] | None:
    if not isinstance(value, Tup):
        return None
    found = tuple(each for each in value.items if type(each) is int and 0 <= each < 1 << 62)
    return found if len(found) == len(value.items) else None
