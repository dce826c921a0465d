"""A pipeline of scalers, encoders and trees as trees over the table itself.

Trees in a pipeline compare scaled and encoded columns, while what an attacker can change, and the rules of it, are in
the table's own units: whole numbers, bounds, categories. So each threshold is carried back through the fitted
transformers to the last number of the table that they still send to its left. Transformers here never decrease and are
asked themselves, rounding included, so that number is found by bisecting all floating-point numbers there are, and the
radius in the table's units is as exact as that of trees alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from casemate.core.errors import DataError, TargetError
from casemate.data.schema import Schema
from casemate.threats.evasion.space import Space
from casemate.threats.evasion.trees.constraints import Constraints, Feature
from casemate.threats.evasion.trees.form import LEAF, Ensemble, Floats, Rule, Tree, Whole
from casemate.threats.evasion.trees.read import PROBES, compare, probes, read

SCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)
"""One column in, one column out, and never decreasing, in floating point too: they subtract, divide, multiply, add."""
FARTHEST = 1e100
"""No larger numbers are asked about: scalers must not overflow on the way."""
NOWHERE = -1.0
"""Threshold of an indicator that never goes left."""


@dataclass(frozen=True)
class Coordinate:
    """A number of the table, or whether a cell of it holds one of its categories.

    Attributes:
        column: name of the table's column.
        category: the category, None for numbers.
    """

    column: str
    category: Any = None


@dataclass(frozen=True)
class TableTrees:
    """Trees over the coordinates of a table, for ``TreeAttack`` and ``TreeRobustness``; made with ``of``.

    Attributes:
        pipeline: the fitted pipeline; the judge of every example.
        schema: what the table's columns mean.
        coordinates: what the columns of ``rows`` are.
        ensemble: the trees over those.
        constraints: the schema's rules for them. The cost of a number is 1 for its interquartile range, that of another
            category is 1.
        template: (1, ...) a row of the table, for columns that the pipeline drops, and for dtypes.
        holes: columns whose cells may be missing.

    Example:
        >>> from sklearn.ensemble import RandomForestClassifier
        >>> from sklearn.pipeline import make_pipeline
        >>> from casemate.data.schema import Column
        >>> from casemate.threats.evasion.trees import TreeAttack
        >>> frame = pd.DataFrame({"age": [20, 30, 40, 50] * 9})
        >>> model = make_pipeline(StandardScaler(), RandomForestClassifier(3)).fit(frame, [0, 0, 1, 1] * 9)
        >>> table = TableTrees.of(model, frame, Schema((Column(name="age", type="integer"),)))
        >>> found = TreeAttack(table.constraints)(table, table.rows(frame[:1]))
        >>> table.frame(found.examples, frame[:1])
           age
        0   36
    """

    pipeline: Any
    schema: Schema
    coordinates: tuple[Coordinate, ...]
    ensemble: Ensemble
    constraints: Constraints
    template: pd.DataFrame
    holes: frozenset[str]

    @classmethod
    def of(cls, pipeline: Any, frame: pd.DataFrame, schema: Schema) -> TableTrees:
        """Read a fitted pipeline.

        Args:
            pipeline: a scikit-learn Pipeline that ends with a tree classifier that ``read`` knows; before it, column
                transformers, scalers, imputers of numbers and one-hot encoders of categories.
            frame: (n, ...) rows as the pipeline takes them, for scales and dtypes.
            schema: what the columns mean.

        Raises:
            TargetError: there is something else in it.
            DataError: there are no rows, or a column is not in the schema or is of numbers neither float64 nor whole.
        """
        strange = [name for name in frame.columns if name not in schema.names]
        if strange or not len(frame):
            raise DataError(
                f"column {strange[0]!r} is not in the schema" if strange else "there are no rows to take scales from",
                next_step="give rows as the pipeline takes them, and a schema of all their columns",
            )
        if not isinstance(pipeline, Pipeline) or len(pipeline.steps) < 2:
            raise _unread(pipeline, "it is not a Pipeline that ends with trees")
        layout: list[Coordinate] = [Coordinate(str(name)) for name in frame.columns]
        for _, step in pipeline.steps[:-1]:
            layout = _through(step, layout)
        coordinates = tuple(dict.fromkeys(layout))
        _check_cells(frame, coordinates)
        inner = read(pipeline.steps[-1][1])
        place = [coordinates.index(each) for each in layout]
        template = frame[:1].reset_index(drop=True)
        folded = _Folded(pipeline[:-1], template, layout, inner.rule)
        trees = folded.trees(inner.trees, np.array(place))
        rule = replace(inner.rule, strict=False, inputs="float64", missing=bool(folded.holes))
        ensemble = replace(inner, trees=trees, rule=rule, features=len(coordinates))
        made = cls(pipeline, schema, coordinates, ensemble, _rules(schema, frame, coordinates), template, folded.holes)
        compare(made, ensemble, made._probes(frame))
        return made

    def _probes(self, frame: pd.DataFrame) -> Floats:
        """Rows of the table, with numbers from both sides of thresholds where they need not be whole."""
        rows = self.rows(frame[:PROBES])
        near = probes(self.ensemble)[: len(rows)]
        for at, each in enumerate(self.coordinates):
            if each.category is None and self.template[each.column].dtype == np.float64:
                rows[:, at] = np.where(np.isnan(rows[:, at]), rows[:, at], near[:, at])
        return rows

    def rows(self, frame: pd.DataFrame) -> Floats:
        """(n, d) coordinates of the rows of a table.

        Raises:
            DataError: a cell holds none of the categories that the encoder knows, or an enormous number.
        """
        made = np.empty((len(frame), len(self.coordinates)))
        for at, each in enumerate(self.coordinates):
            cells = frame[each.column]
            if each.category is None:
                made[:, at] = cells.to_numpy(dtype=np.float64, na_value=np.nan)
                if np.isnan(made[:, at]).any() and each.column not in self.holes:
                    raise DataError(
                        f"column {each.column!r} misses values that the pipeline does not take",
                        next_step="impute them in the pipeline, or leave those rows out",
                    )
                if (np.abs(made[:, at]) > FARTHEST).any():
                    raise DataError(
                        f"column {each.column!r} holds a number beyond {FARTHEST:g}",
                        next_step="clip it, or leave those rows out",
                    )
            else:
                made[:, at] = (cells == each.category).to_numpy(dtype=np.float64, na_value=0.0)
        for name, group in _groups(self.coordinates).items():
            if (made[:, group].sum(axis=1) != 1).any():
                raise DataError(
                    f"column {name!r} holds a cell without a category that the encoder knows",
                    next_step="leave those rows out: nothing is claimed about missing or new categories",
                )
        return made

    def frame(self, rows: npt.NDArray[np.floating], like: pd.DataFrame) -> pd.DataFrame:
        """The table with (n, d) new coordinates, in its own columns and dtypes.

        Args:
            rows: (n, d) coordinates.
            like: (n, ...) the rows that they were made from, or one row for all.
        """
        made = like if len(like) == len(rows) else like.iloc[np.zeros(len(rows), dtype=np.intp)]
        made = made.reset_index(drop=True)
        groups = _groups(self.coordinates)
        for at, each in enumerate(self.coordinates):
            if each.category is None:
                values = pd.Series(rows[:, at])
                made[each.column] = values.astype(like[each.column].dtype)
        for name, group in groups.items():
            known = [self.coordinates[at].category for at in group]
            chosen = [known[at] for at in rows[:, group].argmax(axis=1)]
            made[name] = pd.Series(chosen, dtype=like[name].dtype)
        return made.set_index(like.index) if len(like) == len(rows) else made

    def predict(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.generic]:
        """(n,) the pipeline's own labels for (n, d) coordinates."""
        return np.asarray(self.pipeline.predict(self.frame(np.asarray(rows), self.template)))


