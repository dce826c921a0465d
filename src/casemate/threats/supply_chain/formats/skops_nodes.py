"""Tables for skops' nodes: which loader goes with which class."""

from __future__ import annotations

FIXED = {
    "DictNode": frozenset((("builtins", "dict"), ("collections", "OrderedDict"), ("sklearn.utils._bunch", "Bunch"))),
    "DefaultDictNode": frozenset((("collections", "defaultdict"),)),
    "_DictWithDeprecatedKeysNode": frozenset((("sklearn.utils._bunch", "_DictWithDeprecatedKeys"),)),
    "ListNode": frozenset((("builtins", "list"),)),
    "TupleNode": frozenset((("builtins", "tuple"),)),
    "SetNode": frozenset((("builtins", "set"),)),
    "BytesNode": frozenset((("builtins", "bytes"),)),
    "BytearrayNode": frozenset((("builtins", "bytearray"),)),
    "SliceNode": frozenset((("builtins", "slice"),)),
    "JsonNode": frozenset(("builtins", name) for name in ("str", "int", "float", "bool", "NoneType")),
    "DTypeNode": frozenset((("numpy", "dtype"),)),
    "MaskedArrayNode": frozenset((("numpy.ma", "MaskedArray"), ("numpy.ma.core", "MaskedArray"))),
    "RandomStateNode": frozenset((("numpy.random.mtrand", "RandomState"), ("numpy.random", "RandomState"))),
    "RandomGeneratorNode": frozenset((("numpy.random._generator", "Generator"), ("numpy.random", "Generator"))),
    "PartialNode": frozenset((("functools", "partial"),)),
}
"""Loader -> the only classes that its nodes may name."""

OPERATORS = frozenset(("itemgetter", "attrgetter"))
"""``operator.methodcaller`` calls what it is told to, so it is not among them."""

METHODS = frozenset(("transform", "inverse_transform", "fit", "predict", "predict_proba", "decision_function", "score"))
"""Methods that an estimator may be given as a function."""

OWN = frozenset(
    [
        ("numpy", name)
        for name in (
            "ndarray",
            "float64",
            "float32",
            "int64",
            "int32",
            "uint8",
            "bool",
            "bool_",
            "int8",
            "int16",
            "uint16",
            "uint32",
            "uint64",
            "float16",
            "str_",
            "log",
            "log1p",
            "log2",
            "log10",
            "exp",
            "expm1",
            "sqrt",
            "square",
            "abs",
            "absolute",
            "sin",
            "cos",
            "tan",
            "tanh",
            "sign",
            "cbrt",
            "mean",
            "median",
            "sum",
            "min",
            "max",
            "std",
            "var",
        )
    ]
    + [
        ("builtins", name)
        for name in ("str", "int", "float", "bool", "bytes", "list", "dict", "tuple", "set", "NoneType")
    ]
    + [("scipy.sparse", name) for name in ("csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "csc_array")]
    + [("scipy.sparse._csr", name) for name in ("csr_matrix", "csr_array")]
    + [("scipy.sparse._csc", name) for name in ("csc_matrix", "csc_array")]
)
"""Names beyond the pickle lists; as functions they compute with numbers, as classes they hold them."""
