"""Trees behind scalers and encoders: examples are rows of the table that its schema allows, all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from casemate.core.errors import DataError, TargetError
from casemate.data.schema import Column, Schema
from casemate.threats.evasion import trees
from casemate.threats.evasion.space import violations
from casemate.threats.evasion.trees import Constraints, TableTrees, TreeAttack, TreeRobustness
from tests.threats.evasion.trees.models import KINDS, make
from tests.threats.evasion.trees.test_attack import every_cell

SCHEMA = Schema(
    (
        Column(name="age", type="integer", low=18, high=99, immutable=True),
        Column(name="visits", type="integer", low=0, high=12),
        Column(name="dose", type="number", low=0, high=60),
        Column(name="lab", type="number"),
        Column(name="flag", type="boolean"),
        Column(name="ward", type="category", categories=("a", "b", "c", "d")),
        Column(name="plan", type="category", categories=("x", "y"), immutable=True),
        Column(name="weight", type="number"),
        Column(name="double", type="number", depends_on=("weight",)),
        Column(name="note", type="category"),
    )
)
NUMBERS = ["age", "visits", "dose", "lab", "weight", "double"]
SCALERS = {
    "standard": StandardScaler,
    "box": lambda: MinMaxScaler((-3, 0.1)),
    "largest": MaxAbsScaler,
    "robust": RobustScaler,
    "two": lambda: make_pipeline(StandardScaler(), MinMaxScaler()),
    "imputed": lambda: make_pipeline(SimpleImputer(), StandardScaler()),
    "none": lambda: "passthrough",
}


def table(seed: int, count: int = 120, *, gaps: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of the schema, and what they mean, which hangs on everything a little."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 99, count),
            "visits": rng.integers(0, 13, count),
            "dose": rng.uniform(0, 60, count).round(1),
            "lab": rng.normal(1e3, 30, count),
            "flag": rng.integers(0, 2, count).astype(bool),
            "ward": rng.choice(["a", "b", "c", "d"], count),
            "plan": rng.choice(["x", "y"], count),
            "weight": rng.normal(70, 10, count),
        }
    )
    frame["double"], frame["note"] = 2 * frame["weight"], "unread"
    ward = frame["ward"].map({"a": -1.0, "b": 0.0, "c": 0.5, "d": 1.0})
    parts = [frame["visits"] / 6, frame["dose"] / 30, (frame["lab"] - 1e3) / 30, frame["flag"], ward]
    y = (sum(parts) + rng.normal(0, 0.3, count) > 2.3).to_numpy(dtype=int)
    y[:2] = 0, 1
    if gaps:
        frame.loc[frame.index[::5], "lab"] = np.nan
    return frame, y


ENCODERS = {
    "one-hot": lambda: OneHotEncoder(handle_unknown="ignore"),
    "ordinal": lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "scaled": lambda: make_pipeline(OrdinalEncoder(), StandardScaler()),
}


def pipeline(kind: str, scaler: str, size: int = 6, seed: int = 0, encoder: str = "one-hot") -> Pipeline:
    """Scaled numbers, encoded categories, trees."""
    columns = ColumnTransformer(
        [
            ("numbers", SCALERS[scaler](), NUMBERS),
            ("flags", "passthrough", ["flag"]),
            ("categories", ENCODERS[encoder](), ["ward", "plan"]),
            ("dose again", StandardScaler(), slice(2, 3)),
        ]
    )
    return make_pipeline(columns, make(kind, size, seed))


@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example takes too long to be shrunk
    suppress_health_check=[HealthCheck.too_slow],
)
@example(
    kind="boosting", scaler="imputed", encoder="one-hot", seed=0
)  # one column is imputed, others take no missing values
@given(
    kind=st.sampled_from(["tree", "forest", "boosting", "histogram"]),
    scaler=st.sampled_from(sorted(SCALERS)),
    encoder=st.sampled_from(sorted(ENCODERS)),
    seed=st.integers(0, 10_000),
)
def test_every_example_is_a_row_that_the_schema_allows_and_turns_the_pipeline(
    kind: str, scaler: str, encoder: str, seed: int
) -> None:
    gaps = scaler == "imputed" or kind in ("histogram", "tree", "forest")
    frame, y = table(seed, gaps=gaps)
    model = pipeline(kind, scaler, seed=seed, encoder=encoder).fit(frame, y)
    read = TableTrees.of(model, frame, SCHEMA)
    victims = frame[:8]
    found = TreeAttack(read.constraints, seconds=60)(read, read.rows(victims))
    made = read.frame(found.examples, victims)
    hit = np.isfinite(found.upper)
    assert found.exact.all()
    assert (made.dtypes == victims.dtypes).all()
    assert not violations(SCHEMA, victims, made).any()
    assert (model.predict(made)[hit] != model.predict(victims)[hit]).all()
    np.testing.assert_array_equal(read.rows(made), found.examples)
    pd.testing.assert_frame_equal(read.frame(read.rows(victims), victims), victims)


@settings(max_examples=10, deadline=None)
@given(
    scaler=st.sampled_from(["standard", "box", "robust"]),
    encoder=st.sampled_from(sorted(ENCODERS)),
    seed=st.integers(0, 10_000),
)
def test_the_radius_in_the_tables_units_is_exact(scaler: str, encoder: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.integers(0, 5, 60), "b": rng.normal(size=60), "c": rng.choice(["u", "v", "w"], 60)})
    schema = Schema(
        (Column(name="a", type="integer"), Column(name="b", type="number"), Column(name="c", type="category"))
    )
    columns = ColumnTransformer([("n", SCALERS[scaler](), ["a", "b"]), ("c", ENCODERS[encoder](), ["c"])])
    model = make_pipeline(columns, make("forest", 3, seed)).fit(frame, rng.integers(0, 2, 60))
    read = TableTrees.of(model, frame, schema)
    rows = read.rows(frame[:3])
    found = TreeAttack(read.constraints)(read, rows)
    for row, radius in zip(rows, found.upper, strict=True):
        assert radius == every_cell(read, row, read.constraints)


@pytest.mark.parametrize("kind", KINDS)
def test_a_carried_threshold_is_the_last_number_on_its_left(kind: str) -> None:
    """One step of the float further, and the pipeline's own trees see the other side."""
    frame, y = table(3)
    model = pipeline(kind, "standard").fit(frame, y)
    read = TableTrees.of(model, frame, SCHEMA)
    inside, checked = trees.read(model[-1]), 0
    rule = inside.rule
    for tree, inner in zip(read.ensemble.trees, inside.trees, strict=True):
        for node in np.flatnonzero(tree.feature >= 0):
            column = read.coordinates[tree.feature[node]].column
            if column != "lab":
                continue
            edge = tree.threshold[node]
            some = frame[:1].iloc[[0, 0]].assign(lab=[edge, np.nextafter(edge, np.inf)])
            seen = model[:-1].transform(some)[:, inner.feature[node]].astype(rule.inputs)
            left = seen < inner.threshold[node] if rule.strict else seen <= inner.threshold[node]
            assert left.tolist() == [True, False]
            checked += 1
    assert checked


