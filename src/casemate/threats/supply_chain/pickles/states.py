"""Which states allowed classes may be given: a general rule, and rules for a ``__setstate__`` that is too strong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from casemate.threats.supply_chain.pickles.arrays import SUBCLASSES, pair, raw_fits, shape_of, size_of
from casemate.threats.supply_chain.pickles.tables import text_array_state
from casemate.threats.supply_chain.pickles.trees import predictor_state, tree_state
from casemate.threats.supply_chain.pickles.values import Array, Blob, Dct, DType, Global, Lst, Made, Tup, Value

_DISTRIBUTIONS: Final = ("scipy.stats._continuous_distns", "scipy.stats._discrete_distns")
_STATSMODELS: Final = "statsmodels."
_BUNCHES: Final = "statsmodels.tools."
_FORMULAS: Final = frozenset(
    {"formula", "frame", "design_info", "model_spec", "restore_design_info", "restore_model_spec"}
)
_FILE: Final = re.compile(r"[\w][\w.+-]{0,200}\.npy")
_MT19937_WORDS: Final = 624
_INERT: Final = (type(None), str, int, float, Array, Tup, Lst, Blob)
_OWN_WORDS: Final = ("__doc__", "__name__")
_TEMPLATE: Final = re.compile(
    r"(?:\s*\n"
    r"|def _parse_args(?:_rvs|_stats)?\(self, [A-Za-z0-9_, =']*\):\n"
    r"| {4}return \([A-Za-z0-9_, ]*\), [A-Za-z0-9_, ]*\n"
    r"| {4}return self\._argcheck_rvs\([A-Za-z0-9_, =]*\)\n){1,20}\s*"
)
"""What scipy's rv_generic runs through exec when it is loaded: three functions that call but ``_argcheck_rvs``."""


def state_fits(made: Made, maker: Global, state: Value) -> bool:
    """Whether an instance that ``maker`` made may be given this state.

    In general: a dictionary of attribute names that Python itself does not use, or constants. A second part for slots
    must be the same. Otherwise a state could replace ``__class__`` or ``__setstate__`` and so make a call of its own.
    """
    if maker.module in _DISTRIBUTIONS:
        return _distribution(state)
    if maker.module.startswith(_STATSMODELS):
        return _statsmodels(made, state)
    rule = STATES.get(maker.pair)
    return rule(made, state) if rule else _general(state)


def _attributes(state: Value) -> bool:
    return isinstance(state, Dct) and all(map(_attribute, state.keys))


def _attribute(key: Value) -> bool:
    return isinstance(key, str) and (key[:2] != "__" or key[-2:] != "__" or key in _OWN_WORDS)


def _inert(value: Value) -> bool:
    return isinstance(value, _INERT)


def _general(state: Value) -> bool:
    if isinstance(state, Dct):
        return _attributes(state)
    if isinstance(state, Tup) and len(state.items) == 2:
        return all(_attributes(part) if isinstance(part, Dct) else _inert(part) for part in state.items)
    return isinstance(state, Tup) or (_inert(state) and not isinstance(state, Lst))


def _distribution(state: Value) -> bool:
    fields = state.fields() if isinstance(state, Dct) else None
    if fields is None:
        return False
    template = fields.pop("_parse_arg_template", None)
    fits = isinstance(template, str) and _TEMPLATE.fullmatch(template) is not None
    return fits and _attributes(state) and "_argcheck_rvs" not in fields


def _statsmodels(made: Made, state: Value) -> bool:
    """Attributes without a formula: loading evaluates it where ``restore_...`` is set, predicting wherever it stands.

    What it would be looked up in must come from statsmodels itself, where the same is true, and be no ``Bunch``: that
    is a dictionary whose state is itself, so nobody here knows its attributes. A second state could call one of them.
    """
    if made.built:
        return False
    if state is made:
        return isinstance(made.by, Global) and made.by.module.startswith(_BUNCHES)
    fields = state.fields() if isinstance(state, Dct) else None
    if fields is None or not _attributes(state) or not _FORMULAS.isdisjoint(fields):
        return False
    return all(fields.get(name) is None or _owner(fields[name]) for name in ("model", "data", "_results"))


