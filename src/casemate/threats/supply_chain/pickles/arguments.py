"""Which arguments an allowed callable may get, where the callable alone is too strong.

Each rule looks at abstract arguments only. A callable without a rule takes any arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from casemate.threats.supply_chain.pickles import tables, tensors
from casemate.threats.supply_chain.pickles.arrays import RECONSTRUCTOR, SUBCLASSES, pair, raw_fits, shape_of
from casemate.threats.supply_chain.pickles.values import (
    Blob,
    Dct,
    DType,
    Global,
    Lst,
    Made,
    Tup,
    Value,
    hashable_cheaply,
)

Arguments: TypeAlias = tuple[Value, ...]
Rule: TypeAlias = Callable[[Arguments], bool]

_GENERATORS: Final = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_VECTORIZED: Final = ("_entropy", "_ppf_single", "_cdf_single", "_mom0_sc", "_mom1_sc", "_mom_integ0", "_mom_integ1")
_METHODS: Final = {
    "scipy.stats._continuous_distns": _VECTORIZED,
    "scipy.stats._discrete_distns": _VECTORIZED,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": ("_raw_predict",),
}
_MASKED: Final = (("numpy.ma", "MaskedArray"), ("numpy.ma.core", "MaskedArray"))
_SINGLE: Final = (("builtins", "Ellipsis"), ("builtins", "NotImplemented"))
_TENSORS: Final = (("torch", "Tensor"), ("torch.nn.parameter", "Parameter"), ("torch.nn.parameter", "Buffer"))
_RAW: Final = (Blob, Made, str)
_FACTORIES: Final = frozenset({
    *(("builtins", name) for name in ("dict", "list", "set", "int", "float", "str", "tuple")),
    *(("collections", name) for name in ("Counter", "OrderedDict")),
})  # fmt: skip


def _encode(a: Arguments) -> bool:
    text = isinstance(a[0], str) or (isinstance(a[0], Blob) and a[0].kind == "text") if a else False
    return text and len(a) == 2 and a[1] in ("latin1", "latin-1")


def _bytearray(a: Arguments) -> bool:
    return not a or (len(a) == 1 and isinstance(a[0], Blob | Made)) or _encode(a)


def _elements(a: Arguments) -> bool:
    return not a or (len(a) == 1 and isinstance(a[0], Lst | Tup) and all(map(hashable_cheaply, a[0].items)))


def _pairs(a: Arguments) -> bool:
    return not a or (len(a) == 1 and isinstance(a[0], Lst | Dct | Tup))


def _numbers(most: int) -> Rule:
    return lambda a: 1 <= len(a) <= most and all(n is None or isinstance(n, int | float | str | Made) for n in a)


def _factory(a: Arguments) -> bool:
    return len(a) == 1 and (a[0] is None or pair(a[0]) in _FACTORIES)


def _array(a: Arguments) -> bool:
    return len(a) == 3 and pair(a[0]) in SUBCLASSES and shape_of(a[1]) == (0,) and isinstance(a[2], _RAW)


def _scalar(a: Arguments) -> bool:
    if len(a) != 2 or not isinstance(a[0], DType) or a[0].objects:
        return False
    a[0].settled = True
    return isinstance(a[1], Made) or (isinstance(a[1], Blob) and a[1].length == a[0].itemsize)


def _from_buffer(a: Arguments) -> bool:
    return len(a) in (4, 5) and a[3] in ("C", "F", "K", "A") and raw_fits(a[1], a[2], a[0])


def _generator(a: Arguments) -> bool:
    def known(value: Value) -> bool:
        if isinstance(value, str):
            return value in _GENERATORS
        name = pair(value)
        if name is not None:
            return name[1] in (*_GENERATORS, "__bit_generator_ctor")
        return isinstance(value, Made)

    return all(map(known, a))


def _texts(a: Arguments) -> bool:
    return all(isinstance(part, str) and "\0" not in part for part in a)


def _pattern(a: Arguments) -> bool:
    return len(a) == 2 and isinstance(a[0], str) and len(a[0]) < 1000 and isinstance(a[1], int)


def _from_type(a: Arguments) -> bool:
    """``_rebuild_from_type_v2(function, class, arguments, state)`` of a tensor or parameter with attributes."""
    if len(a) != 4 or pair(a[1]) not in _TENSORS or type(a[2]) is not Tup:
        return False
    name, state = pair(a[0]), a[3]
    rule = RULES.get(name) if name is not None and name[0] == "torch._utils" else None
    keys = state.keys if isinstance(state, Dct) else (None,)
    return rule is not None and rule(a[2].items) and all(isinstance(k, str) and k[:2] != "__" for k in keys)


def _partial(a: Arguments) -> bool:
    return len(a) == 1 and isinstance(a[0], Global)


def _bound_method(a: Arguments) -> bool:
    """A method that an allowed object keeps bound to itself, by exact name."""
    if len(a) != 2 or not isinstance(a[0], Made) or not isinstance(a[0].args, Tup):
        return False
    maker = a[0].args.items[0] if pair(a[0].by) == RECONSTRUCTOR and a[0].args.items else a[0].by
    return isinstance(maker, Global) and isinstance(a[1], str) and a[1] in _METHODS.get(maker.module, ())


def _masked(a: Arguments) -> bool:
    if len(a) != 4 or pair(a[0]) not in _MASKED or pair(a[1]) not in SUBCLASSES:
        return False
    return shape_of(a[2]) == (0,) and isinstance(a[3], _RAW)


def _class_only(a: Arguments) -> bool:
    return len(a) == 1 and isinstance(a[0], Global)


RULES: Final[dict[tuple[str, str], Rule]] = {
    ("_codecs", "encode"): _encode,
    ("builtins", "bytearray"): _bytearray,
    ("builtins", "bytes"): lambda a: not a,
    ("builtins", "complex"): _numbers(2),
    ("builtins", "frozenset"): _elements,
    ("builtins", "getattr"): _bound_method,
    ("builtins", "range"): _numbers(3),
    ("builtins", "set"): _elements,
    ("builtins", "slice"): _numbers(3),
    ("collections", "Counter"): _pairs,
    ("collections", "OrderedDict"): _pairs,
    ("collections", "defaultdict"): _factory,
    ("collections", "deque"): lambda a: len(a) in (0, 1, 2),
    ("functools", "partial"): _partial,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy.random._pickle", "__randomstate_ctor"): _generator,
    ("numpy.random._pickle", "__generator_ctor"): _generator,
    ("numpy.random._pickle", "__bit_generator_ctor"): _generator,
    ("numpy.ma.core", "_mareconstruct"): _masked,
    ("pathlib", "Path"): _texts,
    ("pathlib", "PosixPath"): _texts,
    ("pathlib", "WindowsPath"): _texts,
    ("pathlib", "PurePath"): _texts,
    ("pathlib", "PurePosixPath"): _texts,
    ("pathlib", "PureWindowsPath"): _texts,
    **{
        ("pathlib._local", name): _texts
        for name in ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
    },
    ("builtins", "type"): lambda a: len(a) == 1 and (a[0] is None or pair(a[0]) in _SINGLE),
    ("random", "Random"): lambda a: not a,
    ("re", "_compile"): _pattern,
    ("types", "SimpleNamespace"): lambda a: not a,
    ("ipaddress", "IPv4Address"): _numbers(1),
    ("ipaddress", "IPv6Address"): _numbers(1),
    ("ipaddress", "IPv4Network"): _numbers(1),
    ("ipaddress", "IPv6Network"): _numbers(1),
    ("numpy.random", "__RandomState_ctor"): lambda a: not a,
    ("torch._tensor", "_rebuild_from_type_v2"): _from_type,
    ("fractions", "Fraction"): _numbers(2),
    ("decimal", "Decimal"): _numbers(1),
    ("torch", "Size"): tensors.size,
    ("torch", "device"): tensors.named,
    ("torch._utils", "_rebuild_tensor"): tensors.tensor,
    ("torch._utils", "_rebuild_tensor_v2"): tensors.tensor_v2,
    ("torch._utils", "_rebuild_tensor_v3"): tensors.tensor_v2,
    ("torch._utils", "_rebuild_qtensor"): tensors.quantized,
    ("torch._utils", "_rebuild_parameter"): tensors.parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): tensors.parameter_with_state,
    ("torch._utils", "_rebuild_sparse_tensor"): tensors.sparse,
    ("torch.serialization", "_get_layout"): tensors.named,
    ("torch.storage", "_load_from_bytes"): tensors.packed,
    ("torch.jit._pickle", "build_tensor_from_id"): tensors.from_file,
    ("sklearn.metrics._dist_metrics", "newObj"): _class_only,
    ("sklearn.neighbors._ball_tree", "newObj"): _class_only,
    ("sklearn.neighbors._kd_tree", "newObj"): _class_only,
    ("pandas", "StringDtype"): _numbers(2),
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): tables.text_array,
    ("pandas.core.indexes.base", "_new_Index"): tables.new_index,
    ("pyarrow.lib", "_restore_array"): tables.arrow_texts,
    ("pyarrow.lib", "py_buffer"): tables.buffer,
    ("pyarrow.lib", "type_for_alias"): tables.text_type,
}
"""Rules by module and name."""
