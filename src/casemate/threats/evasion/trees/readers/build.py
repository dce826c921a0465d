"""What every reader does with the nodes it found: check them, so that nothing behind it can be sent in circles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from casemate.core.errors import TargetError
from casemate.threats.evasion.trees.form import LEAF, Tree


def tree(
    feature: npt.ArrayLike,
    threshold: npt.ArrayLike,
    left: npt.ArrayLike,
    right: npt.ArrayLike,
    nan_left: npt.ArrayLike,
    value: npt.ArrayLike,
    features: int,
) -> Tree:
    """One tree from its nodes.

    Args:
        feature: (nodes,) column compared, ``LEAF`` at leaves.
        threshold: (nodes,) what it is compared with.
        left: (nodes,) child of rows on the left.
        right: (nodes,) child of rows on the right.
        nan_left: (nodes,) whether missing values go left.
        value: (nodes, outputs) what a leaf adds.
        features: number of columns of the model.

    Raises:
        TargetError: the nodes are not a tree over these columns whose children lie behind their parents, or a number
            is not finite.
    """
    made = Tree(
        np.asarray(feature, dtype=np.int64),
        np.asarray(threshold, dtype=np.float64),
        np.asarray(left, dtype=np.int64),
        np.asarray(right, dtype=np.int64),
        np.asarray(nan_left, dtype=np.bool_),
        np.asarray(value, dtype=np.float64),
    )
    nodes = made.feature.shape
    if len(nodes) != 1 or any(
        each.shape[:1] != nodes for each in (made.threshold, made.left, made.right, made.nan_left, made.value)
    ):
        raise _no_tree("its arrays are of different lengths")
    inner = np.flatnonzero(made.feature != LEAF)
    children = np.concatenate([made.left[inner], made.right[inner]])
    sound = (
        nodes[0] > 0
        and sorted(children.tolist()) == list(range(1, nodes[0]))
        and bool((np.minimum(made.left[inner], made.right[inner]) > inner).all())
        and bool(((made.feature[inner] >= 0) & (made.feature[inner] < features)).all())
        and bool((made.threshold[inner] > -np.inf).all())  # all but missing values go left of infinity
        and bool(np.isfinite(made.value[made.feature == LEAF]).all())
    )
    if not sound:
        raise _no_tree("a child is missing, shared or in front of its parent, or a number is not finite")
    return made


def _no_tree(why: str) -> TargetError:
    return TargetError(
        "the model holds nodes that are not a tree over its columns",
        cause=why,
        next_step="scan the file that it came from with `casemate scan`",
    )


def unsupported(model: object, why: str) -> TargetError:
    """The error for a model of a kind that is read, with something in it that is not."""
    return TargetError(
        f"this {type(model).__name__} cannot be read as a tree ensemble",
        cause=why,
        next_step="use a decision-based attack (evasion.decision), which needs no insight",
    )