def test_without_the_tables_rules_examples_are_no_rows_of_it() -> None:
    """What attacking the scaled matrix and turning it back gives: rows that nobody could type in."""
    frame, y = table(1)
    model = pipeline("forest", "standard").fit(frame, y)
    read = TableTrees.of(model, frame, SCHEMA)
    found = TreeAttack(Constraints())(model[-1], model[:-1].transform(frame[:8]))
    scaled = model[0].named_transformers_["numbers"].inverse_transform(found.examples[:, : len(NUMBERS)])
    assert (np.abs(scaled[:, 1] - np.rint(scaled[:, 1])) > 1e-6).any()
    free = TreeAttack(Constraints(one_hot=read.constraints.one_hot))(read, read.rows(frame[:8]))
    assert read.constraints.broken(read.rows(frame[:8]), free.examples).any()


def test_robust_accuracy_is_counted_through_the_pipeline() -> None:
    frame, y = table(2)
    model = pipeline("boosting", "box").fit(frame, y)
    read = TableTrees.of(model, frame, SCHEMA)
    found = TreeRobustness((0.05, 0.5), TreeAttack(read.constraints)).evaluate(read, read.rows(frame[:30]), y[:30])
    assert found.brackets[0].certified >= found.brackets[1].certified


def test_what_is_not_carried_back_is_refused() -> None:
    frame, y = table(0)
    number = frame[["dose", "lab"]]
    for step in (PowerTransformer(), SimpleImputer(add_indicator=True)):
        with pytest.raises(TargetError, match="cannot be read"):
            TableTrees.of(make_pipeline(step, make("tree", 1)).fit(number.mask(number > 1050), y), number, SCHEMA)
    for encoder in (OrdinalEncoder(max_categories=2), OneHotEncoder(drop="first"), OneHotEncoder(max_categories=2)):
        model = make_pipeline(encoder, make("tree", 1)).fit(frame[["ward"]], y)
        with pytest.raises(TargetError, match="cannot be read"):
            TableTrees.of(model, frame[["ward"]], SCHEMA)
    both = ColumnTransformer([("a", OneHotEncoder(), ["ward"]), ("b", OrdinalEncoder(), ["ward"])])
    model = make_pipeline(both, make("tree", 1)).fit(frame, y)
    with pytest.raises(TargetError, match="cannot be read") as caught:
        TableTrees.of(model, frame[["ward"]], SCHEMA)
    assert "two ways" in caught.value.cause
    with pytest.raises(TargetError):
        TableTrees.of(PowerTransformer().fit(number), number, SCHEMA)
    model = make_pipeline(StandardScaler(), make("tree", 1)).fit(number, y)
    with pytest.raises(DataError, match="no rows"):
        TableTrees.of(model, number[:0], SCHEMA)
    with pytest.raises(DataError, match="not in the schema"):
        TableTrees.of(model, number.rename(columns={"lab": 3}), SCHEMA)
    with pytest.raises(DataError, match="float32"):
        TableTrees.of(model, number.astype(np.float32), SCHEMA)


