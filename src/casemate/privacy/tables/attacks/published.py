"""What an attacker has before him, and the truth by which he is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.privacy.tables.cells import Cells
from casemate.privacy.tables.hierarchies import Whole
from casemate.privacy.tables.release import Release


@dataclass(frozen=True, eq=False)
class Published:
    """A table that was handed out, and the people it is about.

    Attributes:
        table: (released, columns) the rows. An attacker sees them, and knows how they were made.
        cells: what they say of quasi-identifiers.
        people: (n, columns) everybody's values as they are. An attacker knows some of them.
        kept: (released,) which of the people each row is. No attacker knows.
    """

    table: pd.DataFrame
    cells: Cells
    people: pd.DataFrame
    kept: Whole

    def __post_init__(self) -> None:
        kept = np.asarray(self.kept)
        if len(kept) != len(self.table) or len(self.cells.owner) != len(self.table):
            raise UsageError("rows and the people they are about are not as many", next_step="give one position a row")
        if len(kept) and (kept.min() < 0 or kept.max() >= len(self.people) or len(np.unique(kept)) != len(kept)):
            raise UsageError("rows are about people who are not there, or there twice", next_step="give their table")

    @classmethod
    def after(cls, release: Release, people: pd.DataFrame) -> Published:
        """A release.

        Args:
            release: what was made.
            people: the table that it was made of.

        Raises:
            UsageError: it was made of another table.
        """
        return cls(release.table, release.cells, people, release.kept)

    def before(self) -> Published:
        """The same people's rows as they are: in their order, without any generalization."""
        trees = dict(zip(self.cells.names, self.cells.hierarchies, strict=True))
        columns = [name for name in self.people.columns if name in self.table.columns]
        kept = np.sort(self.kept)
        table = self.people.iloc[kept][columns].reset_index(drop=True)
        return Published(table, Cells.of(table, trees, raw=True), self.people, kept)

    @property
    def others(self) -> tuple[str, ...]:
        """Columns that are released and no quasi-identifiers."""
        return tuple(str(name) for name in self.table.columns if name not in self.cells.names)

    def known(self, names: Sequence[str] | None, more: Sequence[str] = ()) -> Published:
        """The same for an attacker who knows some of the quasi-identifiers, and more columns.

        Args:
            names: quasi-identifiers that he knows; all of them if None.
            more: other released columns that he knows.

        Raises:
            UsageError: a column is missing, or he knows nothing.
        """
        cells = self.cells
        if names is not None:
            unknown = sorted(set(names) - set(cells.names))
            if unknown or not names:
                raise UsageError(
                    f"{unknown[0]!r} is no quasi-identifier" if unknown else "the attacker knows no quasi-identifier",
                    next_step=f"name some of: {', '.join(cells.names)}",
                )
            cells = cells.only([at for at, name in enumerate(cells.names) if name in names])
        return Published(self.table, cells.beside(self.table, more, self.people), self.people, self.kept)

    def victims(self, count: int, seed: int) -> Whole:
        """(count or fewer,) positions of people whose rows are released, drawn without putting back."""
        draw = np.random.default_rng(derive(seed, "tables.victims"))
        return np.sort(draw.permutation(np.sort(self.kept))[:count])
