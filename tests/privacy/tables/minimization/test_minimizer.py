"""What a model needs is found, judged on records that had no say, and what it does not need is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from casemate.core.errors import DataError, TargetError, UsageError
from casemate.privacy.tables.minimization import Minimizer
from casemate.privacy.tables.minimization.ladders import ladder
from casemate.privacy.tables.minimization.search import coarsen, lost


def people(rows: int = 6000, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Ill from 60, or from 40 in three of ten jobs; 5 % by chance. Shoe and city have no say."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows),
            "shoe": rng.normal(42, 2, rows),
            "job": rng.choice(list("abcdefghij"), rows),
            "city": pd.Categorical(rng.choice(["Bonn", "Ulm"], rows)),
        }
    )
    ill = (frame["age"] >= 60) | ((frame["age"] >= 40) & frame["job"].isin(["b", "e", "h"]))
    return frame, (ill ^ (rng.random(rows) < 0.05)).to_numpy()


def model() -> object:
    encode = make_column_transformer((OneHotEncoder(), ["job", "city"]), remainder="passthrough")
    return make_pipeline(encode, DecisionTreeClassifier(max_depth=6, random_state=0))


def test_intervals_and_groups_that_matter_are_found() -> None:
    frame, ill = people()
    trained = model().fit(frame[:2000], ill[:2000])
    found = Minimizer(loss=0.02).minimize(trained, frame[2000:], ill[2000:])
    need = {each.column: each for each in found.needs}
    assert found.unused == ("shoe", "city")
    assert need["age"].groups == 3
    assert need["job"].groups == 2
    cuts = [float(each) for each in need["age"].precision.split("from ")[1].split(", ")]
    assert cuts == pytest.approx([40, 60], abs=3)
    assert need["job"].bits < 1 < need["job"].bits_before
    assert found.rows == 2000
    assert found.lost.value < 0.02
    assert found.after.low > 0.85
    assert need["age"].lost.low > 0.1
    assert need["shoe"].lost.value == 0
    told = found.transform(frame)
    assert told.dtypes.to_dict() == frame.dtypes.to_dict()
    assert told.nunique().to_dict() == {"age": 3, "shoe": 1, "job": 2, "city": 1}
    members = told["job"][frame["job"].isin(["b", "e", "h"])].unique()
    assert len(members) == 1
    assert (trained.predict(told[2000:]) == ill[2000:]).mean() == pytest.approx(found.after.value, abs=0.02)
    assert list(found.table["column"]) == list(frame.columns)
    assert "intervals" in str(found)
    loss, unused = found.measurements("ward model")
    assert (loss.kind, loss.metric, unused.metric) == ("data/minimization", "utility_loss", "unused_fields")
    assert (loss.worst, unused.estimate) == (found.lost.high, 2.0)
    assert "<table" in found._repr_html_()


def test_what_the_purpose_does_not_allow_is_left_out_and_its_price_is_told() -> None:
    frame, ill = people()
    found = Minimizer(loss=0.02, allowed=["age", "shoe"], refit=True).minimize(model(), frame, ill)
    need = {each.column: each for each in found.needs}
    assert not need["job"].allowed
    assert not need["job"].needed
    assert found.forbidden.low > 0.02  # more than may be lost, which is counted from there
    assert need["age"].needed
    assert "shoe" in found.unused
    assert "not allowed" in " ".join(found.table["needed"])


def test_refitting_asks_what_must_be_collected() -> None:
    """Two columns that say the same: a trained model uses both, a new one does with either."""
    rng = np.random.default_rng(0)
    one = rng.normal(0, 1, 4000)
    frame = pd.DataFrame({"one": one, "two": one + rng.normal(0, 0.01, 4000)})
    ill = one > 0
    trained = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(frame[:1000], ill[:1000])
    fixed = Minimizer(loss=0.03).minimize(trained, frame[1000:], ill[1000:])
    anew = Minimizer(loss=0.03, refit=True).minimize(trained, frame, ill)
    assert len(anew.unused) == 1
    assert anew.after.low > 0.95
    assert len(fixed.unused) <= 1


def test_nothing_may_be_lost_so_nothing_that_matters_is_given_up() -> None:
    frame, ill = people(2000)
    trained = model().fit(frame, ill)
    found = Minimizer(loss=0.0).minimize(trained, frame, ill)
    assert found.lost.value == 0
    assert found.before.value == found.after.value


def test_breast_cancer_needs_few_bits() -> None:
    """A real table: the figures stand in the how-to."""
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x = x.iloc[:, :10]
    found = Minimizer(loss=0.05, refit=True, seed=1).minimize(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)), x, y
    )
    assert sum(each.bits for each in found.needs) < 0.2 * sum(each.bits_before for each in found.needs)
    assert len(found.unused) >= 5
    assert found.after.value > 0.88


def test_missing_values_stand_apart() -> None:
    rng = np.random.default_rng(1)
    column = pd.Series(np.where(rng.random(500) < 0.2, np.nan, rng.normal(0, 1, 500)), name="x")
    rows = pd.DataFrame({"x": column})
    made = ladder(column, rows, lambda each: each.isna().to_numpy(dtype=float), np.random.default_rng(0))
    for level in range(1, made.top):
        told = made.apply(column, level)
        assert told.isna().tolist() == column.isna().tolist()
    assert made.groups(made.top) == 1
    assert made.apply(column, made.top).nunique(dropna=False) == 1
    assert made.bits[0] > made.bits[1] > made.bits[-1] == 0
    assert "missing" in made.describe(made.top - 1)
    assert made.apply(pd.Series([np.nan, 99.0, -99.0], name="x"), 1).notna().tolist() == [False, True, True]


def test_groups_follow_the_model_and_unseen_values_go_with_the_most_frequent() -> None:
    rng = np.random.default_rng(1)
    column = pd.Series(rng.choice(["a", "b", "c", "d"], 400, p=[0.4, 0.3, 0.2, 0.1]), name="x")
    rows = pd.DataFrame({"x": column})
    made = ladder(column, rows, lambda each: each["x"].isin(["a", "d"]).to_numpy(dtype=float), rng)
    two = next(level for level in range(1, made.top + 1) if made.groups(level) == 2)
    assert made.apply(pd.Series(["a", "b", "c", "d", "z"], name="x"), two).tolist() == ["a", "b", "b", "a", "a"]


def test_a_search_never_loses_more_than_allowed_and_stops_where_no_move_is_left() -> None:
    frame, ill = people(1500)
    trained = model().fit(frame, ill)
    random = np.random.default_rng(0)
    ladders = [ladder(frame[name], frame, trained.predict_proba, random) for name in frame.columns]

    def judge(levels):
        told = {each.name: each.apply(frame[each.name], at) for each, at in zip(ladders, levels, strict=True)}
        return trained.predict(pd.DataFrame(told)) == ill

    levels, steps = coarsen(ladders, judge, (0, 0, 0, 0), 0.03, 0.95)
    exact = judge((0, 0, 0, 0))
    assert lost(exact, judge(levels), 0.95).high <= 0.03
    assert all(step.lost.high <= 0.03 for step in steps)
    for at, each in enumerate(ladders):
        if levels[at] < each.top:
            coarser = (*levels[:at], levels[at] + 1, *levels[at + 1 :])
            assert lost(exact, judge(coarser), 0.95).high > 0.03


def test_bad_input_is_refused() -> None:
    frame, ill = people(300)
    trained = model().fit(frame, ill)
    with pytest.raises(UsageError, match="cannot be lost"):
        Minimizer(loss=1.0)
    with pytest.raises(UsageError, match="no column 'salary'"):
        Minimizer(allowed=["salary"]).minimize(trained, frame, ill)
    with pytest.raises(UsageError, match="no table"):
        Minimizer().minimize(trained, frame.to_numpy(), ill)
    with pytest.raises(DataError, match="too few"):
        Minimizer().minimize(trained, frame[:150], ill[:150])
    with pytest.raises(DataError, match="labels"):
        Minimizer().minimize(trained, frame, ill[:10])

    class Wrong:
        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            return np.zeros((len(rows), 2))

        predict_proba = predict

    with pytest.raises(TargetError, match="shape"):
        Minimizer().minimize(Wrong(), frame, ill)
