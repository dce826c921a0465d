"""The front door: a pandas frame in, a release that says what holds out."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables.cells import Cells
from casemate.privacy.tables.coding import Coded, encode, numbered, representatives
from casemate.privacy.tables.frames import to_pandas
from casemate.privacy.tables.groups import Grouping
from casemate.privacy.tables.hierarchies import Flags, Hierarchy, Whole
from casemate.privacy.tables.inference import Kind, in_order, infer
from casemate.privacy.tables.lattice import Optimum, judge, search
from casemate.privacy.tables.losses import Entropy, Loss
from casemate.privacy.tables.models import KAnonymity, Model
from casemate.privacy.tables.mondrian import Partition, partition
from casemate.privacy.tables.release import Release

Given = Mapping[str, Hierarchy | Kind | None] | Sequence[str]
"""Quasi-identifiers: names, or of each its hierarchy, the kind to infer, or None."""


@dataclass(frozen=True)
class Anonymizer:
    """Generalizes the quasi-identifiers of a table so that privacy models hold.

    ``exact`` searches all ways to generalize whole columns for the one that loses least (see ``lattice``); ``mondrian``
    splits the table into classes, each generalized on its own (see ``mondrian``): it loses less of large tables, leaves
    no row out, and is proven best at nothing.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"age": [21, 22, 23, 54, 55, 56], "illness": list("abcabc")})
        >>> release = Anonymizer([KAnonymity(3)]).release(table, ["age"])
        >>> release.classes, release.suppressed, release.proven
        (2, 0, True)

    Attributes:
        models: what must hold in each class of released rows.
        limit: share of the rows that may be left out because their classes fail; 0 to 1, exact search only.
        loss: what the exact search minimizes.
        method: ``exact`` or ``mondrian``.
        seconds: for the exact search at most; then the best so far is released, and the release says so.
        keep_order: release rows in their order. Otherwise they are shuffled, from the operating system's randomness:
            within a class, the order of a table tells rows apart to whoever has a list in that order.
    """

    models: Sequence[Model] = field(default_factory=lambda: (KAnonymity(5),))
    limit: float = 0.0
    loss: Loss = field(default_factory=Entropy)
    method: Literal["exact", "mondrian"] = "exact"
    seconds: float | None = None
    keep_order: bool = False

    def __post_init__(self) -> None:
        if not self.models:
            raise UsageError("there is no privacy model", next_step="give KAnonymity(5), for example")
        if not 0 <= self.limit <= 1:
            raise UsageError(f"a share of {self.limit} cannot be left out", next_step="give a limit between 0 and 1")
        if self.method not in ("exact", "mondrian"):
            raise UsageError(f"there is no method {self.method!r}", next_step="use 'exact' or 'mondrian'")

    def release(
        self,
        table: Any,
        quasi_identifiers: Given,
        drop: Sequence[str] = (),
        research: Flags | None = None,
    ) -> Release:
        """Generalize a table.

        Args:
            table: (n, columns) one row a person; a frame of pandas or polars. Of a research subset, the table of its
                population.
            quasi_identifiers: columns that somebody may know about a person, and how each is generalized: a hierarchy,
                a kind to infer (see ``infer``), or None or only the name to infer that too.
            drop: columns that are not released, names for example.
            research: (n,) which rows are to be released; all without it.

        Raises:
            UsageError: a column is missing or in two roles, or there is no row to release.
            DataError: a cell holds what its hierarchy does not know, or the models cannot hold.
        """
        table = to_pandas(table)
        hierarchies = self.hierarchies(table, quasi_identifiers)
        missing = sorted(set(drop) - set(table.columns)) + sorted(set(drop) & set(hierarchies))
        if missing:
            raise UsageError(
                f"column {missing[0]!r} cannot be dropped",
                cause="it is not there, or a quasi-identifier",
                next_step="name each column once",
            )
        sensitive = tuple(dict.fromkeys(model.attribute for model in self.models if model.attribute))
        coded = encode(table, hierarchies, sensitive, research)
        for model in self.models:
            if isinstance(model, KAnonymity) and model.k > coded.records:
                raise DataError(
                    f"k = {model.k} is more than the {coded.records} rows there are",
                    next_step="give more rows, or a smaller k",
                )
        inside = np.ones(len(table), dtype=bool) if research is None else np.asarray(research)
        columns = [name for name in table.columns if name not in drop]
        roles = {*hierarchies, *sensitive}
        untouched = tuple(str(name) for name in columns if name not in roles)
        if self.method == "mondrian":
            return self._split(table[columns], coded, inside, untouched)
        return self._generalize(table[columns], coded, inside, untouched)

    def hierarchies(self, table: pd.DataFrame, given: Given) -> dict[str, Hierarchy]:
        """The hierarchy of each quasi-identifier: as given, or inferred from the table.

        Raises:
            UsageError: a column is missing, or cannot be generalized as asked.
        """
        wanted = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given)
        made = {}
        for name, how in wanted.items():
            if isinstance(how, Hierarchy):
                made[name] = how
                continue
            if list(table.columns).count(name) != 1:
                raise UsageError(
                    f"the table has {list(table.columns).count(name)} columns {name!r}",
                    next_step="name columns that are there once",
                )
            if not len(table):
                made[name] = Hierarchy.flat([""])  # what has no rows is refused by the encoding
            elif self.method == "mondrian" and how is None and _has_order(table[name]):
                made[name] = in_order(table[name])
            else:
                made[name] = infer(table[name], how)
        return made

    def _generalize(self, table: pd.DataFrame, coded: Coded, inside: Flags, untouched: tuple[str, ...]) -> Release:
        limit = math.floor(self.limit * coded.records + 1e-9)  # .29 of 100 rows are 29
        found = search(coded, self.models, self.loss, limit, self.seconds)
        if found.node is None:
            raise _none(found, coded, limit)
        owner, classes = Grouping(coded).of(found.node)
        held = judge(classes, self.models, limit).held
        keep = self._order(np.flatnonzero(inside & held[owner][coded.row]))
        made = table.iloc[keep].reset_index(drop=True)
        emptied = []
        for name, level, codes, hierarchy in zip(coded.names, found.node, coded.codes, coded.hierarchies, strict=True):
            if level:
                labels = np.array(hierarchy.labels[level], dtype=object)
                made[name] = labels[hierarchy.groups[level][codes[coded.row[keep]]]]
                if len(labels) == 1:
                    emptied.append(name)
        cell, count = numbered(owner[coded.row[keep]], len(classes))
        low = coded.codes[:, coded.row[keep[representatives(cell, count)]]]
        levels = np.repeat(np.array(found.node)[:, None], count, axis=1)
        flat = (False,) * len(coded.names)
        return Release(
            table=made,
            kept=keep,
            cells=Cells(coded.names, coded.hierarchies, low, low, levels, flat, cell),
            ordered=self.keep_order,
            models=self.models,
            quasi_identifiers=dict(zip(coded.names, found.node, strict=True)),
            untouched=untouched,
            emptied=tuple(emptied),
            suppressed=found.suppressed,
            classes=found.classes,
            loss=found.loss,
            looked=found.looked,
            nodes=found.nodes,
            proven=found.proven,
            bound=found.bound,
        )

    def _split(self, table: pd.DataFrame, coded: Coded, inside: Flags, untouched: tuple[str, ...]) -> Release:
        found = partition(coded, self.models, [_has_order(table[name]) for name in coded.names])
        keep = self._order(np.flatnonzero(inside))
        owner = found.owner[coded.row[keep]]
        made = table.iloc[keep].reset_index(drop=True)
        emptied = []
        for at, name in enumerate(coded.names):
            labels = np.array(found.labels(coded, at), dtype=object)
            made[name] = labels[owner]
            if len(set(labels)) == 1 and len(coded.hierarchies[at].values) > 1:
                emptied.append(name)
        cell, count = numbered(owner, len(found.classes))
        of = owner[representatives(cell, count)]
        trees = tuple(each.rooted() for each in coded.hierarchies)
        return Release(
            table=made,
            kept=keep,
            cells=Cells(
                coded.names, trees, found.low[:, of], found.high[:, of], found.level[:, of], found.ordered, cell
            ),
            ordered=self.keep_order,
            models=self.models,
            quasi_identifiers=dict.fromkeys(coded.names),
            untouched=untouched,
            emptied=tuple(emptied),
            suppressed=0,
            classes=int((found.classes.inside > 0).sum()),
            loss=_covered(found, coded),
        )

    def _order(self, rows: Whole) -> Whole:
        """Rows in random order, by random keys of 64 bits: equal ones are too rare to matter, and stay in order."""
        if self.keep_order:
            return rows
        return rows[np.argsort(np.frombuffer(os.urandom(8 * len(rows)), dtype=np.uint64), kind="stable")]


def _has_order(column: pd.Series) -> bool:
    """Whether Mondrian splits a column by the order of its values."""
    return bool(pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column))


def _none(found: Optimum, coded: Coded, limit: int) -> DataError:
    if not found.proven:
        return DataError(
            f"time was up after {found.looked} of {found.nodes} generalizations, and none of these holds",
            next_step="give more seconds, fewer quasi-identifiers, or use Mondrian",
        )
    return DataError(
        f"no generalization of {len(coded.names)} columns holds what is asked for",
        cause=f"each leaves more than {limit} of {coded.records} rows in classes that fail",
        next_step="ask for less, let more rows be left out, or give hierarchies that go up to one label",
    )


def _covered(found: Partition, coded: Coded) -> float:
    """Mean share of its domain that a label stands for, over released cells; 0 where all are values."""
    total = 0.0
    for at, hierarchy in enumerate(coded.hierarchies):
        tree, most = hierarchy.rooted(), max(len(hierarchy.values) - 1, 1)
        if found.ordered[at]:
            share = (found.high[at] - found.low[at]) / most
        else:
            share = np.empty(len(found.low[at]))
            for level in range(tree.height + 1):
                of = found.level[at] == level
                leaves = tree.shares[level][tree.groups[level][found.low[at][of]]] * len(tree.values)
                share[of] = (leaves - 1) / most
        total += float(share @ found.classes.inside)
    return total / coded.records / len(coded.hierarchies)
