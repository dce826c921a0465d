"""CatBoost's binary models (.cbm): the letters CBM1, a length, and a flat buffer of trees.

What CatBoost follows without looking is checked: the place of every tree, the split and the leaf of every node. Models
with features computed from categories or texts keep tables behind the buffer; those are not read, and not covered.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from casemate.threats.supply_chain.formats.flatbuffer import Table, Walk, schema
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

MAGIC: Final = b"CBM1"
_NO_LEAF: Final = (1 << 32) - 1
_SPLITS: Final = 1 << 24
_DEPTH: Final = 16


def parse(view: View, report: Report) -> None:
    """Read a model.

    Raises:
        NotMine: the letters are missing.
        Malformed: a pointer leads nowhere, or the model computes features.
        Refused: a tree is not one ("trees.structure").
    """
    if not view.begins(MAGIC):
        raise NotMine
    size = view.number(4, 4)
    core = view.part(8, size)
    inner = Report(core, report.settings, report.budget)
    walk = Walk(core, schema("catboost"), inner)
    model = _Model(core)
    walk.all("Model", model.see, identified=False)
    walk.pad()
    report.findings += inner.findings
    report.cover(0, 8)
    reached = 0
    for start, stop in (*inner.coverage.gaps(), (size, size)):
        report.cover(8 + reached, start - reached)
        reached = stop
    report.describe("trees", model.check())


class _Model:
    def __init__(self, core: View) -> None:
        self.core = core
        self.trees: Table | None = None
        self.conditions = 0

    def see(self, table: Table) -> None:
        """Keep the trees, and count the conditions that splits may name."""
        if table.kind == "Unread":
            raise Malformed("features computed from categories or texts are not read", table.at)
        if table.kind == "Trees":
            self.trees = table
        elif table.kind == "Float":
            self.conditions += table.vector("borders")[1]
        elif table.kind == "OneHot":
            self.conditions += table.vector("values")[1]

    def check(self) -> int:
        """Check every tree, and count them."""
        trees = self.trees
        if trees is None:
            raise Refused("trees.structure", "the model has no trees", 0)
        splits, sizes, offsets = (trees.numbers(name, _SPLITS) for name in ("splits", "sizes", "offsets"))
        if any(size < 0 for size in sizes) or [0, *accumulate(sizes)] != [*offsets, len(splits)]:
            raise Refused("trees.structure", "trees are not where the model says", trees.at)
        if any(not 0 <= split < self.conditions for split in splits):
            raise Refused("trees.structure", "a split on a condition that is not there", trees.at)
        dimension, leaves = trees.number("dimension", 1), trees.vector("leaves")[1]
        if dimension < 1 or leaves % dimension:
            raise Refused("trees.structure", "the leaves are no whole number of values", trees.at)
        if trees.vector("steps")[1]:
            self._steps(trees, sizes, offsets, leaves)
        elif max(sizes, default=0) > _DEPTH or leaves != dimension * sum(1 << size for size in sizes):
            raise Refused("trees.structure", "the leaves are not those that the splits make", trees.at)
        if trees.vector("weights")[1] not in (0, leaves // dimension):
            raise Refused("trees.structure", "the weights are not those of the leaves", trees.at)
        return len(sizes)

    def _steps(self, trees: Table, sizes: list[int], offsets: list[int], leaves: int) -> None:
        """Trees of other shapes: a node leads forward, inside of its tree, so that no walk can circle."""
        steps, nodes = trees.numbers("steps", _SPLITS), trees.numbers("nodes", _SPLITS)
        if len(steps) != sum(sizes) or len(nodes) != len(steps):
            raise Refused("trees.structure", "nodes and splits differ in number", trees.at)
        for offset, size in zip(offsets, sizes, strict=True):
            for node in range(offset, offset + size):
                step = steps[node] & _NO_LEAF
                if node + max(step & 0xFFFF, step >> 16) >= offset + size:
                    raise Refused("trees.structure", "a node leads out of its tree", trees.at)
        if any(leaf != _NO_LEAF and leaf >= leaves for leaf in nodes):
            raise Refused("trees.structure", "a node has a leaf that is not there", trees.at)
