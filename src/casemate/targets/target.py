"""A model as something that can be asked: access is enforced, and every row asked about is counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import AccessError, TargetError
from casemate.core.threat import Access
from casemate.targets.answers import FULL, AnswerPolicy, Scores

Codes = npt.NDArray[np.int64]


class Backend(Protocol):
    """What a framework adapter provides: raw answers, without access rules or counting."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the score columns."""

    @property
    def model(self) -> Any:
        """The model itself, for those with ``Access.WEIGHTS``."""

    @property
    def gives_scores(self) -> bool:
        """Whether the model has scores at all."""

    def scores(self, rows: pd.DataFrame) -> Scores:
        """(n, classes) class probabilities."""

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the predicted classes."""


@dataclass
class Meter:
    """Counts the rows a target was asked about, and refuses more than the budget.

    Attributes:
        used: rows asked about so far.
        budget: the most that may be asked, or None.
        outer: the meter of the view this one was made from; it counts, and refuses, too.
    """

    used: int = 0
    budget: int | None = None
    outer: Meter | None = None

    def charge(self, rows: int) -> None:
        """Count ``rows`` more queries.

        Raises:
            AccessError: the threat model's budget does not allow them; nothing was asked.
        """
        if self.budget is not None and self.used + rows > self.budget:
            raise AccessError(
                f"{rows} more queries would exceed the budget of {self.budget}",
                cause=f"{self.used} are used",
                next_step="ask less, or raise the budget in the threat model",
            )
        if self.outer is not None:
            self.outer.charge(rows)
        self.used += rows


@dataclass(frozen=True)
class Target:
    """What is asked. Views made by ``restrict`` and ``answering`` share one backend; what they ask counts here too.

    Attributes:
        name: what the report calls it.
        backend: the framework adapter.
        access: the most that the holder of this view may use.
        answers: how answers are changed before they leave.
        meter: counts rows asked about.
    """

    name: str
    backend: Backend
    access: Access = Access.WEIGHTS
    answers: AnswerPolicy = FULL
    meter: Meter = field(default_factory=Meter)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the score columns."""
        return self.backend.classes

    @property
    def model(self) -> Any:
        """The model itself.

        Raises:
            AccessError: this view does not grant ``WEIGHTS``.
        """
        self._need(Access.WEIGHTS)
        return self.backend.model

    @property
    def gives_scores(self) -> bool:
        """Whether this view can answer with scores."""
        return self.backend.gives_scores and min(self.access, self.answers.access) >= Access.SCORES

    def scores(self, rows: pd.DataFrame) -> Scores:
        """Ask for class probabilities.

        Args:
            rows: (n, d) features.

        Returns:
            (n, classes) float64.

        Raises:
            AccessError: this view gives labels only, or the query budget is spent.
            TargetError: the model raised or answered with something that is not a finite probability table.
        """
        self._need(Access.SCORES)
        self.meter.charge(len(rows))
        answer = self._ask("scores", rows)
        if answer.shape != (len(rows), len(self.classes)):
            raise TargetError(
                f"target {self.name!r} answered {answer.shape} scores for {len(rows)} rows",
                cause=f"it has {len(self.classes)} classes",
                next_step="check the model's predict_proba",
            )
        if not np.isfinite(answer).all():
            raise TargetError(
                f"target {self.name!r} answered NaN or infinite scores",
                cause=f"{int((~np.isfinite(answer)).any(axis=1).sum())} of {len(rows)} rows",
                next_step="check the model on those inputs; missing values may need imputing",
            )
        return self.answers.apply(np.asarray(answer, dtype=np.float64))

    def labels(self, rows: pd.DataFrame) -> Codes:
        """Ask for the best class of each row, as (n,) int64 codes."""
        self.meter.charge(len(rows))
        answer = self._ask("labels", rows)
        if answer.shape != (len(rows),):
            raise TargetError(
                f"target {self.name!r} answered labels of shape {answer.shape} for {len(rows)} rows",
                next_step="check the model's predict",
            )
        return np.asarray(answer, dtype=np.int64)

    def restrict(self, access: Access, *, budget: int | None = None) -> Target:
        """A view with no more than this access, and a meter of its own that refuses more than ``budget`` rows."""
        return replace(self, access=min(self.access, access), meter=Meter(budget=budget, outer=self.meter))

    def answering(self, answers: AnswerPolicy) -> Target:
        """A view whose answers are changed by this policy before they leave."""
        return replace(self, answers=answers, meter=Meter(outer=self.meter))

    def _need(self, access: Access) -> None:
        granted = min(self.access, self.answers.access) if access is Access.SCORES else self.access
        if granted < access or (access is Access.SCORES and not self.backend.gives_scores):
            raise AccessError(
                f"{access.name} of target {self.name!r} are out of reach",
                cause=f"this view grants {granted.name}"
                if self.backend.gives_scores
                else "the model gives labels only",
                next_step="use an attack that needs less, or grant more in the threat model",
            )

    def _ask(self, what: str, rows: pd.DataFrame) -> npt.NDArray[Any]:
        try:
            return np.asarray(getattr(self.backend, what)(rows))
        except Exception as error:  # whatever a foreign model raises becomes one typed error
            raise TargetError(
                f"target {self.name!r} raised {type(error).__name__} when asked for {what}",
                cause="the model does not accept these rows",
                next_step="run `casemate init` again to compare the model's columns with the data",
            ) from error
