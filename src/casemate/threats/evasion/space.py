"""What an attacker can change in a table's rows, as coordinates: the schema made into geometry.

A coordinate is a column that may change: not immutable, not computed from others, and not one that others are computed
from (nobody can say here how those would have to follow). Numbers keep their value, categories become codes into a
palette of values that really occur. Missing cells stay missing and present cells stay present.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.data.schema import Column, Schema

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]

MISSING = -1.0
"""Code of a missing category."""


@dataclass(frozen=True)
class Axis:
    """One coordinate.

    Attributes:
        column: the column it stands for.
        low, high: inclusive bounds; of codes for categories.
        scale: the change that costs 1: interquartile range of numbers, any change of categories.
        whole: whether values are whole numbers.
        palette: (values,) what the codes of a category stand for, in the column's own dtype; None for numbers.
    """

    column: str
    low: float
    high: float
    scale: float
    whole: bool = False
    palette: Any = None


@dataclass(frozen=True)
class Space:
    """The coordinates of a table. Rows of coordinates are (n, d) float64 arrays without NaN."""

    axes: tuple[Axis, ...]

    @classmethod
    def build(cls, schema: Schema, frame: pd.DataFrame, *, bounded: bool = True) -> Space:
        """The space of a schema, with scales and palettes taken from a sample of rows.

        Args:
            schema: what the columns mean.
            frame: (n, d) rows to take interquartile ranges, observed bounds and occurring categories from.
            bounded: False lifts the bounds of numbers, to compare with attacks that know none.
        """
        axes = [
            axis
            for column in schema.columns
            if not column.immutable and column.name not in schema.linked
            if (axis := _axis(column, frame[column.name], bounded=bounded)) is not None
        ]
        return cls(tuple(axes))

    def __len__(self) -> int:
        return len(self.axes)

    @cached_property
    def scale(self) -> Floats:
        """(d,) change that costs 1."""
        return np.array([axis.scale for axis in self.axes])

    @cached_property
    def categorical(self) -> Flags:
        """(d,) which coordinates are codes."""
        return np.array([axis.palette is not None for axis in self.axes], dtype=bool)

    @cached_property
    def whole(self) -> Flags:
        """(d,) which coordinates hold whole numbers, codes included."""
        return np.array([axis.whole or axis.palette is not None for axis in self.axes], dtype=bool)

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """(d,) lower and (d,) upper bounds."""
        return np.array([axis.low for axis in self.axes]), np.array([axis.high for axis in self.axes])

    def encode(self, frame: pd.DataFrame) -> tuple[Floats, Flags]:
        """Coordinates of rows, and which of them are there at all: (n, d) values with 0 or ``MISSING`` for missing."""
        values = np.zeros((len(frame), len(self)))
        for j, axis in enumerate(self.axes):
            cells = frame[axis.column]
            if axis.palette is None:
                values[:, j] = cells.to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                values[:, j] = pd.Index(axis.palette).get_indexer(pd.Index(cells.array))
        there = np.where(self.categorical, values != MISSING, np.isfinite(values))
        return np.where(there | self.categorical, values, 0.0), there

    def decode(self, frame: pd.DataFrame, rows: Positions, values: Floats, there: Flags) -> pd.DataFrame:
        """Rows of a table with new coordinates, in the table's own columns and dtypes.

        Args:
            frame: the original table.
            rows: (m,) which original row each one starts from.
            values: (m, d) new coordinates.
            there: (m, d) which coordinates the original rows have.
        """
        return Decoder(self, frame)(rows, values, there)

    def legal(self, values: Floats, origin: Floats, movable: Flags) -> Floats:
        """The nearest coordinates that the schema allows: in bounds, whole where whole, unmovable cells untouched."""
        low, high = self.bounds
        inside = np.clip(np.where(self.whole, np.rint(values), values), low, high)
        kept: Floats = np.where(movable & (values != origin), inside, origin)
        return kept

    def cost(self, values: Floats, origin: Floats, norm: float) -> Floats:
        """(n,) how far rows were moved: the norm of changes over scales, where any change of a category counts 1."""
        parts = self.change(values, origin)
        total: Floats = parts.sum(axis=-1) if norm == 1 else np.sqrt((parts**2).sum(axis=-1))
        return total

    def change(self, values: Floats, origin: Floats) -> Floats:
        """(n, d) what each coordinate contributes, before the norm is taken."""
        moved: Floats = np.abs(values - origin) / self.scale
        return np.where(self.categorical, (moved > 0).astype(np.float64), moved)


class Decoder:
    """Makes rows of one table out of coordinates; keeps the table's columns at hand, for it is called often."""

    def __init__(self, space: Space, frame: pd.DataFrame) -> None:
        self.space = space
        self.columns: dict[str, Any] = {str(name): _cells(frame[name]) for name in frame.columns}

    def __call__(self, rows: Positions, values: Floats, there: Flags) -> pd.DataFrame:
        """As ``Space.decode``."""
        data = {name: cells.take(rows) for name, cells in self.columns.items()}
        for j, axis in enumerate(self.space.axes):
            seen, old = there[:, j], data[axis.column]
            if axis.palette is None:
                new = _cast(values[seen, j], old.dtype)
            else:
                new = axis.palette.take(values[seen, j].astype(np.intp))
            if seen.all():
                data[axis.column] = new
            else:
                old[seen] = new
        # Plain objects are handed over as such: pandas would infer text from them.
        return pd.DataFrame(
            {name: pd.Series(cells, dtype=object) if cells.dtype == object else cells for name, cells in data.items()}
        )


