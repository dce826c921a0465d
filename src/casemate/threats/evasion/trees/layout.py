"""What the columns of a pipeline's matrix are made from: followed from the table through its fitted transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from casemate.core.errors import TargetError

SCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)
"""One column in, one column out, and never decreasing, in floating point too: they subtract, divide, multiply, add."""


@dataclass(frozen=True)
class Coordinate:
    """A number of the table, whether a cell of it holds one of its categories, or which of them it holds.

    Attributes:
        column: name of the table's column.
        category: the category that it says is there, None for others.
        order: the categories that it numbers from 0, empty for others.
    """

    column: str
    category: Any = None
    order: tuple[Any, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether it is a number of the table."""
        return self.category is None and not self.order


def through(step: Any, layout: list[Coordinate]) -> list[Coordinate]:
    """What the columns are made from after a fitted transformer."""
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return layout
    if isinstance(step, Pipeline):
        for _, inner in step.steps:
            layout = through(inner, layout)
        return layout
    if isinstance(step, ColumnTransformer):
        made = []
        for _, inner, columns in step.transformers_:
            if not (isinstance(inner, str) and inner == "drop"):
                made += through(inner, [layout[at] for at in _positions(columns, layout)])
        return made
    if isinstance(step, SCALERS) or (isinstance(step, FunctionTransformer) and step.func is None):
        return layout
    if isinstance(step, SimpleImputer) and not step.add_indicator and not pd.isna(step.statistics_).any():
        return layout
    if isinstance(step, OneHotEncoder | OrdinalEncoder):
        return _encoded(step, layout)
    raise unread(step, "it is not among the scalers, imputers and encoders of categories that are carried back")


def _encoded(step: OneHotEncoder | OrdinalEncoder, layout: list[Coordinate]) -> list[Coordinate]:
    joins = step.min_frequency is not None or step.max_categories is not None
    drops = isinstance(step, OneHotEncoder) and step.drop is not None
    if joins or drops or any(not each.numeric for each in layout):
        raise unread(step, "it drops or joins categories, or encodes what was encoded before")
    if any(pd.isna(category) for known in step.categories_ for category in known):
        raise unread(step, "a missing value is a category of its own")
    known = [tuple(each.tolist()) for each in step.categories_]
    if isinstance(step, OrdinalEncoder):
        return [Coordinate(each.column, order=order) for each, order in zip(layout, known, strict=True)]
    return [Coordinate(each.column, category) for each, all_ in zip(layout, known, strict=True) for category in all_]


def _positions(columns: Any, layout: list[Coordinate]) -> list[int]:
    """Positions of what a column transformer calls columns: names, numbers, a slice or flags."""
    if isinstance(columns, str | int):
        columns = [columns]
    if isinstance(columns, slice):
        return list(range(len(layout))[columns])
    chosen = list(columns)
    if chosen and isinstance(chosen[0], bool | np.bool_):
        return [at for at, each in enumerate(chosen) if each]
    names = [each.column for each in layout]
    return [names.index(each) if isinstance(each, str) else range(len(layout))[each] for each in chosen]


def unread(step: Any, why: str) -> TargetError:
    """What is said of a pipeline that cannot be followed."""
    return TargetError(
        f"a pipeline with {type(step).__name__} cannot be read as trees over the table",
        cause=why,
        next_step="attack the trees behind it with `TreeAttack` in their own matrix, or use evasion.decision",
    )
