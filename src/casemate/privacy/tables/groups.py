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

KEPT: Final = 8_000_000
"""Nodes are remembered while their classes and entries of histograms are no more than this together (200 MB)."""

Node = tuple[int, ...]
"""A level for each quasi-identifier."""


@dataclass(frozen=True, eq=False)
class Classes:
    """Records that no quasi-identifier tells apart.

    Attributes:
        rows: (classes,) a distinct row of each.
        inside: (classes,) records to be released.
        population: (classes,) records of the population; ``inside`` itself where all of it is released.
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
        self._sizes = np.array([len(base)])
        self._known = [base]
        self._held = 0

    def classes(self, node: Node) -> Classes:
        """The classes of a node."""
        below = np.flatnonzero((self._nodes <= np.array(node)).all(axis=1))
        finer = self._known[below[self._sizes[below].argmin()]]
        owner, count = self._number(finer, node)
        classes = merge(finer, owner, count)
        self._remember(node, classes)
        return classes

    def of(self, node: Node) -> tuple[Whole, Classes]:
        """The class of each distinct row, and the classes."""
        owner, count = self._number(self._known[0], node)
        return owner, merge(self._known[0], owner, count)

    def _number(self, finer: Classes, node: Node) -> tuple[Whole, int]:
        columns = []
        for codes, level, hierarchy in zip(self.coded.codes, node, self.coded.hierarchies, strict=True):
            if len(hierarchy.labels[level]) > 1:
                places = codes.take(finer.rows)
                labels = hierarchy.groups[level].take(places) if level else places
                columns.append((labels, len(hierarchy.labels[level])))
        return numbered(*combine(columns, len(finer)))

    def _remember(self, node: Node, classes: Classes) -> None:
        """Keep classes in place of those made longest ago; the first, of all rows, are always needed."""
        self._held += _size(classes)
        while len(self._known) > 1 and self._held > KEPT:
            self._held -= _size(self._known.pop(1))
            self._nodes, self._sizes = np.delete(self._nodes, 1, axis=0), np.delete(self._sizes, 1)
        self._known.append(classes)
        self._nodes = np.vstack([self._nodes, node])
        self._sizes = np.append(self._sizes, len(classes))


def merge(finer: Classes, owner: Whole, count: int) -> Classes:
    """Classes made of finer ones.

    Args:
        finer: what is merged.
        owner: (classes,) into which of the new ones each goes.
        count: how many new ones there are.
    """
    histograms = {}
    for name, each in finer.histograms.items():
        merged = tally(owner.take(each.owner), each.value, each.count, count, len(each.labels))
        histograms[name] = Histogram(*merged, each.labels, each.whole)
    inside = np.bincount(owner, weights=finer.inside, minlength=count).astype(np.int64)
    population = inside
    if finer.population is not finer.inside:
        population = np.bincount(owner, weights=finer.population, minlength=count).astype(np.int64)
    return Classes(finer.rows[representatives(owner, count)], inside, population, histograms)


def _size(classes: Classes) -> int:
    return len(classes) + sum(len(each.owner) for each in classes.histograms.values())
