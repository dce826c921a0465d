"""A removal gives the model that would have been trained without the subject; evidence fails when a row is left in."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

from casemate.core.errors import CasemateError, DataError, UsageError
from casemate.custody import open_model
from casemate.privacy.erasure import ShardedClassifier, SubjectKey
from casemate.privacy.erasure.manifests import Manifest, fingerprint, left_in, shared

KEY = SubjectKey(b"k" * 32)
X, Y = load_breast_cancer(return_X_y=True)
WHO = np.array([f"person {at // 2}" for at in range(len(X))])  # two rows each
FRAME = pd.DataFrame({"size": X[:, 0], "texture": X[:, 1], "kind": np.where(X[:, 2] > 90, "a", "b")})
ESTIMATORS = {
    "linear": (make_pipeline(StandardScaler(), LogisticRegression()), X),
    "forest": (RandomForestClassifier(10), X),
    "boosted": (HistGradientBoostingClassifier(max_iter=5), X),
    "labels only": (LinearSVC(), X / X.max(axis=0)),
    "frame": (
        make_pipeline(
            make_column_transformer((StandardScaler(), ["size", "texture"]), (OneHotEncoder(), ["kind"])),
            LogisticRegression(),
        ),
        FRAME,
    ),
}


def rows(x: Any, at: Any) -> Any:
    return x[at] if isinstance(x, np.ndarray) else x.loc[at].reset_index(drop=True)


def made(name: str = "linear", shards: int = 4, **options: Any) -> ShardedClassifier:
    estimator, x = ESTIMATORS[name]
    return ShardedClassifier(estimator, shards, key=KEY, **options).fit(x, Y, WHO)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_left_is_the_model_that_never_saw_the_subject(name: str) -> None:
    model, x = made(name), ESTIMATORS[name][1]
    before = [fingerprint(each) for each in model.estimators_]
    gone = ["person 3", "person 100", "person 7"]
    removed = model.remove(gone)
    never = ShardedClassifier(ESTIMATORS[name][0], 4, key=KEY)
    keep = ~np.isin(WHO, gone)
    never.fit(rows(x, keep), Y[keep], WHO[keep])
    assert never.digest == model.digest == removed.model_after != removed.model_before
    assert np.array_equal(never.predict(x), model.predict(x))
    assert [each["data"] for each in never.shards_] == [each["data"] for each in model.shards_]
    concerned = set(model.shard_of(gone).tolist())
    assert {change.shard for change in removed.changes} == concerned
    untouched = [at for at in range(4) if at not in concerned]
    assert untouched
    assert all(fingerprint(model.estimators_[at]) == before[at] for at in untouched)
    assert removed.verified
    assert len(removed.rows) == 6
    assert model.verify(removed) == ()


def test_one_after_the_other_is_all_at_once() -> None:
    first, second = made(), made()
    first.remove("person 3")
    first.remove(["person 9"])
    second.remove(["person 9", "person 3"])
    assert first.digest == second.digest
    assert set(first.removed_) == set(second.removed_)


def test_shards_follow_a_keyed_hash_of_the_subject_alone() -> None:
    model = made()
    known = model.shard_of(WHO)
    assert (known[::2][: len(known[1::2])] == known[1::2]).all()  # all rows of a person in one
    few = ShardedClassifier(LogisticRegression(max_iter=5000), 4, key=KEY).fit(X[:200], Y[:200], WHO[:200])
    assert (few.shard_of(WHO[:200]) == known[:200]).all()  # whoever else is there
    other = ShardedClassifier(LogisticRegression(), 4, key=SubjectKey(b"o" * 32)).shard_of(WHO)
    assert abs((known == other).mean() - 0.25) < 0.1  # another key says nothing about it
    many = np.bincount([KEY.shard(at, 8) for at in range(8000)], minlength=8)
    assert ((many - 1000) ** 2 / 1000).sum() < 24.3  # chi-square with 7 degrees of freedom, 1 in 1,000
    assert KEY.commitment("7") == KEY.commitment(7) == KEY.commitment(np.float64(7.0)) != KEY.commitment("8")


def test_neither_key_nor_people_are_in_what_is_saved(tmp_path: Path) -> None:
    model = made("forest")
    removed = model.remove("person 3")
    assert "person" not in repr(removed)
    joblib.dump(model, tmp_path / "model.joblib")
    data = (tmp_path / "model.joblib").read_bytes()
    assert b"k" * 32 not in data
    assert b"person" not in data
    assert b"k" * 32 not in pickle.dumps(clone(model))
    assert "kkkk" not in repr(model)
    loaded = open_model(tmp_path / "model.joblib").model  # through the load guard
    assert loaded.digest == model.digest
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    with pytest.raises(UsageError, match="no subject key"):
        loaded.attach(X, Y, WHO)
    loaded.key = KEY
    with pytest.raises(UsageError, match="no rows to train on again"):
        loaded.remove("person 8")
    with pytest.raises(DataError, match="1 subjects that were removed"):
        loaded.attach(X, Y, WHO)
    keep = WHO != "person 3"
    changed = X[keep].copy()
    changed[0, 0] += 1e-9
    with pytest.raises(DataError, match="1 of 4 shards were trained on other rows"):
        loaded.attach(changed, Y[keep], WHO[keep])
    again = loaded.attach(X[keep], Y[keep], WHO[keep]).remove("person 8")
    assert again.verified
    assert loaded.digest == model.remove("person 8").model_after == again.model_after


def test_a_row_that_is_left_in_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model, honest = made(), ShardedClassifier.check_removal

    def forgetful(self: ShardedClassifier, subjects: object) -> Any:
        gone, leaves, concerned = honest(self, subjects)
        leaves[np.flatnonzero(leaves)[0]] = False  # the planted bug
        return gone, leaves, concerned

    monkeypatch.setattr(ShardedClassifier, "check_removal", forgetful)
    removed = model.remove("person 3")
    assert removed.left == 1
    assert not removed.verified
    assert "FAILED" in str(removed)
    assert "rows of a removed subject are in the data" in model.verify(removed)


def test_a_shard_that_was_not_trained_again_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model, honest = made(), ShardedClassifier._trained
    old = list(model.estimators_)

    def lazy(self: ShardedClassifier, shard: int, given: Any) -> Any:
        return honest(self, shard, given)._replace(estimator=old[shard])  # says so, and keeps the old one

    with monkeypatch.context() as patched:
        patched.setattr(ShardedClassifier, "_trained", lazy)
        removed = model.remove("person 3")
    assert removed.verified  # its data are right
    (wrong,) = model.verify(removed)
    assert "is not the model that the remaining rows give" in wrong


def test_rows_of_others_that_equal_a_removed_one_stay_and_are_counted() -> None:
    mine, theirs = "a" * 64, "b" * 64
    before = [Manifest((mine, theirs), ("1" * 64, "1" * 64)), Manifest((theirs,), ("2" * 64,))]
    removed = Manifest((mine,), ("1" * 64,))
    assert shared(removed, before) == 1
    assert left_in(removed, before, [Manifest((theirs,), ("1" * 64,)), before[1]]) == 0
    assert left_in(removed, before, before) == 1
    relabeled = [Manifest((theirs, theirs), ("1" * 64, "1" * 64)), before[1]]
    assert left_in(removed, before, relabeled) == 1  # the row itself, said to be somebody else's


@pytest.mark.parametrize(
    ("subjects", "said"),
    [
        ("nobody", "1 of 1 subjects have no rows"),
        (["person 1", "person 9999"], "the first is number 2"),
        ([], "nobody is to be removed"),
        (sorted(set(WHO)), "4 shards would have no rows"),
        (sorted(set(WHO[Y == 0])), "classes would have no rows"),
        ([None], "a row has no subject"),
    ],
)
def test_bad_requests_leave_the_model_as_it_is(subjects: Any, said: str) -> None:
    model = made()
    before = model.digest, list(model.removed_), [dict(each) for each in model.shards_]
    with pytest.raises(CasemateError, match=said) as caught:
        model.remove(subjects)
    assert "9999" not in str(caught.value)  # whose name it was is not repeated
    assert (model.digest, model.removed_, model.shards_) == before
    assert model.remove("person 1").verified


def test_a_failure_in_the_middle_leaves_the_model_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model, honest, calls = made(), ShardedClassifier._trained, io.StringIO()
    before = model.digest

    def failing(self: ShardedClassifier, shard: int, given: Any) -> Any:
        if calls.write("x") and len(calls.getvalue()) > 1:
            raise MemoryError
        return honest(self, shard, given)

    with monkeypatch.context() as patched:
        patched.setattr(ShardedClassifier, "_trained", failing)
        with pytest.raises(MemoryError):
            model.remove([f"person {at}" for at in range(9)])
    assert model.digest == before
    assert model.removed_ == []
    assert model.remove("person 1").verified


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": None}, "there is no subject key"),
        ({"key": b"k" * 32}, "a bytes is no subject key"),
        ({"shards": 0}, "0 shards"),
        ({"shards": 5000}, "shards have no rows"),
    ],
)
def test_what_cannot_be_trained(options: dict[str, Any], said: str) -> None:
    with pytest.raises(CasemateError, match=said):
        ShardedClassifier(LogisticRegression()).set_params(**{"key": KEY, **options}).fit(X, Y, WHO)
    with pytest.raises(DataError, match="do not fit each other"):
        ShardedClassifier(LogisticRegression(), key=KEY).fit(X, Y, WHO[:-1])
    with pytest.raises(DataError, match="a row has no subject"):
        ShardedClassifier(LogisticRegression(), key=KEY).fit(X, Y, [None, *WHO[1:]])


def test_a_removed_subject_is_not_removed_twice() -> None:
    model = made()
    model.remove("person 3")
    with pytest.raises(UsageError, match="1 of them were removed before"):
        model.remove("person 3")


def test_shards_without_a_class_take_part() -> None:
    x, y = load_iris(return_X_y=True)
    model = ShardedClassifier(LogisticRegression(max_iter=500), 40, key=KEY).fit(x, y)
    assert any(len(each.classes_) < 3 for each in model.estimators_)
    assert np.allclose(model.predict_proba(x).sum(axis=1), 1)
    assert (model.predict(x) == y).mean() > 0.8


def test_keys_lie_in_files_of_their_own(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    key = SubjectKey.create(tmp_path / "subjects.key")
    assert SubjectKey.open(tmp_path / "subjects.key").commitment("a") == key.commitment("a") != KEY.commitment("a")
    (tmp_path / "subjects.key").write_text("casemate/subjects/1 00\n")
    with pytest.raises(CasemateError, match="holds no subject key"):
        SubjectKey.open(tmp_path / "subjects.key")
    with pytest.raises(UsageError, match="32 bytes"):
        SubjectKey(b"short")


@pytest.mark.filterwarnings("ignore")
def test_it_is_an_estimator_as_scikit_learn_checks_them() -> None:
    found = check_estimator(ShardedClassifier(LogisticRegression(), 2, key=KEY), on_fail=None, on_skip=None)
    assert {each["check_name"] for each in found if each["status"] not in ("passed", "skipped")} == set()
    assert len(found) > 40
