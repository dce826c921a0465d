"""The input space as a thief sees it: what may be typed into each column, and an encoding in which logits are affine.

The public schema is enough to build it; rows of the attacker's own make the steps fit the population. Every row is held
as a vector of values, one a column: the number itself, or the position of the level of a category; NaN is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import DataError
from casemate.data.schema import Column, Schema

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Field:
    """One column as the thief may fill it.

    Attributes:
        name: the column.
        levels: the values of a category, in order; empty for numbers.
        whole: whether only whole numbers may be typed.
        missing: whether it may be left empty.
        low, high: bounds that queries respect.
        center, scale: a usual value and a usual distance from it.
        dtype: what the model's frame holds, or None when unknown.
    """

    name: str
    levels: tuple[Any, ...] = ()
    whole: bool = False
    missing: bool = False
    low: float = -np.inf
    high: float = np.inf
    center: float = 0.0
    scale: float = 1.0
    dtype: Any = None

    @property
    def width(self) -> int:
        """Encoded dimensions: a number takes one, k levels take k - 1, and one more if it may be missing."""
        known = max(len(self.levels) - 1, 0) if self.levels else int(self.high > self.low)
        return known + int(self.missing)

    def clip(self, values: Floats) -> Floats:
        """The nearest values that may be typed; NaN stays missing."""
        if self.levels:
            return values
        inside = np.clip(values, self.low, self.high)
        return np.clip(np.rint(inside), np.ceil(self.low), np.floor(self.high)) if self.whole else inside

    def encode(self, values: Floats) -> Floats:
        """(n,) values as (n, width) dimensions."""
        empty = np.isnan(values)
        parts: list[Floats] = []
        if self.levels:
            parts.append((values[:, None] == np.arange(1, len(self.levels))).astype(np.float64))
        elif self.high > self.low:
            parts.append(np.where(empty, 0.0, (values - self.center) / self.scale)[:, None])
        if self.missing:
            parts.append(empty[:, None].astype(np.float64))
        return np.concatenate([np.empty((len(values), 0)), *parts], axis=1)

    def moves(self) -> list[float]:
        """For each dimension, the value that moves it alone away from ``center``."""
        if self.levels:
            steps = [float(level) for level in range(len(self.levels)) if level != int(self.center)]
        elif self.high > self.low:
            # Two usual distances away, on the side that has room, and at least one whole number.
            reach = max(2.0 * self.scale, 1.0 if self.whole else 0.0)
            options = self.clip(np.array([self.center + reach, self.center - reach]))
            steps = [float(options[np.argmax(np.abs(options - self.center))])]
        else:
            steps = []
        return [*steps, np.nan] if self.missing else steps

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Plausible values when nothing but the schema is known."""
        if self.levels:
            values = rng.integers(len(self.levels), size=count).astype(np.float64)
        else:
            values = self.clip(self.center + self.scale * rng.standard_normal(count))
        if self.missing:
            values[rng.random(count) < 0.1] = np.nan
        return values

    def column(self, values: Floats) -> pd.Series[Any]:
        """The values as the model expects them."""
        empty = np.isnan(values)
        if not self.levels:
            if self.dtype is not None and self.dtype.kind == "M":
                return pd.Series(pd.to_datetime(values, unit="D"), name=self.name).astype(self.dtype)
            series = pd.Series(values, name=self.name)
            return series if self.dtype is None or empty.any() else series.astype(self.dtype)
        cells = np.empty(len(values), dtype=object)
        cells[:] = [np.nan if hole else self.levels[int(value)] for value, hole in zip(values, empty, strict=True)]
        series = pd.Series(cells, name=self.name)
        holds_holes = empty.any() and self.dtype is not None and self.dtype.kind in "biu"
        return series if self.dtype is None or holds_holes else series.astype(self.dtype)