def _owner(value: Value) -> bool:
    module = value.by.module if isinstance(value, Made) and isinstance(value.by, Global) else ""
    return module.startswith(_STATSMODELS) and not module.startswith(_BUNCHES)


def _array(made: Made, state: Value) -> bool:
    items = state.items if isinstance(state, Tup) else ()
    return not made.built and len(items) == 5 and items[0] == 1 and _contents(*items[1:5])


def _contents(shape: Value, dtype: Value, fortran: Value, raw: Value) -> bool:
    if not isinstance(dtype, DType) or not isinstance(fortran, int):
        return False
    lengths = shape_of(shape)
    if dtype.objects:
        dtype.settled = True
        return isinstance(raw, Lst) and lengths is not None and size_of(lengths, 1) == len(raw.items)
    return raw_fits(dtype, shape, raw) or _encoded(dtype, raw)


def _encoded(dtype: DType, raw: Value) -> bool:
    """Bytes as protocols 0 to 2 write them, as text through ``_codecs.encode``; numpy checks their length itself."""
    dtype.settled = True
    return isinstance(raw, Made) and pair(raw.by) in (("_codecs", "encode"), ("builtins", "bytes"))


def _masked(made: Made, state: Value) -> bool:
    items = state.items if isinstance(state, Tup) else ()
    if made.built or len(items) != 7 or items[0] != 1 or not _contents(*items[1:5]):
        return False
    mask, lengths = items[5], shape_of(items[1]) or ()
    return isinstance(mask, Made) or (isinstance(mask, Blob) and mask.length == size_of(lengths, 1))


def _partial(made: Made, state: Value) -> bool:
    items = state.items if isinstance(state, Tup) else ()
    own = isinstance(made.args, Tup) and items[:1] == made.args.items[:1]
    return len(items) == 4 and own and (items[3] is None or _attributes(items[3]))


def _bit_generator(made: Made, state: Value) -> bool:
    """The state of a random bit generator, alone or with its seed sequence; compiled code trusts the position."""
    if isinstance(state, Tup) and len(state.items) == 2:
        seed = state.items[1]
        own = isinstance(seed, Made) and seed.by is not None and seed.by.name.endswith("SeedSequence")
        return (own or seed is None) and _bit_generator(made, state.items[0])
    fields = state.fields() if isinstance(state, Dct) else None
    inner = (fields or {}).get("state")
    if fields is None or not _attributes(state) or not isinstance(inner, Dct):
        return False
    position = (inner.fields() or {}).get("pos", 0)
    return type(position) is int and 0 <= position <= _MT19937_WORDS


def _companion(made: Made, state: Value) -> bool:
    """What joblib before 0.10 kept of an array in another file: its name without a folder, and the class."""
    fields = state.fields() if isinstance(state, Dct) and len(state.flat) <= 6 else None
    if fields is None or made.built or not set(fields) <= {"filename", "subclass", "allow_mmap"}:
        return False
    name = fields.get("filename")
    plain = isinstance(name, str) and _FILE.fullmatch(name) is not None
    return plain and pair(fields.get("subclass")) in SUBCLASSES


STATES: Final[dict[tuple[str, str], Callable[[Made, Value], bool]]] = {
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy.ma.core", "_mareconstruct"): _masked,
    ("functools", "partial"): _partial,
    ("joblib.numpy_pickle", "NDArrayWrapper"): _companion,
    ("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor"): predictor_state,
    ("sklearn.tree._tree", "Tree"): tree_state,
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): text_array_state,
    ("numpy.random._pickle", "__bit_generator_ctor"): _bit_generator,
    ("numpy.random._pickle", "__randomstate_ctor"): _bit_generator,
}
"""Rules by what made the instance."""
