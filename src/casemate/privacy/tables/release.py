"""What is released, what holds of it, and what does not."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from casemate.privacy.tables.cells import Cells
from casemate.privacy.tables.hierarchies import Whole
from casemate.privacy.tables.models import Model

ALWAYS = (
    "whoever knows more about a person than the quasi-identifiers named here may still find that person's row",
    "two releases of one table can give away together what neither gives away alone",
)
"""What no model of this room protects against (Ganta, Kasiviswanathan & Smith, KDD 2008)."""


@dataclass(frozen=True, eq=False, repr=False)
class Release:
    """A table generalized so that privacy models hold, and how it came to be.

    Attributes:
        table: the rows that are released, shuffled unless their order was to stay, numbered anew; quasi-identifiers
            hold labels as text where they were generalized.
        kept: (released,) positions of these rows in the table that was given. Not to be handed out.
        cells: what the rows say of their quasi-identifiers, as whoever knows the hierarchies reads them.
        models: what holds.
        quasi_identifiers: the columns that were generalized, and to which level (exact search), or None (Mondrian).
        untouched: columns in no role, released as they are.
        emptied: quasi-identifiers of which nothing is left.
        suppressed: records left out because their class failed.
        classes: sets of rows that no quasi-identifier tells apart.
        loss: what was minimized (exact search), or the mean share of its domain that a label stands for (Mondrian).
        looked, nodes: ways to generalize that were looked at, and that there are; 0 with Mondrian.
        proven: whether no other way loses less.
        bound: no other way loses less than this.
        ordered: whether the rows stand in the order of the table that was given.
    """

    table: pd.DataFrame
    kept: Whole
    cells: Cells
    models: Sequence[Model]
    quasi_identifiers: Mapping[str, int | None]
    untouched: tuple[str, ...]
    emptied: tuple[str, ...]
    suppressed: int
    classes: int
    loss: float
    looked: int = 0
    nodes: int = 0
    proven: bool = False
    bound: float = field(default=0.0)
    ordered: bool = False

    @property
    def holds(self) -> tuple[str, ...]:
        """What is true of the released rows."""
        return tuple(model.statement for model in self.models)

    @property
    def limits(self) -> tuple[str, ...]:
        """What the release does not protect against."""
        as_is = f"not judged, released as they are: {', '.join(self.untouched)}" if self.untouched else ""
        order = "rows stand in their old order: whoever has a list in that order can tell rows apart"
        own = tuple(dict.fromkeys(model.limit for model in self.models))
        return (*own, *ALWAYS, *([order] if self.ordered else []), *([as_is] if as_is else []))

    @property
    def notes(self) -> tuple[str, ...]:
        """How it came to be."""
        heights = {name: tree.height for name, tree in zip(self.cells.names, self.cells.hierarchies, strict=True)}
        named = [
            name
            if level is None
            else f"{name} (as it is)"
            if not level
            else f"{name} (level {level} of {heights[name]})"
            for name, level in self.quasi_identifiers.items()
        ]
        said = [
            f"generalized: {', '.join(named)}",
            f"{len(self.kept)} rows in {self.classes} classes; {self.suppressed} left out, whose classes failed",
        ]
        if self.emptied:
            said.append(f"nothing is left of: {', '.join(self.emptied)}")
        if self.nodes:
            found = "none loses less" if self.proven else f"time was up; none loses less than {self.bound:.6g}"
            said.append(f"loss {self.loss:.6g}, looked at {self.looked} of {self.nodes} generalizations: {found}")
        else:
            said.append(f"loss {self.loss:.6g} by Mondrian, which is not proven to be the least")
        return tuple(said)

    def __repr__(self) -> str:
        parts = (("Holds", self.holds), ("Does not protect", self.limits), ("Made", self.notes))
        return "\n".join(f"{title}:\n" + "\n".join(f"  - {line}" for line in lines) for title, lines in parts)

    def _repr_html_(self) -> str:
        parts = (("Holds", self.holds), ("Does not protect", self.limits), ("Made", self.notes))
        lists = (
            f"<h4>{title}</h4><ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>"
            for title, lines in parts
        )
        return "".join(lists)