@dataclass(frozen=True)
class InputSpace:
    """All columns, in the schema's order; ``values`` holds the attacker's own rows, or is None."""

    fields: tuple[Field, ...]
    values: Floats | None = None

    @classmethod
    def of(cls, schema: Schema, own: pd.DataFrame | None = None) -> InputSpace:
        """Build the space from the public schema and, where the attacker has any, rows of its own.

        Args:
            schema: the columns the model takes.
            own: (n, d) rows of the attacker's own, with the schema's columns.

        Raises:
            DataError: ``own`` lacks a column of the schema.

        Example:
            >>> space = InputSpace.of(Schema((Column(name="age", type="integer", low=0, high=120),)))
            >>> space.width
            1
        """
        if own is not None and not set(schema.names) <= set(own.columns):
            raise DataError("the attacker's rows lack columns of the schema", next_step="read them with the schema")
        fields = tuple(_field(column, None if own is None else own[column.name]) for column in schema.columns)
        space = cls(fields)
        return space if own is None or own.empty else cls(fields, space.read(own))

    @property
    def width(self) -> int:
        """d: the number of encoded dimensions."""
        return sum(field.width for field in self.fields)

    @property
    def center(self) -> Floats:
        """(columns,) a usual row."""
        return np.array([field.center for field in self.fields])

    def read(self, rows: pd.DataFrame) -> Floats:
        """(n, columns) values of a frame; levels the schema does not know count as the first one."""
        return np.column_stack([_values(field, rows[field.name]) for field in self.fields])

    def frame(self, values: Floats) -> pd.DataFrame:
        """The frame that asks the model about these values."""
        return pd.DataFrame({field.name: field.column(values[:, j]) for j, field in enumerate(self.fields)})

    def encode(self, values: Floats) -> Floats:
        """(n, columns) values as (n, width) dimensions."""
        return np.concatenate([field.encode(values[:, j]) for j, field in enumerate(self.fields)], axis=1)

    def clip(self, values: Floats) -> Floats:
        """The nearest values that may be typed."""
        return np.column_stack([field.clip(values[:, j]) for j, field in enumerate(self.fields)])

    def moves(self) -> list[tuple[int, float]]:
        """(column, value) pairs; each moves one dimension away from ``center``, together they reach all of them."""
        return [(j, value) for j, field in enumerate(self.fields) for value in field.moves()]

    def sample(self, count: int, rng: np.random.Generator) -> Floats:
        """(count, columns) rows whose columns are drawn independently, from own rows where there are any."""
        if self.values is None:
            return np.column_stack([field.draw(count, rng) for field in self.fields])
        picks = rng.integers(len(self.values), size=(count, len(self.fields)))
        drawn: Floats = np.take_along_axis(self.values, picks, axis=0)
        return drawn

    def corners(self, count: int, rng: np.random.Generator) -> Floats:
        """(count, columns) rows with every number two usual distances up or down, and any level: wide designs."""
        signs = rng.choice([-2.0, 2.0], size=(count, len(self.fields)))
        drawn = np.column_stack([field.draw(count, rng) for field in self.fields])
        numeric = np.array([not field.levels for field in self.fields])
        scale = np.array([field.scale for field in self.fields])
        wide = self.clip(self.center + signs * scale)
        return np.where(numeric & ~np.isnan(drawn), wide, drawn)


def _field(column: Column, own: pd.Series[Any] | None) -> Field:
    """Turn one column of the schema into a field, with the population's usual values where rows are known."""
    dtype = None if own is None else own.dtype
    holes = column.missing or (own is not None and bool(own.isna().any()))
    if column.type in ("category", "boolean"):
        levels = _levels(column, own)
        known = None if own is None else own.dropna()
        usual = 0 if known is None or known.empty else levels.index(known.mode().iloc[0])
        return Field(column.name, levels=levels, missing=holes, center=float(usual), dtype=dtype)
    cells = np.array([]) if own is None else _numbers(own.dropna())
    cells = cells[np.isfinite(cells)]
    low = column.low if column.low is not None else (float(cells.min()) if cells.size else -np.inf)
    high = column.high if column.high is not None else (float(cells.max()) if cells.size else np.inf)
    whole = column.type == "integer" or (dtype is not None and dtype.kind in "iu")
    bounded = np.isfinite(low) and np.isfinite(high)
    center = (
        float(np.median(cells)) if cells.size else ((low + high) / 2.0 if bounded else float(np.clip(0, low, high)))
    )
    spread = float(cells.std()) if cells.size else 0.0
    scale = spread or ((high - low) / 12.0 if bounded and high > low else 1.0)
    made = Field(column.name, (), whole, holes, low, high, center, scale, dtype)
    return Field(column.name, (), whole, holes, low, high, float(made.clip(np.array([center]))[0]), scale, dtype)


def _levels(column: Column, own: pd.Series[Any] | None) -> tuple[Any, ...]:
    """The levels as the model's frame holds them; the schema names them by their text."""
    seen: Sequence[Any] = [] if own is None else sorted(own.dropna().unique().tolist(), key=str)
    if column.type == "boolean":
        if set(seen) <= {0, 1}:
            return (False, True) if all(isinstance(value, bool) for value in seen) else (0, 1)
        return tuple(seen)
    by_text = {str(value): value for value in seen}
    declared = [by_text.pop(text, text) for text in column.categories]
    return (*declared, *by_text.values())


def _numbers(cells: pd.Series[Any]) -> Floats:
    """Numbers as float64; dates as days since 1970."""
    if cells.dtype.kind == "M":
        return cells.to_numpy(dtype="datetime64[s]").astype(np.float64) / 86_400.0
    return cells.to_numpy(dtype=np.float64, na_value=np.nan)


def _values(field: Field, cells: pd.Series[Any]) -> Floats:
    if not field.levels:
        return _numbers(cells)
    position = {level: float(code) for code, level in enumerate(field.levels)}
    return np.array(
        [np.nan if hole else position.get(cell, 0.0) for cell, hole in zip(cells, cells.isna(), strict=True)]
    )