@pytest.mark.parametrize("kind", KINDS)
def test_trees_without_a_pipeline_are_read_over_the_tables_own_columns(kind: str) -> None:
    frame, y = table(4)
    numbers = frame[[*NUMBERS, "flag"]]
    model = make(kind, 6).fit(numbers, y)
    read = TableTrees.of(model, numbers, SCHEMA)
    found = TreeAttack(read.constraints)(read, read.rows(numbers[:8]))
    made = read.frame(found.examples, numbers[:8])
    own = Schema(tuple(column for column in SCHEMA.columns if column.name in numbers.columns))
    assert not violations(own, numbers[:8], made).any()
    hit = np.isfinite(found.upper)
    assert hit.any()
    assert (model.predict(made)[hit] != model.predict(numbers[:8])[hit]).all()


def test_a_column_of_whole_numbers_gets_whole_numbers_whatever_the_schema_calls_it() -> None:
    frame, y = table(6)
    loose = Schema(tuple(Column(name="visits", type="number") if c.name == "visits" else c for c in SCHEMA.columns))
    model = pipeline("forest", "none").fit(frame, y)
    read = TableTrees.of(model, frame, loose)
    found = TreeAttack(read.constraints)(read, read.rows(frame[:12]))
    np.testing.assert_array_equal(read.rows(read.frame(found.examples, frame[:12])), found.examples)


def test_no_example_holds_a_category_that_only_the_encoder_knows() -> None:
    frame, y = table(5)
    narrow = Schema(
        tuple(
            Column(name="ward", type="category", categories=("a", "b")) if c.name == "ward" else c
            for c in SCHEMA.columns
        )
    )
    rows = frame[frame["ward"].isin(["a", "b"])][:12]
    met = set()
    for encoder in ("one-hot", "ordinal"):
        model = pipeline("forest", "none", encoder=encoder).fit(frame, y)
        read = TableTrees.of(model, frame, narrow)
        found = TreeAttack(read.constraints)(read, read.rows(rows))
        made = read.frame(found.examples, rows)
        met |= set(made["ward"])
        assert not violations(narrow, rows, made).any()
        free = TreeAttack(TableTrees.of(model, frame, SCHEMA).constraints)(read, read.rows(rows))
        assert (found.lower >= free.lower).all()
    assert met == {"a", "b"}


def test_rows_that_no_encoder_knows_are_refused() -> None:
    frame, y = table(0)
    coded = TableTrees.of(pipeline("tree", "none", encoder="ordinal").fit(frame, y), frame, SCHEMA)
    with pytest.raises(DataError, match="ward"):
        coded.rows(frame[:2].assign(ward=["a", "z"]))
    assert coded.known(frame[:3].assign(ward=["a", "z", None])).tolist() == [True, False, False]
    read = TableTrees.of(pipeline("tree", "none").fit(frame, y), frame, SCHEMA)
    with pytest.raises(DataError, match="ward"):
        read.rows(frame[:2].assign(ward=["a", "z"]))
    with pytest.raises(DataError, match="ward"):
        read.rows(frame[:2].assign(ward=["a", None]))
    with pytest.raises(DataError, match="does not take"):
        TableTrees.of(pipeline("boosting", "none").fit(frame, y), frame, SCHEMA).rows(frame[:2].assign(lab=np.nan))
    with pytest.raises(DataError, match="beyond"):
        read.rows(frame[:2].assign(lab=[1.0, 1e200]))
