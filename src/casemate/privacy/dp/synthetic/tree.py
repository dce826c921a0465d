"""Junction trees: which columns have to be looked at together so that inference is exact.

Columns that are measured together are joined in a graph. Eliminating its vertices one by one, cheapest first, gives
cliques; joined by their largest intersections they form a tree in which a column's cliques hang together.

Reference:
    Koller and Friedman 2009, "Probabilistic graphical models", sections 9.4 and 10.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from casemate.privacy.dp.synthetic.meter import Sets


@dataclass(frozen=True)
class JunctionTree:
    """Cliques, each after its parent.

    Attributes:
        cliques: columns of each, rising.
        parents: place of each one's parent; -1 for the first.
        separators: what each shares with its parent, rising; empty where nothing.
    """

    cliques: tuple[Sets, ...]
    parents: tuple[int, ...]
    separators: tuple[Sets, ...]

    def cells(self, sizes: Sequence[int]) -> int:
        """How many cells its cliques have together."""
        return sum(math.prod(sizes[each] for each in clique) for clique in self.cliques)

    def home(self, columns: Iterable[int], sizes: Sequence[int]) -> int:
        """Place of the smallest clique that holds all of these columns; -1 if none does."""
        wanted = set(columns)
        holding = [place for place, clique in enumerate(self.cliques) if wanted <= set(clique)]
        return min(holding, key=lambda at: math.prod(sizes[each] for each in self.cliques[at]), default=-1)


def junction_tree(sets: Iterable[Sets], sizes: Sequence[int]) -> JunctionTree:
    """A tree whose cliques hold each of these sets, and every column.

    Args:
        sets: columns that are measured together.
        sizes: of all columns.

    Example:
        >>> junction_tree([(0, 1), (1, 2)], [2, 3, 4]).cliques
        ((0, 1), (1, 2))
    """
    cliques = _cliques(sets, sizes)
    order, parents, separators = [0], [-1], [Sets()]
    best = {place: (len(set(cliques[place]) & set(cliques[0])), 0) for place in range(1, len(cliques))}
    while best:  # each turn takes one clique into the tree
        place = max(best, key=lambda at: (best[at][0], -at))
        _, parent = best.pop(place)
        parents.append(parent)
        separators.append(tuple(sorted(set(cliques[place]) & set(cliques[order[parent]]))))
        order.append(place)
        for other in best:
            shared = len(set(cliques[other]) & set(cliques[place]))
            if shared > best[other][0]:
                best[other] = (shared, len(order) - 1)
    return JunctionTree(tuple(cliques[each] for each in order), tuple(parents), tuple(separators))


def _cliques(sets: Iterable[Sets], sizes: Sequence[int]) -> list[Sets]:
    """Largest cliques of the graph after elimination, smallest first."""
    near: list[set[int]] = [set() for _ in sizes]
    for each in sets:
        for column in each:
            near[column].update(set(each) - {column})
    weights = [math.log(size) for size in sizes]
    left, found = set(range(len(sizes))), list[set[int]]()
    while left:  # each turn eliminates one column
        column = min(left, key=lambda at: (weights[at] + sum(weights[other] for other in near[at]), at))
        clique = near[column] | {column}
        for other in near[column]:
            near[other] |= clique - {other}
            near[other].discard(column)
        left.discard(column)
        if not any(clique <= other for other in found):
            found.append(clique)
    return sorted(tuple(sorted(each)) for each in found)
