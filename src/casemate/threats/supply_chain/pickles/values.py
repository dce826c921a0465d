"""What the abstract machine puts on its stack: what is known of a value without ever making it.

Numbers, text, booleans and None stand for themselves (as Python's own). Everything else is one of these classes, which
hold references, never copies, so that the machine's memory grows by a constant with every opcode.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from casemate.threats.supply_chain.view import Buffer

HASH_WEIGHT: Final = 10_000
"""Nodes a dictionary key may expand to when hashed; a tower of doubled tuples passes it after 14 steps."""

HASH_DEPTH: Final = 200
"""Levels a dictionary key may nest; hashing recurses on the C stack."""

PLAIN: Final = frozenset({str, int, float, bool, type(None)})
"""Types of values that stand for themselves."""

Value: TypeAlias = object


class Global:
    """A name that loading would import.

    Attributes:
        module, name: as Python resolves them; both together are ``pair``.
        also: what an older loader would import instead.
        serial: how many objects the stream had made before, to tell them apart.
    """

    __slots__ = ("also", "module", "name", "pair", "serial")

    def __init__(self, module: str, name: str, also: tuple[str, str] | None = None, serial: int = 0) -> None:
        self.module = module
        self.name = name
        self.pair = (module, name)
        self.also = also
        self.serial = serial

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


class Blob:
    """Constant bytes by place and length (``data``): "bytes", a "bytearray", a "memory" view, or a long "text".

    ``raw`` turns true when they are the items of an array, which nobody reads as anything else.
    """

    __slots__ = ("data", "kind", "length", "raw", "start")

    def __init__(self, data: Buffer, start: int, length: int, kind: str = "bytes") -> None:
        self.data = data
        self.start = start
        self.length = length
        self.kind = kind
        self.raw = False


class Tup:
    """A tuple, with what hashing it would cost, and whether it can be hashed at all."""

    __slots__ = ("depth", "hashable", "items", "weight")

    def __init__(self, items: Iterable[Value]) -> None:
        self.items = items = tuple(items)
        self.weight = 1 + len(items)
        self.depth = 1
        self.hashable = True
        if not PLAIN.issuperset(map(type, items)):
            self._add(items)

    def _add(self, items: tuple[Value, ...]) -> None:
        for item in items:
            if isinstance(item, Tup):
                self.weight = min(self.weight + item.weight, HASH_WEIGHT + 1)
                self.depth = max(self.depth, min(item.depth + 1, HASH_DEPTH + 1))
                self.hashable = self.hashable and item.hashable
            elif type(item) not in PLAIN and not can_hash(item):
                self.hashable = False


class Frozen(Tup):
    """A frozenset: like a tuple, it can be hashed; unlike one, it is no list of arguments."""

    __slots__ = ()


class Lst:
    """A list, or a set (``of`` tells)."""

    __slots__ = ("items", "of")

    def __init__(self, of: str, items: list[Value]) -> None:
        self.of = of
        self.items = items


class Dct:
    """A dictionary, as its keys and values in the order they are set (``flat``: key, value, key, value, ...)."""

    __slots__ = ("flat",)

    def __init__(self, flat: list[Value]) -> None:
        self.flat = flat

    @property
    def pairs(self) -> list[tuple[Value, Value]]:
        """Keys with their values."""
        return list(zip(self.flat[::2], self.flat[1::2], strict=True))

    @property
    def keys(self) -> Sequence[Value]:
        """The keys, repeated ones included."""
        return self.flat[::2]

    def fields(self) -> dict[str, Value] | None:
        """The pairs as a mapping, or None if a key is not text."""
        if all(isinstance(key, str) for key in self.keys):
            return {str(key): value for key, value in self.pairs}
        return None


class Made:
    """The unknown result of calling ``by`` (None: of something that is not a plain name)."""

    __slots__ = ("args", "built", "by", "serial", "state")

    def __init__(self, by: Global | None, args: Value, serial: int = 0) -> None:
        self.by = by
        self.args = args
        self.built = 0
        self.state: Value = None
        self.serial = serial


class Persistent:
    """What the program that loads the stream returns for a persistent id."""

    __slots__ = ("key", "serial")

    def __init__(self, key: Value, serial: int = 0) -> None:
        self.key = key
        self.serial = serial


class DType:
    """A numpy dtype: how many bytes an item takes, whether items are Python objects, and whether they are records.

    ``fields`` has the offset and size of each field. ``settled`` turns true at the first use or state; a later change
    would let one file mean two things.
    """

    __slots__ = ("fields", "flexible", "itemsize", "objects", "record", "serial", "settled")

    def __init__(self, itemsize: int, *, objects: bool = False, flexible: bool, record: bool = False) -> None:
        self.itemsize = itemsize
        self.objects = objects
        self.flexible = flexible
        self.record = record
        self.fields: dict[str, tuple[int, int]] = {}
        self.settled = False
        self.serial = 0


class Wrapper:
    """A ``joblib.numpy_pickle.NumpyArrayWrapper``: after its state, an array's bytes lie in the stream."""

    __slots__ = ("built", "serial")

    def __init__(self) -> None:
        self.built = False
        self.serial = 0


class Array:
    """An array whose raw bytes were crossed (``start`` and ``length`` in the stream)."""

    __slots__ = ("data", "dtype", "length", "start")

    def __init__(self, data: Buffer, dtype: DType, start: int, length: int) -> None:
        self.data = data
        self.dtype = dtype
        self.start = start
        self.length = length


UNKNOWN: Final = (Global, Made, Persistent, DType, Wrapper, Array)
"""Kinds of values whose methods are not known; every other value is one of Python's own constants or containers."""


_SEQUENCES: Final = (Tup, Lst)  # named, because a union is made anew each time it is asked about
_NEVER_HASHED: Final = (Lst, Dct, Array)


def can_hash(value: Value) -> bool:
    """Whether Python can hash this; an object of an unknown class is taken to be able to."""
    if isinstance(value, Tup):
        return value.hashable
    if isinstance(value, Blob):
        return value.kind in ("bytes", "text")
    return not isinstance(value, _NEVER_HASHED)


def hashable_cheaply(key: Value) -> bool:
    """Whether a loader can hash this in bounded time and depth."""
    if isinstance(key, Tup):
        return key.weight <= HASH_WEIGHT and key.depth <= HASH_DEPTH and key.hashable
    return not isinstance(key, Lst | Dct | Array | Wrapper)


def is_empty(value: Value) -> bool:
    """Whether Python takes this constant for false."""
    if isinstance(value, _SEQUENCES):
        return not value.items
    if isinstance(value, Dct):
        return not value.flat
    if isinstance(value, Blob):
        return not value.length
    return value is None or (isinstance(value, str | int | float) and not value)


def breadth(value: Value) -> int:
    """How many things a rule looks at that looks at a value, its items, and theirs."""
    if isinstance(value, _SEQUENCES):
        if not value.items:
            return 1
        few = value.items if len(value.items) <= 64 else ()
        return 1 + len(value.items) + sum(map(_length, few))
    return 1 + _length(value)


def _length(value: Value) -> int:
    if isinstance(value, Dct):
        return len(value.flat) // 2
    return len(value.items) if isinstance(value, _SEQUENCES) else 0
