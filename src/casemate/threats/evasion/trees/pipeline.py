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
from sklearn.pipeline import Pipeline

from casemate.core.errors import DataError
from casemate.data.schema import Schema
from casemate.threats.evasion.space import Space
from casemate.threats.evasion.trees.constraints import Check, Constraints, Feature
from casemate.threats.evasion.trees.folding import FARTHEST, Folded
from casemate.threats.evasion.trees.form import Ensemble, Flags, Floats
from casemate.threats.evasion.trees.layout import Coordinate, through, unread
from casemate.threats.evasion.trees.read import PROBES, compare, probes, read


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
        >>> from sklearn.preprocessing import StandardScaler
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
            pipeline: a tree classifier that ``read`` knows, or a scikit-learn Pipeline that ends with one; before it,
                column transformers, scalers, imputers of numbers, one-hot and ordinal encoders of categories.
            frame: (n, ...) rows as the pipeline takes them, for scales and dtypes.
            schema: what the columns mean.

        Raises:
            TargetError: there is something else in it.
            DataError: there are no rows, or a column is not in the schema or is of numbers neither float64 nor whole.
        """
        layout, coordinates = _followed(pipeline, frame, schema)
        before, last = _parts(pipeline)
        inner = read(last)
        place = [coordinates.index(each) for each in layout]
        template = frame[:1].reset_index(drop=True)
        folded = Folded(before, template, layout, inner.rule)
        trees = folded.trees(inner.trees, np.array(place))
        rule = replace(inner.rule, strict=False, inputs="float64", missing=bool(folded.holes))
        ensemble = replace(inner, trees=trees, rule=rule, features=len(coordinates))
        made = cls(pipeline, schema, coordinates, ensemble, _rules(schema, frame, coordinates), template, folded.holes)
        compare(made, ensemble, made._probes(frame))
        return made

    @staticmethod
    def check(pipeline: Any, frame: pd.DataFrame, schema: Schema) -> None:
        """Raise what ``of`` would raise, as far as can be seen without asking the pipeline.

        Raises:
            TargetError, DataError: see ``of``.
        """
        _followed(pipeline, frame, schema)
        read(_parts(pipeline)[1])

    def _probes(self, frame: pd.DataFrame) -> Floats:
        """Rows of the table, with numbers from both sides of thresholds where they need not be whole."""
        known = frame[self.known(frame)]
        if not len(known):
            raise DataError(
                "no row can be read", next_step="give rows of the kind that the pipeline was fitted on, among others"
            )
        rows = self.rows(known[:PROBES])
        near = probes(self.ensemble)[: len(rows)]
        for at, each in enumerate(self.coordinates):
            if each.numeric and self.template[each.column].dtype == np.float64:
                rows[:, at] = np.where(np.isnan(rows[:, at]), rows[:, at], near[:, at])
        return rows

    def known(self, frame: pd.DataFrame) -> Flags:
        """(n,) which rows of a table ``rows`` takes."""
        wrong = np.zeros(len(frame), dtype=bool)
        for flags, _ in self._read(frame)[1]:
            wrong |= flags
        return ~wrong

    def rows(self, frame: pd.DataFrame) -> Floats:
        """(n, d) coordinates of the rows of a table.

        Raises:
            DataError: a cell holds none of the categories that the encoder knows, or an enormous number.
        """
        made, wrong = self._read(frame)
        for flags, error in wrong:
            if flags.any():
                raise error
        return made

    def _read(self, frame: pd.DataFrame) -> tuple[Floats, list[tuple[Flags, DataError]]]:
        """Coordinates, and (n,) where they make no sense, with what is to be said of it."""
        made = np.empty((len(frame), len(self.coordinates)))
        wrong: list[tuple[Flags, DataError]] = []
        for at, each in enumerate(self.coordinates):
            cells = frame[each.column]
            if each.numeric:
                made[:, at] = cells.to_numpy(dtype=np.float64, na_value=np.nan)
                gap = DataError(
                    f"column {each.column!r} misses values that the pipeline does not take",
                    next_step="impute them in the pipeline, or leave those rows out",
                )
                far = DataError(
                    f"column {each.column!r} holds a number beyond {FARTHEST:g}",
                    next_step="clip it, or leave those rows out",
                )
                wrong.append((np.isnan(made[:, at]) & (each.column not in self.holes), gap))
                wrong.append((np.abs(made[:, at]) > FARTHEST, far))
            elif each.order:
                made[:, at] = pd.Index(each.order).get_indexer(cells)
                wrong.append((made[:, at] < 0, _strange(each.column)))
            else:
                made[:, at] = (cells == each.category).to_numpy(dtype=np.float64, na_value=0.0)
        for name, group in _groups(self.coordinates).items():
            wrong.append((made[:, group].sum(axis=1) != 1, _strange(name)))
        return made, wrong

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
            if each.numeric:
                made[each.column] = pd.Series(rows[:, at]).astype(like[each.column].dtype)
            elif each.order:
                chosen = [each.order[int(code)] for code in rows[:, at]]
                made[each.column] = pd.Series(chosen, dtype=like[each.column].dtype)
        for name, group in groups.items():
            known = [self.coordinates[at].category for at in group]
            chosen = [known[at] for at in rows[:, group].argmax(axis=1)]
            made[name] = pd.Series(chosen, dtype=like[name].dtype)
        return made.set_index(like.index) if len(like) == len(rows) else made

    def predict(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.generic]:
        """(n,) the pipeline's own labels for (n, d) coordinates."""
        return np.asarray(self.pipeline.predict(self.frame(np.asarray(rows), self.template)))


