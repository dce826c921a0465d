"""Robust accuracy of a tree ensemble as a bracket: what is certified, and what an attack leaves standing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError, UsageError
from casemate.core.measurement import Interval, Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.stats.proportions import clopper_pearson
from casemate.threats.evasion.declarations import TREES
from casemate.threats.evasion.trees.attack import TreeAttack, TreeRadius
from casemate.threats.evasion.trees.constraints import Constraints
from casemate.threats.evasion.trees.form import Flags, Floats, as_rows
from casemate.threats.evasion.trees.model import Model


@dataclass(frozen=True)
class TreeBracket:
    """Robust accuracy at one eps lies between two counts, both of the same n rows.

    Attributes:
        eps: the largest allowed change, in units of cost.
        n: rows.
        certified: rows answered correctly for which no example exists within eps.
        attacked: rows answered correctly for which none was found.
        low: exact interval of the certified share.
        high: exact interval of the attacked share.
    """

    eps: float
    n: int
    certified: int
    attacked: int
    low: Interval
    high: Interval

    def __str__(self) -> str:
        return (
            f"eps {self.eps:g}: robust accuracy in [{self.certified / self.n:.1%}, {self.attacked / self.n:.1%}] of "
            f"{self.n} rows, 95 % bounds {self.low.low:.1%} and {self.high.high:.1%}"
        )


@dataclass(frozen=True)
class TreeEvaluation:
    """What was found for every row, and the brackets made of it.

    Attributes:
        eps: the largest changes asked about, ascending.
        correct: (n,) rows that the model answers correctly.
        radius: what the search found for those rows, in order.
        lower, upper: (n,) bounds of the radius; 0 for rows answered wrongly.
        slack: whoever adds eps to a value may land this much farther away, by rounding.
    """

    eps: tuple[float, ...]
    correct: Flags
    radius: TreeRadius
    lower: Floats
    upper: Floats
    slack: float

    def certified(self, eps: float) -> Flags:
        """(n,) rows answered correctly for which no example exists within eps."""
        held: Flags = self.correct & (self.lower > eps + self.slack)
        return held

    def standing(self, eps: float) -> Flags:
        """(n,) rows answered correctly for which none was found within eps."""
        held: Flags = self.correct & ~(self.upper <= eps)
        return held

    @property
    def brackets(self) -> tuple[TreeBracket, ...]:
        """One for each eps."""
        n = len(self.correct)
        counts = [(eps, int(self.certified(eps).sum()), int(self.standing(eps).sum())) for eps in self.eps]
        return tuple(
            TreeBracket(eps, n, certified, attacked, clopper_pearson(certified, n), clopper_pearson(attacked, n))
            for eps, certified, attacked in counts
        )

    def measurements(self, subject: str = "model", seed: int = 0) -> tuple[Measurement, ...]:
        """Two figures for each eps: "certified_accuracy", a lower bound of robust accuracy, and "robust_accuracy"."""
        seconds = float(self.radius.seconds.sum())
        return tuple(
            msgspec.structs.replace(figure(metric, eps, held, subject, seed), seconds=seconds)
            for eps in self.eps
            for metric, held in (
                ("certified_accuracy", self.certified(eps)),
                ("robust_accuracy", self.standing(eps)),
            )
        )


def figure(
    metric: str, eps: float, held: Flags, subject: str, seed: int, units: str = "cost", knowledge: Sequence[str] = ()
) -> Measurement:
    """The share of rows that hold at one eps, with its exact interval.

    Args:
        metric: "robust_accuracy" or "certified_accuracy".
        eps: the largest change of a column, in units.
        held: (n,) rows that hold.
        subject: what was measured.
        seed: of the sample.
        units: what eps counts.
        knowledge: what the adversary knows beside the trees.
    """
    k, n = int(held.sum()), len(held)
    interval = clopper_pearson(k, n)
    return Measurement(
        assessment=TREES.id,
        kind=TREES.kinds[0],
        metric=metric,
        subject=subject,
        estimate=k / n,
        low=interval.low,
        high=interval.high,
        n=n,
        k=k,
        method=interval.method,
        threat_model=ThreatModel(
            goal=f"turn the answer by changing every column by at most {eps:g}, in units of {units}",
            knowledge=("the trees", *knowledge),
            access=Access.WEIGHTS,
        ),
        seed=seed,
        at={"eps": eps},
        direction="higher",
    )


@dataclass(frozen=True)
class TreeRobustness:
    """Measure the bracket at one or several eps.

    Attributes:
        eps: largest changes, in units of cost (see ``Constraints``).
        attack: constraints and limits of the search; its ``within`` is set from eps.

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> x, y = load_breast_cancer(return_X_y=True)
        >>> model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(x[:300], y[:300])
        >>> found = TreeRobustness(eps=(0.0, 1.0)).evaluate(model, x[300:], y[300:])
        >>> [bracket.certified == bracket.attacked for bracket in found.brackets]
        [True, True]
    """

    eps: float | Sequence[float]
    attack: TreeAttack = field(default_factory=TreeAttack)

    def evaluate(self, model: Any, x: Any, y: npt.ArrayLike) -> TreeEvaluation:
        """Search every correctly answered row and count.

        Args:
            model: a fitted tree classifier, or a ``Target`` of one.
            x: (n, d) rows of numbers.
            y: (n,) true labels, as the model names them.

        Raises:
            UsageError: no eps, or a negative or infinite one.
            DataError: no rows, or not a label for each.
            TargetError: see ``TreeAttack``.
        """
        wanted = tuple(sorted({float(eps) for eps in np.atleast_1d(np.asarray(self.eps, dtype=np.float64))}))
        if not wanted or not all(0 <= eps < np.inf for eps in wanted):
            raise UsageError("a bracket needs finite eps of 0 or more", cause=f"given are {self.eps}")
        asked = Model.of(model, x)
        rows = as_rows(asked.rows, asked.ensemble)
        truth = np.asarray(y)
        if truth.shape != (len(rows),) or not len(rows):
            raise DataError(
                f"labels of shape {truth.shape} do not fit {len(rows)} rows",
                next_step="give at least one row, and one label for each",
            )
        correct = asked.ensemble.classes[asked.codes(rows)] == truth
        slack = _slack(self.attack.constraints, asked.rows, wanted[-1])
        # searched a little farther than asked, so that what lies beyond is certified with room to spare
        found = replace(self.attack, within=wanted[-1] + 16 * slack).run(replace(asked, rows=asked.rows[correct]))
        lower, upper = np.zeros(len(rows)), np.zeros(len(rows))
        lower[correct], upper[correct] = found.lower, found.upper
        return TreeEvaluation(wanted, correct, found, lower, upper, slack)


def _slack(constraints: Constraints, rows: npt.NDArray[np.floating], eps: float) -> float:
    """Whoever adds eps to a value may land this much farther away, in units of cost, by one rounding in its type."""
    costs = [rule.cost for rule in constraints.table(rows.shape[1])]
    widest = float(np.nanmax(np.abs(rows), initial=0.0))
    return max(costs) * float(np.spacing(rows.dtype.type(widest + eps / min(costs))))
