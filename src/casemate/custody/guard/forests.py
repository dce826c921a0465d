"""Trees of a model that was loaded without the scan having seen their nodes: do their links stay inside?

scikit-learn follows the links of a tree without checking them. In a pickle the scan judges them before anything is
built (``threats/supply_chain/pickles/trees.py``); a skops file keeps them in arrays of their own, tied to trees by
numbers that its loader resolves. So they are judged where it left them, in the objects, before anyone predicts.
"""

from __future__ import annotations

import gc
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final

import numpy as np

from casemate.threats.supply_chain.pickles.trees import predictor_is_sound, tree_is_sound

_TREE: Final = ("sklearn.tree._tree", "Tree")
_PREDICTOR: Final = ("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor")
JUDGED: Final = (_TREE, _PREDICTOR)
"""Classes that are judged here."""
_OUTSIDE: Final = (type, ModuleType, FunctionType, BuiltinFunctionType)
"""What belongs to the program and not to the model."""
_SETS: Final = 8
"""Words of 32 bits in a set of categories."""


def unsound(model: Any) -> str:
    """The first class of a tree in a model whose nodes lead outside of it, or "".

    Looks at everything that the model refers to, each object once, so it ends.

    Args:
        model: built, never asked.
    """
    seen, waiting = {id(model)}, [model]
    while waiting:
        each = waiting.pop()
        kind = (type(each).__module__, type(each).__qualname__)
        if (kind == _TREE and not _tree(each)) or (kind == _PREDICTOR and not _predictor(each)):
            return kind[1]
        for other in gc.get_referents(each):
            if id(other) not in seen and not isinstance(other, _OUTSIDE):
                seen.add(id(other))
                waiting.append(other)
    return ""


def _tree(tree: Any) -> bool:
    left, right, feature = (
        np.asarray(each, np.int64) for each in (tree.children_left, tree.children_right, tree.feature)
    )
    return len(left) > 0 and tree_is_sound(left, right, feature, int(tree.n_features))


def _predictor(predictor: Any) -> bool:
    nodes = predictor.nodes
    left, right, feature, sets = (
        nodes[name].astype(np.int64) for name in ("left", "right", "feature_idx", "bitset_idx")
    )
    inner = nodes["is_leaf"] == 0
    most = min(len(predictor.raw_left_cat_bitsets), len(predictor.binned_left_cat_bitsets))
    shaped = all(
        each.ndim == 2 and each.shape[1] == _SETS and each.dtype == np.uint32
        for each in (predictor.raw_left_cat_bitsets, predictor.binned_left_cat_bitsets)
    )
    categorical = inner & (nodes["is_categorical"] != 0)
    return len(nodes) > 0 and shaped and predictor_is_sound(left, right, feature, inner, sets[categorical], most)
