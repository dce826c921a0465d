"""Re-identification as an assessment: what it says of a table as it is, of what was handed out, and when not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from casemate.core.errors import DataError, UnreadableError
from casemate.core.measurement import Measurement
from casemate.data import infer_schema, to_dataset
from casemate.privacy.tables import levels, publish
from casemate.privacy.tables.assess import Reidentification
from casemate.privacy.tables.audited import handed_out
from casemate.privacy.tables.frames import write_table
from casemate.privacy.tables.options import AnonymizeSection
from casemate.stats import clopper_pearson
from casemate.targets.sklearn import classifier
from casemate.training.engagement import Conclusion, Engagement


def table(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": draw.integers(20, 60, rows),
            "ward": draw.choice(list("ABCD"), rows),
            "income": draw.integers(1, 5, rows) * 1000,
            "outcome": draw.choice(["died", "lived"], rows),
        }
    )


PEOPLE, OTHERS = table(800, 1), table(900, 2)


def engagement(people: pd.DataFrame = PEOPLE, others: pd.DataFrame = OTHERS, **settings: object) -> Engagement:
    schema = infer_schema(people.drop(columns=["outcome"]))
    members = to_dataset(people, name="train", target="outcome", schema=schema)
    nonmembers = to_dataset(others, name="held-out", target="outcome", schema=schema, classes=members.classes)
    model = DummyClassifier().fit(members.features, people["outcome"])
    options = {"tables.linkage": {"target": "outcome", **settings}}
    return Engagement("m", classifier(model, "m"), members, nonmembers, seed=3, effort="quick", options=options)


def concluded(given: Engagement) -> Conclusion:
    mechanism = Reidentification()
    assert mechanism.applies(given) == ""
    return mechanism.conclude(given, {task.id: mechanism.work(given, task) for task in mechanism.tasks(given)})


def named(found: Conclusion, metric: str, kind: str = "") -> list[Measurement]:
    return [each for each in found.measurements if each.metric == metric and each.kind.startswith(kind)]


def test_a_table_as_it_is() -> None:
    found = concluded(engagement())
    held = levels(PEOPLE, ["age", "ward"], ["income", "outcome"])
    (k,) = named(found, "k")
    assert (k.kind, k.estimate, k.n, k.low) == ("data/anonymity", held.k, 800, None)
    assert "inferred: age, ward" in k.note
    assert {each.at["of"]: each.estimate for each in named(found, "l")} == {
        name: held.sensitive[name].distinct for name in ("income", "outcome")
    }
    assert {each.at["of"]: each.estimate for each in named(found, "t")} == {
        "income": held.sensitive["income"].t_ordered,
        "outcome": held.sensitive["outcome"].t_equal,
    }
    sure = named(found, "reidentification", "attack/")[0]
    assert sure.estimate == pytest.approx(held.classes / 800)  # one over the size of the class, for everybody in it
    assert sure.clusters == held.classes
    plain = clopper_pearson(held.classes, 800)
    assert sure.low is not None
    assert sure.high is not None
    assert sure.low < plain.low  # rows of one class are not independent
    (worst,) = named(found, "reidentification", "data/")
    assert (worst.estimate, worst.high) == (sure.estimate, sure.high)
    (beyond,) = named(found, "reidentification_beyond")
    assert beyond.low is not None
    assert beyond.low > worst.estimate
    (singled,) = named(found, "singled_out")
    assert singled.n
    assert not found.pairs


def test_what_was_handed_out_is_attacked_beside_the_table_as_it_is(tmp_path: Path) -> None:
    made = publish(PEOPLE, AnonymizeSection(k=5, limit=0.05, attack=False))
    path = tmp_path / "released.csv"
    path.write_bytes(write_table(made.release.table, ".csv"))
    released, digests = handed_out(path, ",", {})
    given = engagement(**digests).changed(handed_out=released)
    found = concluded(given)
    (k,) = named(found, "k")
    assert k.estimate == made.release.cells.size.min() >= 5
    assert k.note.startswith("the rows as they were released")
    (worst,) = named(found, "reidentification", "data/")
    assert worst.high is not None
    assert worst.high <= 1 / 5 + 0.02
    assert all("as they are" not in each.note for each in found.measurements)
    pair = found.pairs[0]
    assert pair.before.note.startswith("the rows as they are")
    assert pair.before.key == pair.after.key
    assert pair.before.estimate > 0.15 > pair.after.estimate
    assert pair.low < pair.difference == pair.after.estimate - pair.before.estimate < pair.high < 0
    assert named(found, "singled_out")  # 900 strangers are enough for a release of 800
    path.write_text(path.read_text().replace("died", "left"))
    with pytest.raises(UnreadableError, match="was changed"):
        concluded(given)
    path.write_bytes(write_table(made.release.table.drop(columns=["age", "ward"]), ".csv"))
    released, digests = handed_out(path, ",", {})
    with pytest.raises(DataError, match="no quasi-identifier"):
        concluded(engagement(**digests).changed(handed_out=released))
    with pytest.raises(DataError, match="cannot be read"):
        handed_out(path, ",", {"age": str(tmp_path / "absent.csv")})


def test_roles_that_are_declared_count_and_without_any_nothing_is_measured() -> None:
    mechanism = Reidentification()
    alone = engagement(columns={"age": "drop", "ward": "sensitive", "elsewhere": "drop"})
    assert mechanism.applies(alone).startswith("no quasi-identifiers: none is declared in [anonymize.columns]")
    (k,) = named(concluded(engagement(columns={"ward": "quasi", "age": "keep"})), "k")
    assert k.estimate == PEOPLE["ward"].value_counts().min()
    assert "declared: ward" in k.note
    assert "inferred" not in k.note


def test_people_with_many_rows_count_once_and_few_strangers_single_out_fewer() -> None:
    given = engagement(others=OTHERS.head(200))
    people = given.members
    subjects = np.array([f"p{at % 100}" for at in range(800)], dtype=object)
    found = concluded(given.changed(members=type(people)(**{**people.__dict__, "subjects": subjects})))
    (k,) = named(found, "k")
    assert k.n == 100
    (singled,) = named(found, "singled_out")
    assert "of 100 people" in singled.note
