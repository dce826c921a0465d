"""What an attacker may change in a row of numbers, and what a change costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError, UsageError
from casemate.data.schema import Schema
from casemate.threats.evasion.trees.form import Flags, Floats

Direction = Literal["any", "increase", "decrease"]
Check = Callable[[Floats, Floats], bool]
"""Told a row before and after, both (d,): whether features that depend on each other still fit."""


@dataclass(frozen=True)
class Feature:
    """What may be done to one column.

    Attributes:
        low, high: inclusive bounds.
        immutable: it stays as it is.
        direction: it may only grow, or only shrink.
        integer: it holds whole numbers.
        cost: what a change of 1 costs; the radius is in these units.
        flat: every change costs the same, ``cost``: its numbers stand for categories.
    """

    low: float = -np.inf
    high: float = np.inf
    immutable: bool = False
    direction: Direction = "any"
    integer: bool = False
    cost: float = 1.0
    flat: bool = False


FREE = Feature()


@dataclass(frozen=True)
class Constraints:
    """The rules for all columns. Rules only take moves away, so a lower bound found without them stays true.

    Attributes:
        features: rules by column number; columns without one are free.
        default: the rule of all other columns, for example a box.
        one_hot: groups of columns of which exactly one is 1 and the others are 0.
        check: judges rows before and after where columns depend on each other in ways that nothing above can say.
            Examples that fail are never returned; where some failed, the lower bound stops at their distance.

    Example:
        >>> rules = Constraints({0: Feature(immutable=True)}, default=Feature(low=0, high=1))
        >>> rules.feature(0).immutable, rules.feature(7).high
        (True, 1)
    """

    features: Mapping[int, Feature] = field(default_factory=dict)
    default: Feature = FREE
    one_hot: Sequence[Sequence[int]] = ()
    check: Check | None = None

    def __post_init__(self) -> None:
        rules = [self.default, *self.features.values()]
        members = [column for group in self.one_hot for column in group]
        bad = [rule for rule in rules if not rule.low <= rule.high or not 0 < rule.cost < np.inf]
        if bad or len(members) != len(set(members)) or any(len(group) < 2 for group in self.one_hot):
            raise UsageError(
                "these constraints cannot be used",
                cause=f"{bad[0]}" if bad else "a one-hot group has one column only, or two groups share one",
                next_step="bounds need low <= high, costs are positive and finite, groups are disjoint",
            )

    @classmethod
    def from_schema(cls, schema: Schema, one_hot: Sequence[Sequence[int]] = ()) -> Constraints:
        """The rules of a schema whose columns are the model's columns, in order, all numbers.

        Columns that others are computed from, and those computed, stay as they are, as in ``evasion.decision``.
        """
        return cls(
            {
                at: Feature(
                    low=-np.inf if column.low is None else column.low,
                    high=np.inf if column.high is None else column.high,
                    immutable=column.immutable or column.name in schema.linked or column.type in {"category", "date"},
                    integer=column.type in {"integer", "boolean"},
                )
                for at, column in enumerate(schema.columns)
            },
            one_hot=one_hot,
        )

    def feature(self, column: int) -> Feature:
        """The rule of one column; members of one-hot groups hold 0 or 1."""
        rule = self.features.get(column, self.default)
        if any(column in group for group in self.one_hot):
            return Feature(0.0, 1.0, rule.immutable, rule.direction, True, rule.cost)
        return rule

    def table(self, columns: int) -> tuple[Feature, ...]:
        """The rules of columns 0 to ``columns`` - 1.

        Raises:
            UsageError: a rule is for a column that the model does not have.
        """
        named = {*self.features, *(column for group in self.one_hot for column in group)}
        if any(not 0 <= column < columns for column in named):
            raise UsageError(
                "a constraint names a column that the model does not have",
                cause=f"it has {columns} columns; named are {sorted(named)[-1]} and others",
                next_step="number columns from 0 in the order of the model's matrix",
            )
        return tuple(self.feature(column) for column in range(columns))

    def admit(self, rows: Floats) -> None:
        """Refuse rows that break the rules before anything was changed.

        Raises:
            DataError: a value is out of its bounds or not whole, or a group is not one-hot.
        """
        for wrong, error in self._refusals(rows):
            if wrong.any():
                raise error

    def admitted(self, rows: Floats) -> Flags:
        """(n,) which rows ``admit`` takes."""
        refused = np.zeros(len(rows), dtype=bool)
        for wrong, _ in self._refusals(rows):
            refused |= wrong
        return ~refused

    def _refusals(self, rows: Floats) -> Iterator[tuple[Flags, DataError]]:
        """For every rule, (n,) rows that break it before anything was changed, and what is to be said of them."""
        for column, rule in enumerate(self.table(rows.shape[1])):
            values = rows[:, column]
            wrong: Flags = (values < rule.low) | (values > rule.high)
            if rule.integer:
                wrong |= (values != np.rint(values)) & ~np.isnan(values)
            yield (
                wrong,
                DataError(
                    f"column {column} breaks its constraint in {int(wrong.sum())} of {len(rows)} rows",
                    cause=f"the rule is {rule}",
                    next_step="mend the rule or leave those rows out",
                ),
            )
        for group in self.one_hot:
            yield (
                rows[:, list(group)].sum(axis=1) != 1,
                DataError(
                    f"columns {list(group)} are not one-hot in every row",
                    next_step="name the columns of one category, of which exactly one is 1",
                ),
            )

    def broken(self, before: npt.ArrayLike, after: npt.ArrayLike) -> Flags:
        """(n,) which changed rows break a rule, judged on the rows alone and not on how they were found.

        Args:
            before: (n, d) rows before the attack.
            after: (n, d) rows after it.
        """
        old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
        same = (old == new) | (np.isnan(old) & np.isnan(new))
        wrong = (np.isnan(new) & ~same).any(axis=1) | (np.isnan(old) & ~same).any(axis=1)
        for column, rule in enumerate(self.table(old.shape[1])):
            was, now, moved = old[:, column], new[:, column], ~same[:, column]
            bad = (now < rule.low) | (now > rule.high) | rule.immutable
            bad |= (now < was) if rule.direction == "increase" else False
            bad |= (now > was) if rule.direction == "decrease" else False
            bad |= (now != np.rint(now)) if rule.integer else False
            wrong |= moved & bad
        for group in self.one_hot:
            block = new[:, list(group)]
            wrong |= (np.sort(block, axis=1)[:, :-1] != 0).any(axis=1) | (block.max(axis=1) != 1)
        if self.check is not None:
            wrong |= np.array([not self.check(one, two) for one, two in zip(old, new, strict=True)], dtype=bool)
        result: Flags = wrong
        return result

    def distance(self, before: npt.ArrayLike, after: npt.ArrayLike) -> Floats:
        """(n,) largest change of a column times its cost, in float64; where that is flat, each change counts as 1."""
        old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
        rules = self.table(old.shape[1])
        cost, flat = np.array([rule.cost for rule in rules]), np.array([rule.flat for rule in rules], dtype=bool)
        moved = np.where(np.isnan(old), 0.0, np.abs(new - old))
        moved = np.where(flat, np.sign(moved), moved) * cost
        return np.asarray(moved.max(axis=1, initial=0.0), dtype=np.float64)