def _parts(pipeline: Any) -> tuple[Any, Any]:
    """What comes before the trees, and the trees."""
    if not isinstance(pipeline, Pipeline):
        return _AsTheyAre(), pipeline
    return pipeline[:-1] if len(pipeline.steps) > 1 else _AsTheyAre(), pipeline.steps[-1][1]


class _AsTheyAre:
    """Trees without a pipeline see the table's own columns."""

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame


def _followed(pipeline: Any, frame: pd.DataFrame, schema: Schema) -> tuple[list[Coordinate], tuple[Coordinate, ...]]:
    """What the columns of the trees' matrix are made from, and each of these once."""
    strange = [name for name in frame.columns if name not in schema.names]
    if strange or not len(frame):
        raise DataError(
            f"column {strange[0]!r} is not in the schema" if strange else "there are no rows to take scales from",
            next_step="give rows as the pipeline takes them, and a schema of all their columns",
        )
    layout: list[Coordinate] = [Coordinate(str(name)) for name in frame.columns]
    for _, step in pipeline.steps[:-1] if isinstance(pipeline, Pipeline) else ():
        layout = through(step, layout)
    coordinates = tuple(dict.fromkeys(layout))
    kinds: dict[str, set[tuple[bool, tuple[Any, ...]]]] = {}
    for each in coordinates:
        kinds.setdefault(each.column, set()).add((each.numeric, each.order))
    twice = [name for name, found in kinds.items() if len(found) > 1]
    if twice:
        raise unread(
            pipeline, f"it reads column {twice[0]!r} in two ways, as a number, as categories or in their order"
        )
    _check_cells(frame, coordinates)
    return layout, coordinates


def _rules(schema: Schema, frame: pd.DataFrame, coordinates: tuple[Coordinate, ...]) -> Constraints:
    """The schema's rules for coordinates."""
    general = Constraints.from_schema(schema)
    present = Schema(tuple(column for column in schema.columns if column.name in frame.columns))
    scale = {axis.column: axis.scale for axis in Space.build(present, frame).axes if axis.palette is None}
    rules: dict[int, Feature] = {}
    allowed: dict[int, frozenset[float]] = {}
    for at, each in enumerate(coordinates):
        column = schema[each.column]
        fixed = column.immutable or each.column in schema.linked
        if each.numeric:
            rule = general.features[schema.names.index(each.column)]
            if column.type == "boolean":
                rule = replace(rule, low=0.0, high=1.0)
            whole = rule.integer or pd.api.types.is_integer_dtype(frame[each.column].dtype)
            rules[at] = replace(rule, integer=whole, cost=1 / scale.get(each.column, 1.0))
        elif each.order:
            rules[at] = Feature(0.0, len(each.order) - 1.0, immutable=fixed, integer=True, flat=True)
            known = frozenset(float(code) for code, one in enumerate(each.order) if str(one) in column.categories)
            if column.categories and len(known) < len(each.order):
                allowed[at] = known
        else:
            strange = bool(column.categories) and str(each.category) not in column.categories
            rules[at] = Feature(0.0, 1.0, immutable=fixed or strange)
    groups = _groups(coordinates)
    single = [group[0] for group in groups.values() if len(group) == 1]
    rules.update({at: replace(rules[at], immutable=True) for at in single})
    several = [group for group in groups.values() if len(group) > 1]
    return Constraints(rules, one_hot=several, check=_only(allowed) if allowed else None)


def _only(allowed: dict[int, frozenset[float]]) -> Check:
    """Changed cells hold categories that the schema knows, though the encoder knows more."""

    def check(before: Floats, after: Floats) -> bool:
        return all(after[at] == before[at] or after[at] in codes for at, codes in allowed.items())

    return check


def _groups(coordinates: tuple[Coordinate, ...]) -> dict[str, list[int]]:
    """Positions of the indicators of each column."""
    made: dict[str, list[int]] = {}
    for at, each in enumerate(coordinates):
        if not (each.numeric or each.order):
            made.setdefault(each.column, []).append(at)
    return made


def _check_cells(frame: pd.DataFrame, coordinates: tuple[Coordinate, ...]) -> None:
    for each in coordinates:
        kind = frame[each.column].dtype
        if each.numeric and not (
            pd.api.types.is_bool_dtype(kind) or pd.api.types.is_integer_dtype(kind) or kind == np.float64
        ):
            raise DataError(
                f"column {each.column!r} holds {kind}, which is not carried back exactly",
                next_step="give numbers as float64 or as integers; encode categories within the pipeline",
            )


def _strange(column: str) -> DataError:
    return DataError(
        f"column {column!r} holds a cell without a category that the encoder knows",
        next_step="leave those rows out: nothing is claimed about missing or new categories",
    )
