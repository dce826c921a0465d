"""Decision trees whose nodes lead somewhere: compiled prediction trusts child indexes, and would read or loop anywhere.

scikit-learn checks the dtype and shape of a loaded tree, not its links. Every builder puts children behind their
parent, so a link must point forward and inside the tree; then prediction ends, and stays in memory.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from casemate.threats.supply_chain.pickles.arrays import is_count, pair
from casemate.threats.supply_chain.pickles.values import Array, Blob, Dct, DType, Made, Tup, Value
from casemate.threats.supply_chain.view import Buffer

if TYPE_CHECKING:
    import numpy
    import numpy.typing as npt

    Numbers: TypeAlias = npt.NDArray[numpy.int64]
    Flags: TypeAlias = npt.NDArray[numpy.bool_]

_RECONSTRUCTED: Final = (("numpy._core.multiarray", "_reconstruct"), ("numpy.core.multiarray", "_reconstruct"))
_FROM_BUFFER: Final = (("numpy._core.numeric", "_frombuffer"), ("numpy.core.numeric", "_frombuffer"))
_BITSET: Final = 32
"""Bytes of the set of categories that go left, 256 bits."""


def _numpy() -> Any:
    """numpy, at the first tree: a scan of anything else starts without it."""
    return importlib.import_module("numpy")


class Content(NamedTuple):
    """The bytes of an array in the stream."""

    data: Buffer
    start: int
    length: int
    dtype: DType

    def column(self, name: str, code: str) -> npt.NDArray[numpy.int64] | None:
        """One field of every record, or None if there is no such field of that size."""
        np = _numpy()
        offset, size = self.dtype.fields.get(name, (0, 0))
        kind = np.dtype(code)
        if size != kind.itemsize or not self.dtype.itemsize or self.length % self.dtype.itemsize:
            return None
        count = self.length // self.dtype.itemsize
        if not count:
            none: npt.NDArray[numpy.int64] = np.zeros(0, np.int64)
            return none
        view = np.ndarray((count,), kind, buffer=self.data, offset=self.start + offset, strides=(self.dtype.itemsize,))
        wide: npt.NDArray[numpy.int64] = view.astype(np.int64)
        return wide


def content(value: Value) -> Content | None:
    """Where an array's bytes are, however it was written; None if they are not constant."""
    if isinstance(value, Array):
        return Content(value.data, value.start, value.length, value.dtype)
    if not isinstance(value, Made):
        return None
    dtype: Value = None
    raw: Value = None
    if pair(value.by) in _RECONSTRUCTED and isinstance(value.state, Tup) and len(value.state.items) == 5:
        dtype, raw = value.state.items[2], value.state.items[4]
    elif pair(value.by) in _FROM_BUFFER and isinstance(value.args, Tup) and len(value.args.items) >= 2:
        raw, dtype = value.args.items[:2]
    if not isinstance(dtype, DType):
        return None
    if isinstance(raw, Blob):
        return Content(raw.data, raw.start, raw.length, dtype)
    if isinstance(raw, str):
        return Content(raw.encode("latin-1", "replace"), 0, len(raw), dtype)
    if isinstance(raw, Made) and isinstance(raw.args, Tup):
        # protocols 0 to 2: _codecs.encode(text, "latin1"), or bytes() where there are none
        text = raw.args.items[0] if raw.args.items else ""
        return Content(text.encode("latin-1", "replace"), 0, len(text), dtype) if isinstance(text, str) else None
    return None


def tree_state(made: Made, state: Value) -> bool:
    """The state of ``sklearn.tree._tree.Tree``: links forward, features that exist."""
    fields = state.fields() if isinstance(state, Dct) else None
    nodes = content((fields or {}).get("nodes"))
    arguments = made.args.items if isinstance(made.args, Tup) else ()
    if nodes is None or len(arguments) != 3 or not is_count(arguments[0]) or made.built:
        return False
    left, right, feature = (nodes.column(name, "<i8") for name in ("left_child", "right_child", "feature"))
    if left is None or right is None or feature is None:
        return False
    return tree_is_sound(left, right, feature, int(str(arguments[0])))


def tree_is_sound(left: Numbers, right: Numbers, feature: Numbers, features: int) -> bool:
    """Whether each inner node of a tree leads forward, to nodes that exist, by a feature that exists; leaves are -1."""
    np = _numpy()
    inner = left != -1
    fits = bool(np.all(right[~inner] == -1) and np.all((feature[inner] >= 0) & (feature[inner] < features)))
    return fits and _forward(left, inner) and _forward(right, inner)


def predictor_state(made: Made, state: Value) -> bool:
    """The state of histogram boosting's ``TreePredictor``: links forward, categories in their sets."""
    fields = state.fields() if isinstance(state, Dct) else None
    if fields is None or made.built:
        return False
    nodes, sets = content(fields.get("nodes")), content(fields.get("raw_left_cat_bitsets"))
    binned = content(fields.get("binned_left_cat_bitsets"))
    if nodes is None or sets is None or binned is None:
        return False
    left, right, feature = nodes.column("left", "<u4"), nodes.column("right", "<u4"), nodes.column("feature_idx", "<i8")
    leaf, words, bits = (
        nodes.column("is_leaf", "u1"),
        nodes.column("is_categorical", "u1"),
        nodes.column("bitset_idx", "<u4"),
    )
    if left is None or right is None or feature is None or leaf is None or words is None or bits is None:
        return False
    inner, most = leaf == 0, min(sets.length, binned.length) // _BITSET
    return predictor_is_sound(left, right, feature, inner, bits[inner & (words != 0)], most)


def predictor_is_sound(left: Numbers, right: Numbers, feature: Numbers, inner: Flags, sets: Numbers, most: int) -> bool:
    """The same of a predictor of histogram boosting, whose categorical nodes name one of ``most`` sets."""
    np = _numpy()
    fits = bool(np.all(feature[inner] >= 0) and np.all(sets < most))
    return fits and _forward(left, inner) and _forward(right, inner)


def _forward(links: Numbers, inner: Flags) -> bool:
    np = _numpy()
    places = np.arange(len(links))
    return bool(np.all((links[inner] > places[inner]) & (links[inner] < len(links))))
