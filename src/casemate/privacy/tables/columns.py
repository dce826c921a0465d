"""The disclosure report: of each column, what it tells about people before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from casemate.privacy.tables.disclosure import levels
from casemate.privacy.tables.roles import ColumnRole


@dataclass(frozen=True)
class Told:
    """What a column tells in one table.

    Attributes:
        values: how many different ones it has.
        alone: share of rows whose value nobody else has.
        bits: Shannon entropy of its values: how much of a person's identity it narrows down on its own.
    """

    values: int
    alone: float
    bits: float

    @classmethod
    def by(cls, column: pd.Series) -> Told:
        """Look at a column."""
        counts = column.value_counts(dropna=False).to_numpy(dtype=np.float64)
        if not len(counts):
            return cls(0, 0.0, 0.0)
        share = counts / counts.sum()
        return cls(
            len(counts), float((counts == 1).sum() / counts.sum()), float(np.abs((share * np.log2(share)).sum()))
        )


@dataclass(frozen=True)
class ColumnReport:
    """One column, before and after.

    Attributes:
        column: its name and role.
        before: in the table as it is.
        after: in the released one; None where it is left out.
        disclosed: of a sensitive column, the share of rows whose class has one value of it, before and after.
        likeliest: of a sensitive column, exp of the least entropy of a class, before and after: how many values are
            left to guess among where that is worst.
    """

    column: ColumnRole
    before: Told
    after: Told | None
    disclosed: tuple[float, float] | None = None
    likeliest: tuple[float, float] | None = None


def report(table: pd.DataFrame, released: pd.DataFrame, roles: Sequence[ColumnRole]) -> tuple[ColumnReport, ...]:
    """Look at all columns.

    Args:
        table: as it is.
        released: what is handed out.
        roles: of the columns.

    Raises:
        UsageError: a column is missing in the table.
    """
    quasi = [each.name for each in roles if each.role == "quasi"]
    sensitive = [each.name for each in roles if each.role == "sensitive"]
    told = [levels(each, quasi, sensitive).sensitive for each in (table, released)] if quasi and sensitive else None
    made = []
    for each in roles:
        after = Told.by(released[each.name]) if each.name in released else None
        before = Told.by(table[each.name])
        if told and each.name in told[0]:
            two = [found[each.name] for found in told]
            known, left = (two[0].known, two[1].known), (two[0].entropy, two[1].entropy)
            made.append(ColumnReport(each, before, after, known, left))
        else:
            made.append(ColumnReport(each, before, after))
    return tuple(made)