def violations(schema: Schema, before: pd.DataFrame, after: pd.DataFrame) -> Flags:
    """Which changed rows break the schema, checked on the tables themselves and not on coordinates.

    A row breaks it when a changed cell is out of bounds, not whole where it must be, or a value outside the categories;
    when an immutable cell, or one tied to others by ``depends_on``, changed at all; when a cell appeared or vanished;
    or when columns or dtypes differ.

    Args:
        schema: what the columns mean.
        before: (n, d) rows before the attack.
        after: (n, d) the same rows after it.

    Returns:
        (n,) True where a row breaks the schema.
    """
    if list(before.columns) != list(after.columns) or any(before.dtypes != after.dtypes):
        return np.ones(len(before), dtype=bool)
    broken = np.zeros(len(before), dtype=bool)
    for column in schema.columns:
        old, new = before[column.name].reset_index(drop=True), after[column.name].reset_index(drop=True)
        was, now = old.notna().to_numpy(), new.notna().to_numpy()
        changed = np.zeros(len(old), dtype=bool)
        both = was & now
        changed[both] = old[both].to_numpy(dtype=object) != new[both].to_numpy(dtype=object)
        broken |= was != now
        if column.immutable or column.name in schema.linked or column.type == "date":
            broken |= changed
        elif column.type in {"number", "integer"}:
            values = new[changed].to_numpy(dtype=np.float64)
            bad = ~np.isfinite(values)
            bad |= (values < column.low) if column.low is not None else False
            bad |= (values > column.high) if column.high is not None else False
            bad |= (values != np.rint(values)) if column.type == "integer" else False
            broken[np.flatnonzero(changed)[bad]] = True
        else:
            allowed = set(column.categories) or set(old[was].astype(str))
            broken[changed] |= ~new[changed].astype(str).isin(allowed).to_numpy(dtype=bool)
    return broken


def _axis(column: Column, cells: pd.Series, *, bounded: bool) -> Axis | None:
    """The coordinate of a column, or None where nothing could be changed to anything else."""
    if column.type in {"category", "boolean"}:
        return _category(column, cells)
    if column.type not in {"number", "integer"}:
        return None
    known = cells.dropna().to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    low = float(known.min()) if column.low is None else column.low
    high = float(known.max()) if column.high is None else column.high
    spread = float(np.subtract(*np.quantile(known, [0.75, 0.25]))) or high - low
    if spread <= 0:
        return None
    whole = column.type == "integer"
    if not bounded:
        return Axis(column.name, -np.inf, np.inf, spread, whole)
    return Axis(column.name, np.ceil(low) if whole else low, np.floor(high) if whole else high, spread, whole)


def _category(column: Column, cells: pd.Series) -> Axis | None:
    values = cells.dropna().drop_duplicates()
    if column.categories:
        values = values[values.astype(str).isin(column.categories)]
    values = values.iloc[np.argsort(values.astype(str).to_numpy(dtype=object), kind="stable")]
    if len(values) < 2:
        return None
    return Axis(column.name, 0.0, float(len(values) - 1), 1.0, palette=_cells(values))


def _cells(column: pd.Series) -> Any:
    """The values of a column: a plain array where its dtype is numpy's, else pandas' own."""
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def _cast(values: Floats, dtype: Any) -> Any:
    """Numbers in the dtype of their column."""
    kind = getattr(dtype, "numpy_dtype", dtype)
    if isinstance(kind, np.dtype) and kind.kind in "iu":
        values = np.rint(values)
    return values.astype(kind) if isinstance(dtype, np.dtype) else pd.array(values, dtype="float64").astype(dtype)
