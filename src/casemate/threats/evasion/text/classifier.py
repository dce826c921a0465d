"""Text classifiers as targets: any function of a list of texts, or a scikit-learn pipeline that takes texts.

A text target is a target like any other: rows are frames with one column, access is enforced, every text is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import TargetError
from casemate.targets.answers import Scores
from casemate.targets.sklearn import classifier
from casemate.targets.target import Backend, Codes, Target

COLUMN = "text"
Answer = Callable[[list[str]], Any]


def as_rows(texts: Sequence[str]) -> pd.DataFrame:
    """Texts as a target takes them: a frame of one column."""
    return pd.DataFrame({COLUMN: pd.Series(list(texts), dtype=object)})


def as_texts(rows: pd.DataFrame) -> list[str]:
    """The texts of a frame that :func:`as_rows` made."""
    return [str(text) for text in rows[COLUMN]]


@dataclass(frozen=True)
class TextBackend:
    """Functions of a list of texts.

    Attributes:
        classes: class names, in the order of the score columns.
        score, label: the functions; at least one is there.
        batch: the most texts asked at once.
        model: the functions themselves; there is nothing deeper to give.
    """

    classes: tuple[str, ...]
    score: Answer | None
    label: Answer | None
    batch: int = 256

    @property
    def model(self) -> tuple[Answer | None, Answer | None]:
        """The functions."""
        return self.score, self.label

    @property
    def gives_scores(self) -> bool:
        """Whether there is a function for scores."""
        return self.score is not None

    def scores(self, rows: pd.DataFrame) -> Scores:
        """(n, classes) probabilities."""
        return self._ask(self.score, as_texts(rows), np.empty((0, len(self.classes))))

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the predicted classes; the largest score where there is no function for labels."""
        if self.label is None:
            return np.asarray(self.scores(rows).argmax(axis=1), dtype=np.int64)
        answer = self._ask(self.label, as_texts(rows), np.empty(0, dtype=np.int64))
        if answer.dtype.kind in "iub":
            return answer.astype(np.int64)
        codes = {name: code for code, name in enumerate(self.classes)}
        return np.array([codes[str(name)] for name in answer], dtype=np.int64)

    def _ask(self, function: Answer | None, texts: list[str], empty: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if function is None:
            raise TypeError("there is no such function")
        starts = range(0, len(texts), self.batch)
        parts = [np.asarray(function(texts[start : start + self.batch])) for start in starts]
        return np.concatenate(parts) if parts else empty


def text_classifier(
    classes: Sequence[str],
    *,
    scores: Answer | None = None,
    labels: Answer | None = None,
    name: str = "text model",
    batch: int = 256,
) -> Target:
    """A plain function of texts as a target.

    Args:
        classes: class names, in the order of the score columns.
        scores: takes a list of n texts, gives (n, classes) probabilities.
        labels: takes a list of n texts, gives (n,) class names or integer codes.
        name: what the report calls it.
        batch: the most texts asked at once.

    Raises:
        TargetError: neither function is given, or there are fewer than two classes.

    Example:
        >>> shouting = text_classifier(["calm", "loud"], labels=lambda texts: [int(t.isupper()) for t in texts])
        >>> shouting.labels(as_rows(["hello", "HELLO"])).tolist(), shouting.meter.used
        ([0, 1], 2)
    """
    if scores is None and labels is None:
        raise TargetError("a target needs a function to ask", next_step="give scores=..., labels=..., or both")
    return _checked(Target(name, TextBackend(tuple(classes), scores, labels, batch)))


def sklearn_text(model: Any, name: str = "text model", batch: int = 256) -> Target:
    """A fitted scikit-learn pipeline that takes a list of texts, as a target.

    Raises:
        TargetError: it is not a fitted classifier, or knows one class only.
    """
    inner = classifier(model, name).backend
    scores = model.predict_proba if inner.gives_scores else None
    codes: Answer = lambda texts: np.searchsorted(model.classes_, model.predict(texts))  # noqa: E731
    return _checked(Target(name, TextBackend(inner.classes, scores, codes, batch)))


@dataclass(frozen=True)
class ThroughText:
    """A backend that sees every text through a function: what a preprocessing defense is.

    Attributes:
        inner: the backend behind it.
        change: text in, text out.
    """

    inner: Backend
    change: Callable[[str], str]

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the inner backend."""
        return self.inner.classes

    @property
    def model(self) -> Any:
        """That of the inner backend."""
        return self.inner.model

    @property
    def gives_scores(self) -> bool:
        """As the inner backend."""
        return self.inner.gives_scores

    def scores(self, rows: pd.DataFrame) -> Scores:
        """(n, classes) probabilities for the changed texts."""
        return self.inner.scores(self._changed(rows))

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes for the changed texts."""
        return self.inner.labels(self._changed(rows))

    def _changed(self, rows: pd.DataFrame) -> pd.DataFrame:
        return as_rows([self.change(text) for text in as_texts(rows)])


def _checked(target: Target) -> Target:
    if len(target.classes) < 2:
        raise TargetError(
            f"target {target.name!r} knows {len(target.classes)} class",
            cause="an answer that cannot change cannot be attacked",
            next_step="give the names of all classes",
        )
    return target
