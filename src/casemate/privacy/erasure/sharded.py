"""A classifier made of shards that never see each other's subjects, so that a subject can be taken out again exactly.

Each subject belongs to one of some shards, by a keyed hash of its id, with all of its rows. On each shard a model of
its own is trained; answers are the mean of their probabilities, or their majority. To remove a subject, its shard is
trained again on what remains. That is the model, bit by bit, that training all anew without the subject would give: the
order of the other rows, the shard of everybody else and every seed depend on nothing that the subject brought.

This holds only if all is inside: preprocessing that learns (scaling, encoding, selection) has to be part of the
estimator that is sharded, not stand in front of it, and hyper-parameters that were tuned on the removed rows still know
them.

Reference:
    Bourtoule et al. 2021, "Machine Unlearning" (SISA), IEEE S&P, arXiv 1912.03817: sharding and aggregation (sections
    IV-A, IV-B). Slices, for estimators that can be trained on, are not built.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.dummy import DummyClassifier
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from casemate.core.errors import DataError, UsageError
from casemate.core.seeds import derive
from casemate.privacy.erasure.manifests import Manifest, fingerprint, left_in, shared
from casemate.privacy.erasure.parts import Part, Rows
from casemate.privacy.erasure.removal import Removal, ShardChange
from casemate.privacy.erasure.subjects import SubjectKey, named
from casemate.training.recipe import seeded

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


def _all_give_scores(model: ShardedClassifier) -> bool:
    parts: Sequence[Any] = getattr(model, "estimators_", None) or [model.estimator]
    return all(hasattr(each, "predict_proba") for each in parts)


class ShardedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn's
    """An ensemble over shards of subjects, from which subjects can be removed.

    Args:
        estimator: a scikit-learn classifier or pipeline; every shard gets a clone.
        shards: how many. More make a removal cheaper and the model worse: each learns from its own rows only.
        key: of commitments to subjects; needed to train, to remove, and to verify, not to predict.
        random_state: a whole number; every ``random_state`` of the estimator is derived from it, one a shard.

    Attributes:
        estimators_: fitted clones, one a shard.
        classes_: (classes,) labels.
        shards_: what each shard was trained on: rows, digests, CPU seconds.
        removed_: commitments to the subjects that were removed.

    Neither the key nor the rows are saved with the model; ``attach`` gives them back to one that was loaded.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> x, y = load_iris(return_X_y=True)
        >>> model = ShardedClassifier(LogisticRegression(max_iter=500), shards=4, key=SubjectKey(bytes(32)))
        >>> removed = model.fit(x, y).remove([7, 80])
        >>> removed.verified, len(removed.rows), len(removed.changes)
        (True, 2, 2)

    Reference:
        Bourtoule et al. 2021, arXiv 1912.03817, sections IV-A and IV-B.
    """

    def __init__(
        self, estimator: Any, shards: int = 8, *, key: SubjectKey | None = None, random_state: int = 0
    ) -> None:
        self.estimator = estimator
        self.shards = shards
        self.key = key
        self.random_state = random_state

    def fit(self, X: Any, y: npt.ArrayLike, subjects: npt.ArrayLike | None = None) -> Self:
        """Train every shard.

        Args:
            X: (n, d) rows, an array or a data frame.
            y: (n,) labels.
            subjects: (n,) whose row each one is; without, each row is a subject called by its position.

        Raises:
            UsageError: there is no key, or no whole number of shards from 1 up.
            DataError: a row has no subject, or a shard has no rows.
            ValueError: rows and labels do not fit each other or the estimator, as scikit-learn says it.
        """
        rows = self._rows_of(X, y, subjects, reset=True)
        if not isinstance(self.shards, int | np.integer) or self.shards < 1:
            raise UsageError(f"{self.shards} shards cannot be", next_step="give a whole number from 1 up")
        classes = np.unique(rows.y)
        if len(classes) < 2:
            raise ValueError("a classifier needs two classes or more, and there is only one class")
        places = self._places(rows)
        empty = [shard for shard, at in enumerate(places) if not len(at)]
        if empty:
            raise DataError(
                f"{len(empty)} of {self.shards} shards have no rows", next_step="give fewer shards, or more subjects"
            )
        parts = [self._trained(shard, rows.take(at)) for shard, at in enumerate(places)]
        self.classes_, self.removed_ = classes, list[str]()
        self._keep(rows, parts)
        return self

    def attach(self, X: Any, y: npt.ArrayLike, subjects: npt.ArrayLike | None = None) -> Self:
        """Give the rows it was trained on back to a model that was loaded, so that subjects can be removed.

        Args as of ``fit``; without the subjects that were removed since.

        Raises:
            UsageError: there is no key.
            DataError: a removed subject is still in the rows, or they are not those that a shard was trained on.
        """
        check_is_fitted(self)
        rows = self._rows_of(X, y, subjects, reset=False)
        still = set(self.removed_) & set(rows.commitments)
        if still:
            raise DataError(
                f"{len(still)} subjects that were removed from the model are still in these rows",
                next_step="delete their rows, wherever the data are kept",
            )
        found = [rows.take(at).manifest(self._key()) for at in self._places(rows)]
        other = [shard for shard, each in enumerate(found) if each.digest != self.shards_[shard]["data"]]
        if other:
            raise DataError(
                f"{len(other)} of {self.shards} shards were trained on other rows than these",
                cause="rows were changed, added, deleted or put in another order, or the key is another",
                next_step="give the rows and the key that the model was trained with",
            )
        self._rows, self._manifests = rows, found
        return self

    def remove(self, subjects: object) -> Removal:
        """Remove subjects: train the shards they are in again, on what remains.

        Args:
            subjects: their ids, or one.

        Returns:
            Evidence, which says whether it succeeded and what it cost.

        Raises:
            UsageError: there is no key, no rows are attached, or a subject is not in them. The model is unchanged.
            DataError: a shard, or a class, would have no rows left. The model is unchanged.
        """
        gone, leaves, concerned = self.check_removal(subjects)
        key, rows, before = self._key(), self._attached(), list(self._manifests)
        remaining = rows.take(np.flatnonzero(~leaves))
        places = self._places(remaining)
        old = [dict(each) for each in self.shards_]
        whole = self.digest
        made = {shard: self._trained(shard, remaining.take(places[shard])) for shard in concerned}
        parts = [made.get(at) or Part(each, before[at], old[at]) for at, each in enumerate(self.estimators_)]
        removed = rows.take(np.flatnonzero(leaves)).manifest(key)
        self.removed_ = [*self.removed_, *gone]
        self._keep(remaining, parts)
        return Removal(
            subjects=tuple(gone),
            rows=removed.tags,
            changes=tuple(_change(shard, old[shard], self.shards_[shard]) for shard in concerned),
            shards=self.shards,
            model_before=whole,
            model_after=self.digest,
            left=left_in(removed, before, self._manifests),
            shared=shared(removed, before),
            rows_all=sum(int(each["rows"]) for each in self.shards_),
            seconds_all=sum(float(each["seconds"]) for each in self.shards_),
        )

    def check_removal(self, subjects: object) -> tuple[list[str], npt.NDArray[np.bool_], list[int]]:
        """Whether subjects can be removed: their commitments, (n,) which rows are theirs, and the shards concerned.

        Raises:
            CasemateError: as ``remove``.
        """
        check_is_fitted(self)
        rows = self._attached()
        gone = self._commitments(named(subjects), rows)
        leaves = np.isin(np.array(rows.commitments), gone)
        shard = self._shard_of(rows)
        concerned = np.unique(shard[leaves])
        empty = len(np.setdiff1d(concerned, shard[~leaves]))
        lost = len(self.classes_) - len(np.unique(rows.y[~leaves]))
        if empty or lost:
            raise DataError(
                f"{empty} shards would have no rows left" if empty else f"{lost} classes would have no rows left",
                next_step="train a new model without these subjects, with fewer shards; this one is unchanged",
            )
        return gone, leaves, concerned.tolist()

    def verify(self, removal: Removal) -> tuple[str, ...]:
        """What speaks against a removal, or nothing: shards are looked at and trained once more, from the rows in hand.

        Args:
            removal: the evidence, of the last removal from this model.

        Raises:
            UsageError: there is no key, or no rows are attached.
        """
        check_is_fitted(self)
        key, rows = self._key(), self._attached()
        places = self._places(rows)
        found = [rows.take(at).manifest(key) for at in places]
        gone = Manifest(removal.subjects, removal.rows)
        wrong = [] if removal.verified else [f"the removal itself found {removal.left} rows left"]
        if set(gone.commitments) & {each for one in found for each in one.commitments}:
            wrong.append("rows of a removed subject are in the data")
        if self.digest != removal.model_after:
            wrong.append("the model is not the one that the removal left")
        for change in removal.changes:
            anew = self._trained(change.shard, rows.take(places[change.shard]))
            if anew.said["data"] != change.data_after:
                wrong.append(f"shard {change.shard} was trained on other rows than remain")
            if anew.said["model"] != fingerprint(self.estimators_[change.shard]):
                wrong.append(f"shard {change.shard} is not the model that the remaining rows give")
        return tuple(wrong)

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the fitted shards in order."""
        return hashlib.sha256("".join(fingerprint(each) for each in self.estimators_).encode()).hexdigest()

    @available_if(_all_give_scores)  # type: ignore[untyped-decorator]  # scikit-learn's
    def predict_proba(self, X: Any) -> Floats:
        """(n, classes) mean of the shards' probabilities."""
        return np.asarray(np.mean(self.shard_scores(X), axis=0))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """(n,) the likeliest label, or the label most shards give where they give no probabilities."""
        check_is_fitted(self)
        scores = self.predict_proba(X) if hasattr(self, "predict_proba") else self._votes(X)
        answer: npt.NDArray[Any] = self.classes_[scores.argmax(axis=1)]
        return answer

    def shard_scores(self, X: Any) -> Floats:
        """(shards, n, classes) probabilities that each shard gives; classes it never saw have none."""
        check_is_fitted(self)
        X = self._read(X)
        found = np.zeros((len(self.estimators_), len(X), len(self.classes_)))
        for at, each in enumerate(self.estimators_):
            found[at][:, np.searchsorted(self.classes_, each.classes_)] = each.predict_proba(X)
        return found

    def shard_of(self, subjects: npt.ArrayLike) -> Places:
        """(n,) the shard that each subject belongs to, whether it is there or not.

        Raises:
            UsageError: there is no key.
        """
        key = self._key()
        return np.array([key.shard(each, self.shards) for each in np.asarray(subjects, dtype=object)], dtype=np.intp)

    def __getstate__(self) -> dict[str, Any]:
        """What is saved: neither the key nor anybody's rows."""
        state: dict[str, Any] = super().__getstate__()
        kept = {name: value for name, value in state.items() if name not in ("_rows", "_manifests")}
        return {**kept, "key": None}

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.input_tags.string = inner.input_tags.string
        tags.input_tags.categorical = inner.input_tags.categorical
        return tags

    def _key(self) -> SubjectKey:
        if isinstance(self.key, SubjectKey):
            return self.key
        raise UsageError(
            "there is no subject key" if self.key is None else f"a {type(self.key).__name__} is no subject key",
            cause="without one, whoever has the model could try out whose rows it is made of",
            next_step="give one: key=SubjectKey.open(path), or SubjectKey.create(path) for a new model",
        )

    def _attached(self) -> Rows:
        rows: Rows | None = getattr(self, "_rows", None)
        if rows is None:
            raise UsageError(
                "the model has no rows to train on again",
                cause="they are never saved with it",
                next_step="give those it was trained on: model.attach(X, y, subjects)",
            )
        return rows

    @property
    def _finite(self) -> bool:
        """Whether the estimator takes no missing values."""
        return not get_tags(self.estimator).input_tags.allow_nan

    def _read(self, X: Any, *, reset: bool = False) -> Any:
        framed = isinstance(X, pd.DataFrame)
        if framed:
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=self._finite)

    def _rows_of(self, X: Any, y: npt.ArrayLike, subjects: npt.ArrayLike | None, *, reset: bool) -> Rows:
        key = self._key()
        if isinstance(X, pd.DataFrame):
            X, labels = self._read(X, reset=reset), np.asarray(y)
        else:
            options: dict[str, Any] = {"dtype": None, "ensure_all_finite": self._finite, "ensure_min_samples": 2}
            X, labels = validate_data(self, X, y, reset=reset, **options)
        check_classification_targets(labels)
        ids = np.arange(len(X)).astype(object) if subjects is None else np.asarray(subjects, dtype=object)
        if labels.shape != (len(X),) or ids.shape != (len(X),):
            raise DataError(
                f"{len(X)} rows, {labels.size} labels and {ids.size} subjects do not fit each other",
                next_step="give one label and one subject a row",
            )
        known = {each: key.commitment(each) for each in set(ids.tolist())}
        return Rows(X, labels, ids, tuple(known[each] for each in ids.tolist()))

    def _commitments(self, subjects: Sequence[object], rows: Rows) -> list[str]:
        found, there = [self._key().commitment(each) for each in subjects], set(rows.commitments)
        before = sum(each in self.removed_ for each in found)
        unknown = [place for place, each in enumerate(found, 1) if each not in there]
        if unknown:
            raise UsageError(
                f"{len(unknown)} of {len(found)} subjects have no rows in the data, the first is number {unknown[0]}",
                cause=f"{before} of them were removed before" if before else "",
                next_step="name subjects as they stand in the data; the model is unchanged",
            )
        return found

    def _shard_of(self, rows: Rows) -> Places:
        key = self._key()
        known = {each: key.shard(each, self.shards) for each in set(rows.ids.tolist())}
        return np.array([known[each] for each in rows.ids.tolist()], dtype=np.intp)

    def _places(self, rows: Rows) -> list[Places]:
        """Which rows each shard is trained on, in their order."""
        shard = self._shard_of(rows)
        return [np.flatnonzero(shard == at) for at in range(self.shards)]

    def _trained(self, shard: int, rows: Rows) -> Part:
        x, y = rows.x, rows.y
        found = rows.manifest(self._key())
        fresh = seeded(self.estimator, derive(int(self.random_state), "privacy.erasure", shard))
        if len(np.unique(y)) < 2:  # all that this shard's rows can teach
            fresh = DummyClassifier(strategy="prior")
        start = time.process_time()
        with threadpool_limits(limits=1):  # sums in one order, so that training again gives the same bits
            fresh.fit(x, y)
        seconds = time.process_time() - start
        said = {"rows": len(y), "data": found.digest, "model": fingerprint(fresh), "seconds": seconds}
        return Part(fresh, found, said)

    def _keep(self, rows: Rows, parts: Sequence[Part]) -> None:
        self._rows, self._manifests = rows, [each.manifest for each in parts]
        self.estimators_: list[Any] = [each.estimator for each in parts]
        self.shards_: list[dict[str, Any]] = [each.said for each in parts]

    def _votes(self, X: Any) -> Floats:
        X = self._read(X)
        said = np.stack([np.searchsorted(self.classes_, each.predict(X)) for each in self.estimators_])
        return np.asarray((said[:, :, None] == np.arange(len(self.classes_))).sum(axis=0), dtype=np.float64)


def _change(shard: int, old: dict[str, Any], new: dict[str, Any]) -> ShardChange:
    return ShardChange(
        shard=shard,
        rows_before=int(old["rows"]),
        rows_after=int(new["rows"]),
        data_before=str(old["data"]),
        data_after=str(new["data"]),
        model_before=str(old["model"]),
        model_after=str(new["model"]),
        seconds=float(new["seconds"]),
    )
