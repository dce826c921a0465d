"""Records drawn from a model, as evenly as whole records can be: chance adds less than with independent draws.

Reference:
    McKenna, Miklau and Sheldon 2021, "Winning the NIST contest", section 3.3: expected counts are rounded at random.
    Here, by systematic sampling (Madow 1949): each count differs from what is expected by less than one.
"""

from __future__ import annotations

import numpy as np

from casemate.privacy.dp.synthetic.meter import Whole
from casemate.privacy.dp.synthetic.model import Model


def draw(model: Model, rows: int, random: np.random.Generator) -> list[Whole]:
    """(rows,) codes of each column.

    Args:
        model: the distribution.
        rows: how many records.
        random: where chance comes from; it need not be secret.
    """
    found = [np.zeros(rows, dtype=np.int64) for _ in model.sizes]
    for clique, separator, belief in zip(model.tree.cliques, model.tree.separators, model.beliefs, strict=True):
        own = tuple(each for each in clique if each not in separator)
        if not own or not rows:
            continue
        table = np.moveaxis(belief, [clique.index(each) for each in separator], list(range(len(separator))))
        table = table.reshape(int(np.prod(table.shape[: len(separator)], dtype=np.int64)), -1)
        given = np.zeros(rows, dtype=np.int64)
        for each in separator:
            given = given * model.sizes[each] + found[each]
        cells = _systematic(table, given, random)
        for each in reversed(own):
            cells, found[each] = np.divmod(cells, model.sizes[each])
    return found


def _systematic(
    table: np.ndarray[tuple[int, ...], np.dtype[np.float64]], given: Whole, random: np.random.Generator
) -> Whole:
    """A column of the table for each record, of the row that is given."""
    rows = len(given)
    order = random.permutation(rows)
    order = order[np.argsort(given[order], kind="stable")]
    many = np.bincount(given, minlength=len(table))
    start = np.concatenate([[0], np.cumsum(many)[:-1]])
    rank = np.arange(rows) - start[given[order]]
    place = (rank + random.random(len(table))[given[order]]) / many[given[order]]
    sums = table.sum(axis=1, keepdims=True)
    shares = np.where(sums > 0, table / np.where(sums > 0, sums, 1.0), 1 / table.shape[1])
    edges = np.minimum(np.cumsum(shares, axis=1), 1.0)
    edges[:, -1] = 1.0
    keys = (edges + np.arange(len(table))[:, None]).ravel()
    cells = np.searchsorted(keys, given[order] + place * (1 - 1e-9), side="right") - given[order] * table.shape[1]
    drawn = np.empty(rows, dtype=np.int64)
    drawn[order] = np.clip(cells, 0, table.shape[1] - 1)
    return drawn
