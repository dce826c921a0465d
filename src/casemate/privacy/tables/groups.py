"""Equivalence classes of a generalization, made from those of a finer one where there is one.

Two rows that fall together stay together at every higher level, so the classes of a node are made from one
representative of each class of a node below it: the higher up, the fewer there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from casemate.privacy.tables.coding import Coded, Histogram, combine, numbered, representatives, tally
from casemate.privacy.tables.hierarchies import Whole

KEPT: Final = 96
"""So many nodes are remembered, those with the fewest classes."""

Node = tuple[int, ...]
"""A level for each quasi-identifier."""


@dataclass(frozen=True, eq=False)
class Classes:
    """Records that no quasi-identifier tells apart.

    Attributes:
        rows: (classes,) a distinct row of each.
        inside: (classes,) records to be released.
        population: (classes,) records of the population.
        histograms: of each sensitive attribute.
    """

    rows: Whole
    inside: Whole
    population: Whole
    histograms: Mapping[str, Histogram]

    def __len__(self) -> int:
        return len(self.rows)


class Grouping:
    """Classes of nodes of one table.

    Args:
        coded: the table.
    """

    def __init__(self, coded: Coded) -> None:
        self.coded = coded
        base = Classes(np.arange(len(coded.inside)), coded.inside, coded.population, coded.histograms)
        self._nodes = np.zeros((1, len(coded.names)), dtype=np.int64)
        self._known = [base]

    def classes(self, node: Node) -> Classes:
        """The classes of a node."""
        below = np.flatnonzero((self._nodes <= np.array(node)).all(axis=1))
        finer = min((self._known[at] for at in below), key=len)
        key, size = combine(
            [
                (hierarchy.groups[level][self.coded.codes[column, finer.rows]], len(hierarchy.labels[level]))
                for column, (level, hierarchy) in enumerate(zip(node, self.coded.hierarchies, strict=True))
            ]
        )
        owner, count = numbered(key, size)
        classes = merge(finer, owner, count)
        self._remember(node, classes)
        return classes

    def _remember(self, node: Node, classes: Classes) -> None:
        if len(self._known) > KEPT:
            largest = 1 + int(np.argmax([len(each) for each in self._known[1:]]))  # the first is needed always
            if len(self._known[largest]) <= len(classes):
                return
            del self._known[largest]
            self._nodes = np.delete(self._nodes, largest, axis=0)
        self._known.append(classes)
        self._nodes = np.vstack([self._nodes, node])


def merge(finer: Classes, owner: Whole, count: int) -> Classes:
    """Classes made of finer ones.

    Args:
        finer: what is merged.
        owner: (classes,) into which of the new ones each goes.
        count: how many new ones there are.
    """
    histograms = {}
    for name, each in finer.histograms.items():
        merged = tally(owner[each.owner], each.value, each.count, count, len(each.labels))
        histograms[name] = Histogram(*merged, each.labels, each.whole)
    return Classes(
        rows=finer.rows[representatives(owner, count)],
        inside=np.bincount(owner, weights=finer.inside, minlength=count).astype(np.int64),
        population=np.bincount(owner, weights=finer.population, minlength=count).astype(np.int64),
        histograms=histograms,
    )
