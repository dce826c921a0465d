"""Which columns, and how much of their precision, a model needs for its accuracy: the front door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from casemate.core.errors import DataError, TargetError, UsageError
from casemate.privacy.tables.minimization.ladders import Floats, Ladder, Response, ladder
from casemate.privacy.tables.minimization.result import Minimized, Need, check_columns, generalized
from casemate.privacy.tables.minimization.search import Levels, Right, coarsen, lost
from casemate.stats import Estimate, clopper_pearson

FEWEST: Final = 100
"""Records to choose by, and to judge by."""


@dataclass(frozen=True)
class Minimizer:
    """Says less and less of each column as long as the model's accuracy allows.

    Attributes:
        loss: accuracy that may be lost: the upper bound of the loss, on the records to choose by, stays at or below.
        allowed: columns that the purpose allows; others are left out first, whatever it costs, and `loss` is counted
            from there. None allows all.
        refit: False asks how precise inputs must be for the model as it is; True trains it anew on what is left, and so
            asks what must be collected at all.
        confidence: of intervals.
        seed: of which records choose and which judge, and of ladders.

    Example:
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> rng = np.random.default_rng(0)
        >>> rows = pd.DataFrame({"age": rng.integers(18, 90, 4000), "shoe": rng.normal(42, 2, 4000)})
        >>> labels = (rows["age"] >= 50).to_numpy()
        >>> model = DecisionTreeClassifier(random_state=0).fit(rows[:2000], labels[:2000])
        >>> found = Minimizer(loss=0.01).minimize(model, rows[2000:], labels[2000:])
        >>> found.unused, found.needs[0].groups
        (('shoe',), 2)

    Reference:
        Goldsteen et al. 2022, "Data minimization for GDPR compliance in machine learning models", AI and Ethics 2
        (arXiv 2008.04113), whose leaves of one tree are replaced by intervals and groups of each column by itself, so
        that what is collected can be written down a column at a time.
    """

    loss: float = 0.01
    allowed: Sequence[str] | None = None
    refit: bool = False
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 1:
            raise UsageError(f"accuracy of {self.loss} cannot be lost", next_step="give a share from 0 to 1, 0.01 say")

    def minimize(self, model: Any, rows: pd.DataFrame, labels: npt.ArrayLike) -> Minimized:
        """Find what a classifier needs.

        Args:
            model: with ``predict``, and ``predict_proba`` where there is one. With ``refit``, a scikit-learn estimator.
            rows: (n, columns) records that the model was not trained on. Half of them choose, half judge; with
                ``refit``, half train, and a quarter each.
            labels: (n,) the right answers.

        Raises:
            UsageError: an allowed column is not there.
            DataError: there are too few records, or not as many labels.
            TargetError: the model does not answer as it should.
        """
        answers = np.asarray(labels)
        parts = self._parts(rows, answers)
        chosen, judged = parts[-2], parts[-1]
        work = _Work(model, rows, answers, parts[0] if self.refit else None)
        random = np.random.default_rng(self.seed)
        sample = rows.iloc[chosen]
        ladders = tuple(ladder(rows.iloc[parts[0]][name], sample, work.response, random) for name in rows.columns)
        start = tuple(0 if self._allows(each.name) else each.top for each in ladders)

        @cache
        def right(levels: Levels, part: int) -> Right:
            return work.right(ladders, levels, (chosen, judged)[part])

        levels, steps = coarsen(ladders, lambda at: right(at, 0), start, self.loss, self.confidence)
        exact, found = right(tuple(0 for _ in ladders), 1), right(levels, 1)
        needs = []
        for at, each in enumerate(ladders):
            without = right((*levels[:at], each.top, *levels[at + 1 :]), 1)
            needs.append(self._need(each, levels[at], without, found))
        return Minimized(
            needs=tuple(needs),
            before=self._accuracy(exact),
            after=self._accuracy(found),
            lost=lost(exact, found, self.confidence),
            steps=tuple(steps),
            judged=judged,
            forbidden=lost(exact, right(start, 1), self.confidence),
            ladders=ladders,
        )

    def _allows(self, name: str) -> bool:
        return self.allowed is None or name in self.allowed

    def _accuracy(self, right: Right) -> Estimate:
        k, n = int(right.sum()), len(right)
        return Estimate(k / n, clopper_pearson(k, n, self.confidence), n)

    def _need(self, each: Ladder, level: int, without: Right, found: Right) -> Need:
        return Need(
            column=each.name,
            level=level,
            precision=each.describe(level),
            groups=each.groups(level) if level else None,
            bits=each.bits[level],
            bits_before=each.bits[0],
            allowed=self._allows(each.name),
            accuracy=self._accuracy(without),
            lost=lost(found, without, self.confidence),
        )

    def _parts(self, rows: pd.DataFrame, labels: npt.NDArray[Any]) -> list[npt.NDArray[np.intp]]:
        """Positions of the records that train, choose and judge."""
        if not isinstance(rows, pd.DataFrame):
            raise UsageError("records are no table", next_step="give a pandas DataFrame, with the model's columns")
        check_columns(rows, list(self.allowed or ()))
        if len(set(rows.columns)) < len(rows.columns) or labels.shape != (len(rows),):
            raise DataError(
                f"{len(rows)} records, {labels.size} labels, {len(rows.columns)} columns",
                cause="labels are not one a record, or two columns have one name",
                next_step="give one label a record and distinct names",
            )
        shares = (0.5, 0.75) if self.refit else (0.5,)
        order = np.random.default_rng(self.seed).permutation(len(rows))
        parts = np.split(order, [int(share * len(rows)) for share in shares])
        if min(len(each) for each in parts) < FEWEST:
            raise DataError(
                f"{len(rows)} records are too few to choose by and to judge by",
                next_step=f"give {FEWEST * (4 if self.refit else 2)} or more that the model was not trained on",
            )
        return parts


class _Work:
    """A model, and what it makes of records."""

    def __init__(self, model: Any, rows: pd.DataFrame, labels: npt.NDArray[Any], train: Any) -> None:
        self.rows, self.labels, self.train = rows, labels, train
        self.model = model if train is None else clone(model).fit(rows.iloc[train], labels[train])

    @property
    def response(self) -> Response:
        """Probabilities where the model gives any, else its labels, one by one."""

        def respond(rows: pd.DataFrame) -> Floats:
            if hasattr(self.model, "predict_proba"):
                return np.asarray(self.model.predict_proba(rows), dtype=np.float64)
            said = np.asarray(self.model.predict(rows))
            return np.asarray(said[:, None] == np.unique(self.labels)[None], dtype=np.float64)

        return respond

    def right(self, ladders: Sequence[Ladder], levels: Levels, part: npt.NDArray[np.intp]) -> Right:
        """(n,) which answers about generalized records are right."""
        model = self.model
        if self.train is not None and any(levels):
            told = generalized(self.rows.iloc[self.train], ladders, levels)
            model = clone(self.model).fit(told, self.labels[self.train])
        said = np.asarray(model.predict(generalized(self.rows.iloc[part], ladders, levels)))
        if said.shape != (len(part),):
            raise TargetError(
                f"the model gave answers of shape {said.shape} for {len(part)} records",
                next_step="give a classifier whose predict answers with one label a record",
            )
        return np.asarray(said == self.labels[part], dtype=bool)
