"""A model that uses what its purpose does not allow is found, others are not; spare columns are advised away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from casemate.core.measurement import Measurement
from casemate.core.policy import Policy, Tolerance
from casemate.data import Dataset, infer_schema
from casemate.privacy.tables.purpose.declared import NEEDS, PURPOSE
from casemate.privacy.tables.purpose.limits import Limits
from casemate.privacy.tables.purpose.needs import Needs
from casemate.privacy.tables.purpose.section import PurposeSection
from casemate.targets.answers import AnswerPolicy
from casemate.training.engagement import Engagement
from casemate.training.recipe import SklearnRecipe


def people(rows: int, seed: int) -> Dataset:
    """Ill from 50 on, somewhat more often with a faith that nobody should ask for; shoe size has no say."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows),
            "faith": rng.choice(["a", "b", "c"], rows),
            "shoe": rng.normal(42, 2, rows).round(1),
        }
    )
    ill = rng.random(rows) < 0.05 + 0.7 * (frame["age"] >= 50) + 0.2 * (frame["faith"] == "a")
    return Dataset("people", frame, ill.to_numpy().astype(np.int64), ("0", "1"), infer_schema(frame))


MEMBERS, HELD = people(1500, 1), people(1500, 2)


def engaged(columns: list[str], deep: int = 3, **settings: Any) -> Engagement:
    """A tree on these columns, the others handed to it and never looked at."""
    words = [name for name in columns if name == "faith"]
    numbers = [name for name in columns if name != "faith"]
    chosen = make_column_transformer((OneHotEncoder(), words), ("passthrough", numbers))
    recipe = SklearnRecipe(make_pipeline(chosen, DecisionTreeClassifier(max_depth=deep, random_state=0)))
    return Engagement(
        "tree",
        recipe.fit(MEMBERS, 0),
        MEMBERS,
        HELD,
        recipe,
        seed=5,
        effort="quick",
        options={PURPOSE.id: settings, NEEDS.id: {"allowed": settings.get("allowed")}},
    )


def measured(assessment: Limits | Needs, engagement: Engagement) -> dict[tuple[str, str], Measurement]:
    assert assessment.applies(engagement) == ""
    results = {task.id: assessment.work(engagement, task) for task in assessment.tasks(engagement)}
    found = assessment.conclude(engagement, results).measurements
    assert {each.metric for each in found} <= {each.name for each in assessment.spec.metrics}
    assert {each.kind for each in found} == {"data/minimization"}
    return {(each.metric, str(each.at.get("column", ""))): each for each in found}


def test_a_column_that_is_used_and_not_allowed_is_found() -> None:
    found = measured(Limits(), engaged(["age", "faith"], allowed=["age", "shoe"], precision={}))
    assert found["disallowed_fields", ""].estimate == 1
    assert "used: faith" in found["disallowed_fields", ""].note
    use = found["disallowed_use", "faith"]
    assert use.k is not None
    assert use.low is not None
    assert use.low > 0.1
    assert ("disallowed_use", "shoe") not in found
    loss = found["purpose_loss", ""]
    assert loss.low is not None
    assert loss.high is not None
    assert loss.low <= 0.05 < 0.1 > loss.high  # what the faith is worth, and no more


@pytest.mark.parametrize("columns", [["age"], ["age", "shoe"]])
def test_a_model_that_keeps_to_its_purpose_is_not(columns: list[str]) -> None:
    found = measured(Limits(), engaged(columns, allowed=["age", "shoe"], precision={}))
    assert found["disallowed_fields", ""].estimate == 0
    assert found["disallowed_use", "faith"].k == 0  # it is handed over, and not looked at


def test_a_precision_is_kept_or_found() -> None:
    settings = {"allowed": None, "precision": {"age": 10}}
    found = measured(Limits(), engaged(["age"], **settings))
    assert found["disallowed_fields", ""].estimate == 1
    assert "more precisely than to 10" in found["disallowed_use", "age"].note
    told = HELD.features.assign(age=(HELD.features["age"] / 10).round().astype(int) * 10)
    kept = engaged(["age"], **settings).changed(nonmembers=Dataset("p", told, HELD.labels, HELD.classes, HELD.schema))
    assert measured(Limits(), kept)["disallowed_fields", ""].estimate == 0


def test_use_is_seen_through_labels_alone() -> None:
    engagement = engaged(["age", "faith"], deep=6, allowed=["faith", "shoe"], precision={})
    hidden = engagement.changed(target=engagement.target.answering(AnswerPolicy(top_one=True)))
    assert measured(Limits(), hidden)["disallowed_fields", ""].estimate == 1


def test_columns_that_are_not_needed_are_advised_away() -> None:
    members = make_column_transformer((OneHotEncoder(), ["faith"]), (StandardScaler(), ["age", "shoe"]))
    recipe = SklearnRecipe(make_pipeline(members, LogisticRegression()))  # looks at all three
    engagement = engaged(["age"]).changed(
        target=recipe.fit(MEMBERS, 0),
        recipe=recipe,
        nonmembers=people(3000, 3),
        effort="standard",
        options={NEEDS.id: {"allowed": None}},
    )
    found = measured(Needs(), engagement)
    assert found["unused_fields", ""].note == "need not be collected: shoe"
    assert found["unused_fields", ""].estimate == 1
    age, shoe = found["column_worth", "age"], found["column_worth", "shoe"]
    assert age.low is not None
    assert age.low > 0.1
    assert shoe.low is not None
    assert shoe.high is not None
    assert shoe.low <= 0 <= shoe.high
    assert shoe.high < 0.02
    assert found["needed_bits", "shoe"].estimate == 0
    assert found["needed_bits", "age"].estimate < 5.5  # not each of 72 years
    for metric in ("utility_loss", "retrained_loss"):
        loss = found[metric, ""]
        assert loss.high is not None
        assert loss.high < 0.03


def test_what_is_not_allowed_does_not_use_up_what_may_be_lost() -> None:
    found = measured(Needs(), engaged(["age", "faith", "shoe"], allowed=["faith", "shoe"]))  # age is all there is
    assert "shoe" in found["unused_fields", ""].note
    assert "not allowed" in found["column_worth", "age"].note
    assert found["column_worth", "age"].estimate > 0.1


def test_where_it_does_not_apply() -> None:
    assert "names no columns" in Limits().applies(engaged(["age"]))
    assert "holds no numbers" in Limits().applies(engaged(["age"], precision={"faith": 2}))
    few = engaged(["age"]).changed(nonmembers=HELD.take(np.arange(150)))
    assert "too few" in Needs().applies(few)


def test_a_purpose_brings_its_tolerance_and_settings() -> None:
    purpose = PurposeSection(text="triage", allowed=("age",), precision={"age": 5})
    (tolerance,) = purpose.policy(Policy()).tolerances
    assert (tolerance.metric, tolerance.at_most, tolerance.reason) == ("disallowed_fields", 0, "triage")
    own = Policy(tolerances=(Tolerance(name="mine", kind="data/*", metric="disallowed_fields", at_most=1),))
    assert purpose.policy(own) == own
    options = purpose.options({"data.minimization": {"loss": 0.02}})
    assert options["data.minimization"] == {"loss": 0.02, "allowed": ["age"]}
    assert options["data.purpose"] == {"allowed": ["age"], "precision": {"age": 5}}
    for wrong in ({"precision": {"age": 0}}, {"allowed": ("age",), "precision": {"sex": 1}}):
        with pytest.raises(ValueError, match="precision"):
            PurposeSection(**wrong)
