"""Robust splitting: a random forest whose thresholds are chosen for rows that an adversary may move across them.

An ordinary tree puts its threshold where classes part best, however close to it rows lie. Here a split is as good as
the worst of four things that an adversary can do with the rows within ``eps`` of it: send all of them to the left, all
to the right, each to its other side, or none anywhere.

Reference:
    Chen et al. 2019, "Robust decision trees against adversarial examples", section 4.1 (arXiv 1902.10660).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree._tree import Tree

from casemate.core.errors import DataError, UsageError
from casemate.core.seeds import derive

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

LEAF, NO_FEATURE = -1, -2
"""What scikit-learn writes for the children and the feature of a leaf."""


@dataclass
class _Node:
    feature: int
    threshold: float
    share: Floats
    rows: int
    impurity: float
    left: int = LEAF
    right: int = LEAF


class RobustForestClassifier(RandomForestClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """A random forest for rows that an adversary moves by up to ``eps`` in every column.

    It is scikit-learn's in all but how splits are chosen; `casemate.threats.evasion.trees` certifies and attacks it.

    Args:
        eps: radius, one number or one a column; 0 gives an ordinary forest.
        relative: whether ``eps`` is a share of each column's interquartile range instead of in its units. Columns with
            two values or fewer then do not move.
        n_estimators: trees.
        max_depth: of a tree.
        min_samples_split: rows that are split at least.
        min_samples_leaf: rows in a leaf at least.
        random_state: of bootstraps and of the features looked at.

    Example:
        >>> x = np.repeat([[0.0, 0.0], [1.0, 0.1]], 30, axis=0)
        >>> forest = RobustForestClassifier(0.2, n_estimators=5).fit(x, np.repeat([0, 1], 30))
        >>> forest.predict([[0.2, 0.0], [0.8, 0.0]]).tolist()
        [0, 1]
    """

    def __init__(
        self,
        eps: float | Floats = 0.1,
        relative: bool = False,
        n_estimators: int = 100,
        max_depth: int = 10,
        min_samples_split: int = 10,
        min_samples_leaf: int = 5,
        random_state: int | None = None,
    ) -> None:
        super().__init__(
            n_estimators,
            max_depth=max_depth,
            min_samples_split=min_samples_split,
            min_samples_leaf=min_samples_leaf,
            random_state=random_state,
        )
        self.eps, self.relative = eps, relative

    def fit(self, x: Any, y: Any, sample_weight: None = None) -> Self:
        """Grow the forest on (n, d) finite numbers and (n,) labels.

        Raises:
            DataError: rows that are not finite.
            UsageError: a negative radius, not one a column, or weights of rows.
        """
        rows = np.asarray(x, dtype=np.float32)
        if rows.ndim != 2 or not np.isfinite(rows).all():
            raise DataError(
                "a robust forest cannot be grown on rows that are missing values or are no matrix",
                next_step="impute them first, in the pipeline",
            )
        reach = self._reach(rows.astype(np.float64))
        if sample_weight is not None:
            raise UsageError("a robust forest knows no weights of rows", next_step="leave sample_weight out")
        depth = self.get_params()["max_depth"]
        try:
            self.max_depth = 1  # what scikit-learn grows here is replaced, but everything else about it is kept
            super().fit(x, y)
        finally:
            self.max_depth = depth
        codes, seed = np.searchsorted(self.classes_, np.asarray(y)), self.random_state or 0
        for number, part in enumerate(self.estimators_):
            rng = np.random.default_rng(derive(seed, f"forest-{number}"))
            chosen = rng.integers(0, len(rows), len(rows))
            grower = _Grower(rows[chosen].astype(np.float64), codes[chosen], len(self.classes_), reach, self, rng)
            part.tree_ = _written(grower.grow(), part.tree_, rows.shape[1], len(self.classes_))
            part.max_depth = depth
        return self

    def _reach(self, rows: Floats) -> Floats:
        """(d,) how far an adversary moves each column."""
        eps = np.asarray(self.eps, dtype=np.float64)
        if eps.shape not in ((), (rows.shape[1],)) or not (eps >= 0).all():
            raise UsageError(f"eps = {self.eps}", next_step="give a radius of 0 or more, or one for each column")
        if not self.relative:
            return np.broadcast_to(eps, rows.shape[1])
        low, high = np.quantile(rows, [0.25, 0.75], axis=0)
        several = np.array([len(np.unique(column)) > 2 for column in rows.T], dtype=bool)
        return np.where(several, eps * (high - low), 0.0)


@dataclass
class _Grower:
    """Grows one tree on (n, d) rows with (n,) codes."""

    x: Floats
    codes: Whole
    classes: int
    reach: Floats
    how: RobustForestClassifier
    rng: np.random.Generator

    def grow(self) -> list[_Node]:
        """Nodes in the order of a walk that goes left first; ends, for children hold fewer rows than their parents."""
        nodes: list[_Node] = []
        waiting: list[tuple[Whole, int, int, bool]] = [(np.arange(len(self.x)), 0, LEAF, False)]
        while waiting:
            rows, depth, parent, right = waiting.pop()
            counts = np.bincount(self.codes[rows], minlength=self.classes).astype(np.float64)
            impurity = float(_weighted(counts)) / len(rows)
            place, node = len(nodes), _Node(NO_FEATURE, -2.0, counts / len(rows), len(rows), impurity)
            nodes.append(node)
            if parent != LEAF and right:
                nodes[parent].right = place
            elif parent != LEAF:
                nodes[parent].left = place
            if depth == self.how.max_depth or len(rows) < self.how.min_samples_split or impurity == 0:
                continue
            if self._choose(rows, node):
                left = self.x[rows, node.feature] <= node.threshold
                waiting += [(rows[~left], depth + 1, place, True), (rows[left], depth + 1, place, False)]
        return nodes

    def _choose(self, rows: Whole, node: _Node) -> bool:
        """Whether a split is worth it; it is written into the node. About the root of all columns are looked at."""
        columns = self.x.shape[1]
        best = (len(rows) * node.impurity * (1 - 1e-9), NO_FEATURE, 0.0)
        for feature in self.rng.permutation(columns)[: max(1, round(columns**0.5))]:
            given = self.x[rows, feature], self.codes[rows], self.classes, float(self.reach[feature])
            cost, threshold = _split(*given, self.how.min_samples_leaf)
            best = min(best, (cost, int(feature), threshold))
        node.feature, node.threshold = (best[1], best[2]) if best[1] != NO_FEATURE else (NO_FEATURE, -2.0)
        return best[1] != NO_FEATURE


def _split(values: Floats, codes: Whole, classes: int, eps: float, leaf: int) -> tuple[float, float]:
    """The least impurity, weighted by rows, that a threshold on this column keeps whatever the adversary does."""
    order = np.argsort(values, kind="stable")
    sorted_ = values[order]
    ends = np.flatnonzero(sorted_[1:] > sorted_[:-1]) + 1
    ends = ends[(ends >= leaf) & (ends <= len(values) - leaf)]
    if not len(ends):
        return float("inf"), 0.0
    thresholds = (sorted_[ends - 1] + sorted_[ends]) / 2
    until = np.zeros((len(values) + 1, classes))
    np.cumsum(np.eye(classes)[codes[order]], axis=0, out=until[1:])
    total = until[-1]
    here = until[ends]
    sure = until[np.searchsorted(sorted_, thresholds - eps, side="left")]
    lost = until[np.searchsorted(sorted_, thresholds + eps, side="right")]
    lefts = np.stack([here, sure, lost, sure + (lost - here)])
    cost = (_weighted(lefts) + _weighted(total - lefts)).max(axis=0)
    at = int(cost.argmin())
    return float(cost[at]), float(thresholds[at])


def _weighted(counts: Floats) -> Floats:
    """Gini impurity times rows."""
    size = counts.sum(axis=-1)
    return np.asarray(size - (counts**2).sum(axis=-1) / np.maximum(size, 1.0))


def _written(nodes: list[_Node], like: Any, features: int, classes: int) -> Any:
    """The nodes as scikit-learn's own tree."""
    made = np.zeros(len(nodes), dtype=like.__getstate__()["nodes"].dtype)
    for name, values in {
        "left_child": [each.left for each in nodes],
        "right_child": [each.right for each in nodes],
        "feature": [each.feature for each in nodes],
        "threshold": [each.threshold for each in nodes],
        "impurity": [each.impurity for each in nodes],
        "n_node_samples": [each.rows for each in nodes],
        "weighted_n_node_samples": [each.rows for each in nodes],
    }.items():
        made[name] = values
    tree = Tree(features, np.array([classes], dtype=np.intp), 1)
    depth = [0] * len(nodes)
    for at, each in enumerate(nodes):
        if each.left != LEAF:
            depth[each.left] = depth[each.right] = depth[at] + 1
    shares = np.ascontiguousarray(np.stack([each.share for each in nodes])[:, None, :])
    tree.__setstate__({"max_depth": max(depth), "node_count": len(nodes), "nodes": made, "values": shares})
    return tree
