"""``casemate train --shards`` and ``casemate erase``: a person is taken out, and signed evidence says so."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from casemate.audit.config import read_config
from casemate.audit.engage import open_engagements
from casemate.audit.forgetting import look, measured
from casemate.core.measurement import Measurement
from casemate.core.observer import Silent
from casemate.custody import open_model
from casemate.data import Dataset, infer_schema
from casemate.privacy.erasure import Influence, ShardedClassifier, SubjectKey
from tests.audit.scene import Scene
from tests.audit.test_train import statement


def test_a_person_is_taken_out_of_a_model_in_shards(scene: Scene) -> None:
    assert "not made of shards" in scene.casemate("erase", "patient0007").stderr
    done = scene.casemate("train", "--shards", "4")
    assert done.returncode == 0, done.stderr
    old = open_model(scene.folder / "linear.shards.joblib").model
    scene.edit('path = "linear.joblib"', 'path = "linear.shards.joblib"')
    train = scene.table("train")
    who = str(train["patient"][5])
    done = scene.casemate("erase", who)
    assert done.returncode == 0, done.stderr
    assert "no row of theirs is in any shard" in done.stdout
    assert "1 of 4 shards trained again" in done.stdout
    new = open_model(scene.folder / "linear.shards.erased.joblib").model
    assert new.digest != old.digest

    (signed,) = scene.folder.glob("*.evidence.json")
    said = statement(signed, scene.home)
    model = (scene.folder / "linear.shards.erased.joblib").read_bytes()
    assert said["subject"][0]["digest"]["sha256"] == hashlib.sha256(model).hexdigest()
    assert said["predicateType"] == "urn:casemate:privacy/unlearning:1"
    assert said["predicate"]["verified"]
    removal = said["predicate"]["removal"]
    assert (removal["model_before"], removal["model_after"]) == (old.digest, new.digest)
    key = SubjectKey.open(scene.home / "subjects.key")
    assert removal["subjects"] == [key.commitment(who)]  # who has the key can tell whose removal this was
    assert who not in str(said)
    assert {row["metric"] for row in said["predicate"]["measurements"]} >= {"deletion_verified", "retain_accuracy_loss"}

    scene.edit("linear.shards.joblib", "linear.shards.erased.joblib")
    other = str(train["patient"][6])
    refused = scene.casemate("erase", other)  # the data still hold the first
    assert refused.returncode == 3
    assert "still in these rows" in refused.stderr
    scene.write("train", train[train["patient"] != who])
    assert scene.casemate("erase", other).returncode == 0
    assert len(list(scene.folder.glob("*.evidence.json"))) == 2


def test_an_audit_can_make_models_like_one_in_shards(scene: Scene) -> None:
    assert scene.casemate("train", "--shards", "2").returncode == 0
    scene.edit('path = "linear.joblib"', 'path = "linear.shards.joblib"')
    (engagement,) = open_engagements(read_config(scene.config), Silent()).engagements.values()
    assert engagement.recipe is not None
    first, second = (engagement.recipe.fit(engagement.members, 7) for _ in range(2))
    assert first.model.digest == second.model.digest


def test_what_cannot_be_erased_is_refused_and_nothing_is_written(scene: Scene) -> None:
    assert scene.casemate("train", "--shards", "4").returncode == 0
    assert scene.casemate("train", "--dp", "--delta", "0").returncode == 0
    scene.edit('path = "linear.joblib"', 'path = "linear.shards.joblib"')
    for words, said in (
        ((), "nobody is to be removed"),
        (("patient9999",), "1 of 1 subjects have no rows"),
        (("patient0001", "--model", "other"), "no model 'other'"),
        (("patient0001", "--key", "missing.key"), "cannot be opened"),
    ):
        done = scene.casemate("erase", *words)
        assert done.returncode == 3
        assert said in done.stderr
        assert "patient9999" not in done.stderr
    scene.edit('path = "linear.shards.joblib"', 'path = "linear.privacy.dp.joblib"')
    done = scene.casemate("erase", "patient0001")
    assert done.returncode == 3
    assert "no deletion" in done.stderr
    scene.edit('subject = "patient"\n', "")
    assert "whose row" in scene.casemate("erase", "patient0001").stderr
    assert "whose row" in scene.casemate("train", "--shards", "4").stderr
    assert "in shards are not built" in scene.casemate("train", "--dp", "--shards", "4").stderr
    assert not list(scene.folder.glob("*erased*"))


def people(n: int, seed: int) -> Dataset:
    """Noise with labels that have nothing to do with it: what a forest knows of it, it knows by heart."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.normal(size=(n, 5)), columns=list("abcde"))
    who = np.array([f"{seed}-{at // 2}" for at in range(n)], dtype=object)
    return Dataset("people", features, rng.integers(0, 2, n), ("0", "1"), infer_schema(features), who)


def test_an_attack_finds_subjects_before_and_no_more_after() -> None:
    members, strangers = people(800, 1), people(800, 2)
    key = SubjectKey(b"k" * 32)
    model = ShardedClassifier(RandomForestClassifier(20), 4, key=key)
    model.fit(members.features, members.labels, members.subjects)
    gone = [f"1-{at}" for at in range(100)]
    theirs = members.take(np.isin(members.subjects, gone))
    before = look(model, theirs, strangers)
    removal = model.remove(gone)
    after = look(model, theirs, strangers)
    found = measured(removal, before, after, "forest", model.verify(removal))

    def figure(metric: str, **at: Any) -> Measurement:
        (one,) = [each for each in found if each.metric == metric and each.at == at]
        return one

    for adversary in ("answers", "shards"):
        was = figure("forget_set_membership_auc", adversary=adversary, when="before")
        now = figure("forget_set_membership_auc", adversary=adversary, when="after")
        assert was.low is not None
        assert now.low is not None
        assert now.high is not None
        assert was.low > 0.7
        assert now.low <= 0.5 <= now.high
    kept = figure("removal_auc", adversary="kept model")
    assert kept.low is not None
    assert kept.low > 0.7  # whoever kept the old model sees who is gone
    assert figure("deletion_verified").estimate == 1
    assert {each.kind for each in found} == {"privacy/unlearning", "data/deletion"}
    failed = measured(removal, before, before, "forest", ("a shard is wrong",))
    assert next(each for each in failed if each.metric == "deletion_verified").estimate == 0
    residual = next(each for each in failed if each.metric == "residual_membership")
    assert residual.low is not None
    assert residual.low > 0.4  # nothing was forgotten


def test_the_influence_of_a_subject_on_a_private_model_is_bounded() -> None:
    one, three = Influence(1.0, 0.0), Influence(1.0, 1e-5, rows=3)
    assert one.most_tpr(0.01) == pytest.approx(np.e * 0.01)
    assert three.group == pytest.approx((3.0, (np.e**2 + np.e + 1) * 1e-5))  # Vadhan 2017, lemma 2.2, summed
    assert Influence(50.0, 0.0).most_tpr(0.01) == pytest.approx(1.0)
    assert Influence(0.0, 0.0).most_tpr(0.3) == pytest.approx(0.3)
    with pytest.raises(Exception, match="bound nothing"):
        Influence(-1.0, 0.0)