class _Folded:
    """Carries thresholds back through fitted transformers."""

    def __init__(self, before: Pipeline, template: pd.DataFrame, layout: list[Coordinate], rule: Rule) -> None:
        self.before, self.template, self.layout, self.rule = before, template, layout, rule
        self.known: dict[str, list[Any]] = {each.column: [] for each in layout if each.category is not None}
        for each in layout:
            if each.category is not None and each.category not in self.known[each.column]:
                self.known[each.column].append(each.category)
        self.numbers = sorted({each.column for each in layout if each.category is None})
        try:
            self.gone: Floats | None = self._seen({name: np.array([np.nan]) for name in self.numbers})[0]
        except ValueError:
            self.gone = None  # the transformers refuse missing values
        whole = np.zeros(len(layout), dtype=bool) if self.gone is None else np.isfinite(self.gone) | rule.missing
        taken = {each.column for each, finite in zip(layout, whole, strict=True) if finite}
        refused = {each.column for each, finite in zip(layout, whole, strict=True) if not finite}
        self.holes = frozenset(taken - refused) & set(self.numbers)

    def trees(self, trees: tuple[Tree, ...], place: Whole) -> tuple[Tree, ...]:
        """Trees over coordinates. ``place`` says which one each column of the matrix is made from."""
        feature, threshold = (
            np.concatenate([getattr(each, name) for each in trees]) for name in ("feature", "threshold")
        )
        inner = feature != LEAF
        carried, number = threshold.copy(), np.array([each.category is None for each in self.layout])
        numbers = np.flatnonzero(inner & number[feature])
        carried[numbers] = self._back(feature[numbers], threshold[numbers])
        ends = {column: self._indicated(column) for column in set(feature[inner & ~number[feature]].tolist())}
        for at in np.flatnonzero(inner & ~number[feature]):
            absent, present = self._left(ends[feature[at]], threshold[[at, at]])
            carried[at] = np.inf if present else 0.5 if absent else NOWHERE
        made, begin = [], 0
        for tree in trees:
            here, nan_left = tree.feature != LEAF, tree.nan_left
            if self.gone is not None:
                value = self.gone[np.where(here, tree.feature, 0)]
                nan_left = np.where(np.isnan(value), nan_left, self._left(value, tree.threshold))
            moved = np.where(here, place[np.where(here, tree.feature, 0)], LEAF)
            mine = carried[begin : begin + len(here)]
            made.append(replace(tree, feature=moved, threshold=mine, nan_left=nan_left))
            begin += len(here)
        return tuple(made)

    def _back(self, columns: Whole, thresholds: Floats) -> Floats:
        """(k,) the largest coordinate that goes left of each threshold of the matrix' columns."""
        most = _order(FARTHEST)
        start, reach = _orders(self._guess(columns, thresholds)), 16
        low, high = start, start
        sure_low, sure_high = np.zeros(len(columns), dtype=bool), np.zeros(len(columns), dtype=bool)
        while not (sure_low & sure_high).all():  # ends: what has come to either end is sure
            low, high = np.maximum(start, reach - most) - reach, np.minimum(start, most - reach) + reach
            sure_low |= self._left(self._at(columns, _numbers(low)), thresholds) | (low == -most)
            sure_high |= ~self._left(self._at(columns, _numbers(high)), thresholds) | (high == most)
            reach = min(reach * 256, most)
        while (low < high).any():  # ends: halves
            middle = (low | high) - ((low ^ high) >> 1)  # their mean, rounded up, without overflow
            left = self._left(self._at(columns, _numbers(middle)), thresholds)
            low, high = np.where(left, middle, low), np.maximum(np.where(left, high, middle - 1), low)
        return np.where(low == most, np.inf, _numbers(low))

    def _guess(self, columns: Whole, thresholds: Floats) -> Floats:
        """(k,) about where the thresholds lie: transformers are nearly straight lines."""
        zero, one = (self._at(columns, np.full(len(columns), each)) for each in (0.0, 1.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (thresholds - zero) / (one - zero)
        return np.where(np.abs(found) <= FARTHEST, found, 0.0)

    def _left(self, value: Floats, threshold: Floats) -> npt.NDArray[np.bool_]:
        with np.errstate(over="ignore"):  # beyond float32 lies infinity, which is compared like any number
            seen = value.astype(self.rule.inputs).astype(np.float64)
        return np.asarray(seen < threshold if self.rule.strict else seen <= threshold)

    def _at(self, columns: Whole, values: Floats) -> Floats:
        """(k,) what the matrix' columns hold where the coordinates they are made from hold (k,) values."""
        given: dict[str, Floats] = {}
        for name in self.numbers:
            mine = np.array([self.layout[column].column == name for column in columns], dtype=bool)
            given[name] = np.where(mine, values, 0.0)
        if not given:
            return np.zeros(len(columns))
        seen: Floats = self._seen(given)[np.arange(len(columns)), columns]
        return seen

    def _indicated(self, column: int) -> Floats:
        """(2,) what a column of the matrix holds where a category is not there, and where it is."""
        each = self.layout[column]
        known = self.known[each.column]
        other = next((one for one in known if one != each.category), each.category)
        made = self.template.iloc[[0, 0]].reset_index(drop=True)
        made[each.column] = pd.Series([other, each.category], dtype=self.template[each.column].dtype)
        seen: Floats = np.asarray(_dense(self.before.transform(made)), dtype=np.float64)[:, column]
        return seen

    def _seen(self, numbers: dict[str, Floats]) -> Floats:
        """(k, m) the matrix for rows with these numbers, and the template's categories."""
        count = len(next(iter(numbers.values()))) if numbers else 1
        made = self.template.iloc[np.zeros(count, dtype=np.intp)].reset_index(drop=True)
        for name, values in numbers.items():
            made[name] = values
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(_dense(self.before.transform(made)), dtype=np.float64)


def _through(step: Any, layout: list[Coordinate]) -> list[Coordinate]:
    """What the columns are made from after a fitted transformer."""
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return layout
    if isinstance(step, Pipeline):
        for _, inner in step.steps:
            layout = _through(inner, layout)
        return layout
    if isinstance(step, ColumnTransformer):
        made = []
        for _, inner, columns in step.transformers_:
            if not (isinstance(inner, str) and inner == "drop"):
                made += _through(inner, [layout[at] for at in _positions(columns, layout)])
        return made
    if isinstance(step, SCALERS) or (isinstance(step, FunctionTransformer) and step.func is None):
        return layout
    if isinstance(step, SimpleImputer) and not step.add_indicator and not pd.isna(step.statistics_).any():
        return layout
    if isinstance(step, OneHotEncoder):
        return _encoded(step, layout)
    raise _unread(step, "it is not among the scalers, imputers and one-hot encoders that are carried back")


def _encoded(step: OneHotEncoder, layout: list[Coordinate]) -> list[Coordinate]:
    rare = step.min_frequency is not None or step.max_categories is not None
    if step.drop is not None or rare or any(each.category is not None for each in layout):
        raise _unread(step, "it drops or joins categories, or encodes what was encoded before")
    if any(pd.isna(category) for known in step.categories_ for category in known):
        raise _unread(step, "a missing value is a category of its own")
    return [
        Coordinate(each.column, category)
        for each, known in zip(layout, step.categories_, strict=True)
        for category in known.tolist()
    ]


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


def _rules(schema: Schema, frame: pd.DataFrame, coordinates: tuple[Coordinate, ...]) -> Constraints:
    """The schema's rules for coordinates."""
    general = Constraints.from_schema(schema)
    scale = {axis.column: axis.scale for axis in Space.build(schema, frame).axes if axis.palette is None}
    rules: dict[int, Feature] = {}
    for at, each in enumerate(coordinates):
        column = schema[each.column]
        if each.category is None:
            rule = general.features[schema.names.index(each.column)]
            if column.type == "boolean":
                rule = replace(rule, low=0.0, high=1.0)
            rules[at] = replace(rule, cost=1 / scale.get(each.column, 1.0))
        else:
            fixed = column.immutable or each.column in schema.linked
            strange = bool(column.categories) and str(each.category) not in column.categories
            rules[at] = Feature(0.0, 1.0, immutable=fixed or strange)
    groups = _groups(coordinates)
    single = [group[0] for group in groups.values() if len(group) == 1]
    rules.update({at: replace(rules[at], immutable=True) for at in single})
    return Constraints(rules, one_hot=[group for group in groups.values() if len(group) > 1])


def _groups(coordinates: tuple[Coordinate, ...]) -> dict[str, list[int]]:
    """Positions of the categories of each column."""
    made: dict[str, list[int]] = {}
    for at, each in enumerate(coordinates):
        if each.category is not None:
            made.setdefault(each.column, []).append(at)
    return made


def _check_cells(frame: pd.DataFrame, coordinates: tuple[Coordinate, ...]) -> None:
    for each in coordinates:
        kind = frame[each.column].dtype
        if each.category is None and not (
            pd.api.types.is_bool_dtype(kind) or pd.api.types.is_integer_dtype(kind) or kind == np.float64
        ):
            raise DataError(
                f"column {each.column!r} holds {kind}, which is not carried back exactly",
                next_step="give numbers as float64 or as integers; encode categories within the pipeline, one-hot",
            )


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if hasattr(matrix, "toarray") else matrix


def _order(value: float) -> int:
    """Position of a number among all of float64, in their order."""
    return int(_orders(np.array([value]))[0])


def _orders(values: Floats) -> Whole:
    bits = values.astype(np.float64).view(np.int64)
    return np.where(bits >= 0, bits, -(bits & 0x7FFF_FFFF_FFFF_FFFF))


def _numbers(positions: Whole) -> Floats:
    sizes = np.abs(positions).view(np.float64)
    return np.asarray(np.where(positions < 0, -sizes, sizes), dtype=np.float64)


def _unread(step: Any, why: str) -> TargetError:
    return TargetError(
        f"a pipeline with {type(step).__name__} cannot be read as trees over the table",
        cause=why,
        next_step="attack the trees behind it with `TreeAttack` in their own matrix, or use evasion.decision",
    )
