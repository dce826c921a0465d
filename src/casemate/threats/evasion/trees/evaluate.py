"""Robust accuracy of a tree ensemble as a bracket: what is certified, and what an attack leaves standing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError, UsageError
from casemate.core.measurement import Interval, Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.stats.proportions import clopper_pearson
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
        brackets: one for each eps, ascending.
        correct: (n,) rows that the model answers correctly.
        radius: what the search found for those rows, in order.
        lower, upper: (n,) bounds of the radius; 0 for rows answered wrongly.
    """

    brackets: tuple[TreeBracket, ...]
    correct: Flags
    radius: TreeRadius
    lower: Floats
    upper: Floats

    def measurements(self, subject: str = "model", seed: int = 0) -> tuple[Measurement, ...]:
        """Two figures for each eps: "certified_accuracy", a lower bound of robust accuracy, and "robust_accuracy"."""
        threat = ThreatModel(
            goal="change a row by at most eps in every column, in units of cost, so that the model answers otherwise",
            knowledge=("the trees",),
            access=Access.WEIGHTS,
        )
        made = []
        for each in self.brackets:
            for metric, k, bounds in (
                ("certified_accuracy", each.certified, each.low),
                ("robust_accuracy", each.attacked, each.high),
            ):
                made.append(
                    Measurement(
                        assessment="evasion.trees",
                        kind="attack/evasion/trees",
                        metric=metric,
                        subject=subject,
                        estimate=k / each.n,
                        low=bounds.low,
                        high=bounds.high,
                        n=each.n,
                        k=k,
                        method=bounds.method,
                        threat_model=threat,
                        seed=seed,
                        at={"eps": each.eps},
                        direction="higher",
                        seconds=float(self.radius.seconds.sum()),
                    )
                )
        return tuple(made)


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
        brackets = tuple(_bracket(eps, lower, upper, correct, slack) for eps in wanted)
        return TreeEvaluation(brackets, correct, found, lower, upper)


def _slack(constraints: Constraints, rows: npt.NDArray[np.floating], eps: float) -> float:
    """Whoever adds eps to a value may land this much farther away, in units of cost, by one rounding in its type."""
    costs = [rule.cost for rule in constraints.table(rows.shape[1])]
    widest = float(np.nanmax(np.abs(rows), initial=0.0))
    return max(costs) * float(np.spacing(rows.dtype.type(widest + eps / min(costs))))


def _bracket(eps: float, lower: Floats, upper: Floats, correct: Flags, slack: float) -> TreeBracket:
    certified, attacked = int((correct & (lower > eps + slack)).sum()), int((correct & ~(upper <= eps)).sum())
    n = len(correct)
    return TreeBracket(eps, n, certified, attacked, clopper_pearson(certified, n), clopper_pearson(attacked, n))
