"""Singling out: whether a synthetic table tells how to point at one person of the private table.

The adversary takes a synthetic record that some of its values tell apart from all other synthetic records, and asks for
the people who have those values ("the one aged 83 or more who is a widow and works for the state"). It has succeeded if
exactly one person of the private table does. That can happen by chance, so the same predicates are put to people who
were not in the table, equally many: what they single out there is no disclosure, and the difference is what counts.

References:
    Cohen and Nissim 2020, "Towards formalizing the GDPR's notion of singling out", definition 3.1 (PNAS 117(15));
    Article 29 Working Party, opinion 05/2014, section 2.2; comparison with people who were not in: Giomi, Boenisch,
    Wehmeyer and Tasnadi 2023, section 4 (arXiv 2211.10459).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.audit.synthetic.records import Coded, Floats, side_by_side
from casemate.stats import Estimate, clopper_pearson, paired_difference

TRIES: Final = 20
"""Predicates that are tried for one that tells a synthetic record apart."""


@dataclass(frozen=True)
class Singling:
    """How often predicates point at one person.

    Attributes:
        inside: share that single out somebody in the private table.
        outside: share that single out somebody among people who were not in it.
        gain: the difference, by pairs: what the synthetic table gives away. At or below 0, nothing is shown.
        predicates: how many there were.
        columns: that a predicate may use.
    """

    inside: Estimate
    outside: Estimate
    gain: Estimate
    predicates: int
    columns: int

    def __str__(self) -> str:
        return f"{self.inside} of {self.predicates} predicates single out in the table, {self.outside} outside it"


def single_out(
    private: pd.DataFrame,
    synthetic: pd.DataFrame,
    control: pd.DataFrame,
    *,
    columns: int = 3,
    predicates: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Singling:
    """Ask a synthetic table for predicates and put them to those who were in and those who were not.

    Args:
        private: the table that the synthetic one was made of.
        synthetic: what the adversary sees.
        control: people of the same population who were not in; as many as in the private table are used.
        columns: that a predicate uses at most.
        predicates: to be made at most; fewer if the synthetic table has no more.
        confidence: of the intervals.
        seed: of the choice of predicates.

    Raises:
        DataError: tables have other columns, or no predicate tells a synthetic record apart.
        UsageError: there is nothing to ask for.
    """
    if columns < 1 or predicates < 1:
        raise UsageError("no predicate was asked for", next_step="give one column and one predicate, or more")
    many = min(len(private), len(control))
    random = np.random.default_rng(seed)
    inside, told, outside = side_by_side(
        private.iloc[random.permutation(len(private))[:many]],
        synthetic,
        control.iloc[random.permutation(len(control))[:many]],
    )
    found = np.array(
        [
            [_matching(each, there) == 1 for there in (inside, outside)]
            for each in _made(told, columns, predicates, random)
        ]
    )
    if not len(found):
        raise DataError("no predicate tells a synthetic record apart", next_step="let predicates use more columns")
    first, second = (int(each) for each in found.sum(axis=0))
    both, n = int(found.all(axis=1).sum()), len(found)
    return Singling(
        inside=Estimate(first / n, clopper_pearson(first, n, confidence), n),
        outside=Estimate(second / n, clopper_pearson(second, n, confidence), n),
        gain=paired_difference(second - both, first - both, n, confidence),
        predicates=n,
        columns=columns,
    )


Predicate = tuple[tuple[int, int, float], ...]
"""Parts that must all hold: column (numbers first), sign (0 equal, 1 at least, -1 at most), value."""


def _made(table: Coded, columns: int, wanted: int, random: np.random.Generator) -> list[Predicate]:
    """Different predicates, each of which holds for one synthetic record."""
    numbers, width = table.numbers.shape[1], table.numbers.shape[1] + table.codes.shape[1]
    middle = np.median(table.numbers, axis=0) if numbers else np.zeros(0)
    found: dict[Predicate, None] = {}
    for _ in range(wanted * TRIES):
        if len(found) == wanted:
            break
        row = int(random.integers(len(table)))
        parts = []
        for column in sorted(random.permutation(width)[: min(columns, width)].tolist()):
            value = _values(table, column)[row]
            sign = 0 if column >= numbers else 1 if value >= middle[column] else -1
            parts.append((column, sign, float(value)))
        if _matching(tuple(parts), table) == 1:
            found[tuple(parts)] = None
    return list(found)


def _values(table: Coded, column: int) -> Floats:
    """A column, numbers first."""
    numbers = table.numbers.shape[1]
    return table.numbers[:, column] if column < numbers else table.codes[:, column - numbers].astype(np.float64)


def _matching(predicate: Predicate, table: Coded) -> int:
    """How many records a predicate holds for."""
    holds = np.ones(len(table), dtype=bool)
    for column, sign, value in predicate:
        values = _values(table, column)
        holds &= values == value if sign == 0 else sign * values >= sign * value
    return int(holds.sum())
