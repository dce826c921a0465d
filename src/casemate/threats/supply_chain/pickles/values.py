"""What the abstract machine puts on its stack: what is known of a value without ever making it.

Numbers, text, booleans and None stand for themselves (as Python's own). Everything else is one of these classes, which
hold references, never copies, so that the machine's memory grows by a constant with every opcode.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

HASH_WEIGHT = 10_000
"""Nodes a dictionary key may expand to when hashed; a tower of doubled tuples passes it after 14 steps."""

HASH_DEPTH = 200
"""Levels a dictionary key may nest; hashing recurses on the C stack."""

Value: TypeAlias = object


class Global:
    """A name that loading would import. ``also`` is what an older loader would import instead."""

    __slots__ = ("also", "module", "name")

    def __init__(self, module: str, name: str, also: tuple[str, str] | None = None) -> None:
        self.module = module
        self.name = name
        self.also = also

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


class Blob:
    """Bytes or a bytearray, by place and length in the file (``data``)."""

    __slots__ = ("data", "length", "start")

    def __init__(self, data: bytes, start: int, length: int) -> None:
        self.data = data
        self.start = start
        self.length = length


class Tup:
    """A tuple, with what hashing it would cost."""

    __slots__ = ("depth", "items", "weight")

    def __init__(self, items: Iterable[Value]) -> None:
        self.items = tuple(items)
        weight, depth = 1, 0
        for item in self.items:
            if isinstance(item, Tup):
                weight += item.weight
                depth = max(depth, item.depth)
            else:
                weight += 1
        self.weight: int = min(weight, HASH_WEIGHT + 1)
        self.depth: int = min(depth + 1, HASH_DEPTH + 1)


class Frozen(Tup):
    """A frozenset: like a tuple, it can be hashed."""

    __slots__ = ()


class Lst:
    """A list, or a set (``of`` tells)."""

    __slots__ = ("items", "of")

    def __init__(self, of: str, items: list[Value]) -> None:
        self.of = of
        self.items = items


class Dct:
    """A dictionary, as its pairs in the order they are set."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[Value, Value]]) -> None:
        self.pairs = pairs

    def fields(self) -> dict[str, Value] | None:
        """The pairs as a mapping, or None if a key is not text."""
        if all(isinstance(key, str) for key, _ in self.pairs):
            return {str(key): value for key, value in self.pairs}
        return None


class Made:
    """The unknown result of calling ``by`` (None: of something that is not a plain name)."""

    __slots__ = ("args", "built", "by", "state")

    def __init__(self, by: Global | None, args: Value) -> None:
        self.by = by
        self.args = args
        self.built = 0
        self.state: Value = None


class DType:
    """A numpy dtype: how many bytes an item takes, and whether items are Python objects.

    ``fields`` has the offset and size of each field. ``settled`` turns true at the first use or state; a later change
    would let one file mean two things.
    """

    __slots__ = ("fields", "flexible", "itemsize", "objects", "settled")

    def __init__(self, itemsize: int, *, objects: bool, flexible: bool) -> None:
        self.itemsize = itemsize
        self.objects = objects
        self.flexible = flexible
        self.fields: dict[str, tuple[int, int]] = {}
        self.settled = False


class Wrapper:
    """A ``joblib.numpy_pickle.NumpyArrayWrapper``: after its state, an array's bytes lie in the stream."""

    __slots__ = ("built",)

    def __init__(self) -> None:
        self.built = False


class Array:
    """An array whose raw bytes were crossed (``start`` and ``length`` in the stream)."""

    __slots__ = ("data", "dtype", "length", "start")

    def __init__(self, data: bytes, dtype: DType, start: int, length: int) -> None:
        self.data = data
        self.dtype = dtype
        self.start = start
        self.length = length


def hashable_cheaply(key: Value) -> bool:
    """Whether a loader can hash this in bounded time and depth."""
    if isinstance(key, Tup):
        return key.weight <= HASH_WEIGHT and key.depth <= HASH_DEPTH
    return not isinstance(key, Lst | Dct | Array | Wrapper)


def breadth(value: Value) -> int:
    """How many things a rule looks at that looks at a value, its items, and theirs."""
    if isinstance(value, Tup | Lst):
        few = value.items if len(value.items) <= 64 else ()
        return 1 + len(value.items) + sum(len(i.items) if isinstance(i, Tup | Lst) else _pairs(i) for i in few)
    return 1 + _pairs(value)


def _pairs(value: Value) -> int:
    return len(value.pairs) if isinstance(value, Dct) else 0
