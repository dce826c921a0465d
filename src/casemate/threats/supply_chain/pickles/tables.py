"""Rules for what pandas puts into a model: an index of column names, in numpy's or in Arrow's memory.

Arrow trusts the offsets it is given, so they are read here first: each must lie in the buffer, none before the last.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from casemate.threats.supply_chain.pickles.arrays import is_count, pair
from casemate.threats.supply_chain.pickles.values import Array, Blob, Dct, Lst, Made, Tup, Value

MOST_NAMES: Final = 65_536

_INDEXES: Final = frozenset(
    (module, name)
    for module, name in (
        ("pandas", "Index"),
        ("pandas", "RangeIndex"),
        ("pandas.core.indexes.base", "Index"),
        ("pandas.core.indexes.range", "RangeIndex"),
    )
)
_OFFSETS: Final = {"large_string": 8, "string": 4}


def made_by(value: Value, module: str, name: str) -> bool:
    """Whether this is what calling that name gave."""
    return isinstance(value, Made) and pair(value.by) == (module, name)


def new_index(a: tuple[Value, ...]) -> bool:
    """``_new_Index(class, {"data": array, "name": ...})``, or the numbers of a range."""
    fields = a[1].fields() if len(a) == 2 and isinstance(a[1], Dct) and len(a[1].pairs) <= 5 else None
    if fields is None or pair(a[0]) not in _INDEXES:
        return False
    data = fields.pop("data", None)
    simple = all(value is None or isinstance(value, str | int | bool) for value in fields.values())
    return simple and set(fields) <= {"name", "start", "stop", "step"} and (data is None or _column(data))


def _column(data: Value) -> bool:
    if isinstance(data, Array):
        return True
    makers = (
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.numeric", "_frombuffer"),
        ("pandas.arrays", "ArrowStringArray"),
        ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"),
    )
    return isinstance(data, Made) and pair(data.by) in makers


def text_array(a: tuple[Value, ...]) -> bool:
    """``__pyx_unpickle_NDArrayBacked(StringArray, checksum, None)``."""
    return len(a) == 3 and pair(a[0]) == ("pandas.arrays", "StringArray") and is_count(a[1]) and a[2] is None


def text_array_state(made: Made, state: Value) -> bool:
    """The state of pandas's text array: its dtype, an array of objects, and perhaps one flag."""
    items = state.items if isinstance(state, Tup) else ()
    if made.built or len(items) not in (2, 3) or not made_by(items[0], "pandas", "StringDtype"):
        return False
    flags = items[2].fields() if len(items) == 3 and isinstance(items[2], Dct) else {}
    return _column(items[1]) and flags is not None and set(flags) <= {"_readonly"}


def text_type(a: tuple[Value, ...]) -> bool:
    """``type_for_alias`` of Arrow's text types."""
    return len(a) == 1 and isinstance(a[0], str) and a[0] in _OFFSETS


def buffer(a: tuple[Value, ...]) -> bool:
    """``py_buffer`` of constant bytes."""
    return len(a) == 1 and _bytes(a[0]) is not None


def arrow_texts(a: tuple[Value, ...]) -> bool:
    """``_restore_array((type, length, nulls, 0, [validity, offsets, texts], [], None))`` with sound offsets."""
    parts = a[0].items if len(a) == 1 and isinstance(a[0], Tup) else ()
    if len(parts) != 7 or not made_by(parts[0], "pyarrow.lib", "type_for_alias"):
        return False
    kind, length, nulls, start, buffers, children, dictionary = parts
    simple = is_count(length, MOST_NAMES) and start == 0 and dictionary is None
    if not simple or not isinstance(buffers, Lst) or len(buffers.items) != 3 or not isinstance(children, Lst):
        return False
    count = int(str(length))
    validity, offsets, texts = (None if each is None else _buffered(each) for each in buffers.items)
    width = _OFFSETS.get(_alias(kind), 0)
    if children.items or not is_count(nulls, count) or offsets is None or texts is None or not width:
        return False
    if buffers.items[0] is not None and (validity is None or 8 * validity.length < count):
        return False
    return offsets.length >= width * (count + 1) and _inside(offsets, width, count, texts.length)


def _inside(offsets: Blob, width: int, count: int, limit: int) -> bool:
    raw = memoryview(offsets.data)[offsets.start : offsets.start + width * (count + 1)]
    places = raw.cast("q" if width == 8 else "i").tolist()
    return places[0] >= 0 and places[-1] <= limit and all(a <= b for a, b in pairwise(places))


def _alias(kind: Value) -> str:
    items = kind.args.items if isinstance(kind, Made) and isinstance(kind.args, Tup) else ()
    return items[0] if len(items) == 1 and isinstance(items[0], str) else ""


def _buffered(value: Value) -> Blob | None:
    if isinstance(value, Made) and made_by(value, "pyarrow.lib", "py_buffer") and isinstance(value.args, Tup):
        return _bytes(value.args.items[0]) if value.args.items else None
    return None


def _bytes(value: Value) -> Blob | None:
    if isinstance(value, Made) and made_by(value, "builtins", "bytearray") and isinstance(value.args, Tup):
        value = value.args.items[0] if len(value.args.items) == 1 else None
    if isinstance(value, Made) and pair(value.by) == ("_codecs", "encode") and isinstance(value.args, Tup):
        text = value.args.items[0] if value.args.items else None  # how protocols 0 to 2 write bytes
        raw = text.encode("latin-1", "replace") if isinstance(text, str) else b""
        return Blob(raw, 0, len(raw)) if raw else None
    return value if isinstance(value, Blob) else None
