"""What a model needs of each column, as found and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import UsageError
from casemate.core.measurement import Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.tables.minimization.ladders import Ladder
from casemate.privacy.tables.minimization.search import Levels, Step
from casemate.stats import Estimate

ASSESSMENT: Final = "data.minimization"
OWNER: Final = ThreatModel(
    goal="none: the owner asks which data the model needs",
    knowledge=("records of the population with their labels",),
    access=Access.SCORES,
)


@dataclass(frozen=True)
class Need:
    """What is needed of a column.

    Attributes:
        column: its name.
        level: of its ladder; 0 as it is.
        precision: what is still told, in words.
        groups: how many values are still told apart; None as it is, 1 for nothing.
        bits, bits_before: entropy of what is told, and was.
        allowed: whether the purpose allows the column.
        accuracy: without the column, all others as found.
        lost: accuracy that would be lost if it were left out too, by pairs; about 0 where nothing is told anyway.
    """

    column: str
    level: int
    precision: str
    groups: int | None
    bits: float
    bits_before: float
    allowed: bool
    accuracy: Estimate
    lost: Estimate

    @property
    def needed(self) -> bool:
        """Whether anything of it is."""
        return self.groups != 1


@dataclass(frozen=True, eq=False)
class Minimized:
    """What a model needs, judged on records that had no say in it.

    Attributes:
        needs: of each column.
        before, after: accuracy with everything, and with what is needed.
        lost: the difference, by pairs.
        steps: how it was coarsened.
        judged: (rows,) positions of the records it was judged on.
        forbidden: accuracy lost by leaving out what the purpose does not allow, before anything else.
    """

    needs: tuple[Need, ...]
    before: Estimate
    after: Estimate
    lost: Estimate
    steps: tuple[Step, ...]
    judged: npt.NDArray[np.intp]
    forbidden: Estimate
    ladders: tuple[Ladder, ...]

    @property
    def rows(self) -> int:
        """How many records it was judged on."""
        return len(self.judged)

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns of which nothing is needed, or allowed: they need not be collected."""
        return tuple(each.column for each in self.needs if not each.needed)

    @property
    def table(self) -> pd.DataFrame:
        """One row a column: what is needed of it, and accuracy without it, with its interval."""
        return pd.DataFrame(
            [
                {
                    "column": each.column,
                    "needed": each.precision if each.allowed else "nothing (not allowed)",
                    "bits": each.bits,
                    "bits before": each.bits_before,
                    "accuracy without": each.accuracy.value,
                    "low": each.accuracy.low,
                    "high": each.accuracy.high,
                    "lost": each.lost.value,
                    "lost low": each.lost.low,
                    "lost high": each.lost.high,
                }
                for each in self.needs
            ]
        )

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Records with no more than what is needed: each value replaced by one that stands for its group.

        Raises:
            UsageError: a column is missing.
        """
        check_columns(rows, [each.name for each in self.ladders])
        return generalized(rows, self.ladders, tuple(each.level for each in self.needs))

    def measurements(self, subject: str, seed: int = 0) -> tuple[Measurement, Measurement]:
        """For the record: accuracy lost by what is left out, and how many columns are collected for nothing.

        Args:
            subject: name of the model.
            seed: that was given to the ``Minimizer``.
        """
        loss = Measurement(
            assessment=ASSESSMENT,
            kind=ASSESSMENT.replace(".", "/"),
            metric="utility_loss",
            subject=subject,
            estimate=self.lost.value,
            low=self.lost.low,
            high=self.lost.high,
            n=self.rows,
            k=None,
            confidence=self.lost.interval.confidence,
            method=self.lost.method,
            threat_model=OWNER,
            seed=seed,
        )
        unused = msgspec.structs.replace(
            loss,
            metric="unused_fields",
            estimate=float(len(self.unused)),
            low=None,
            high=None,
            unit="columns",
            method="",
        )
        return loss, unused

    def __str__(self) -> str:
        bits, before = (sum(getattr(each, name) for each in self.needs) for name in ("bits", "bits_before"))
        lines = [f"{each.column}: {each.precision}" for each in self.needs]
        head = f"accuracy {self.after} instead of {self.before}, lost {self.lost}; {bits:.1f} of {before:.1f} bits"
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self).splitlines()[0])}</p>{self.table.round(3).to_html(index=False)}"


def generalized(rows: pd.DataFrame, ladders: Sequence[Ladder], levels: Levels) -> pd.DataFrame:
    """Records with each column at its level."""
    told = {each.name: each.apply(rows[each.name], level) for each, level in zip(ladders, levels, strict=True) if level}
    return rows.assign(**told) if told else rows


def check_columns(rows: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a table that lacks a column.

    Raises:
        UsageError: it does.
    """
    absent = [each for each in names if each not in rows.columns]
    if absent:
        raise UsageError(f"the table has no column {absent[0]!r}", next_step="name columns that are there")
