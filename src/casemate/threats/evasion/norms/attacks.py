"""Minimum-norm attacks by name: frozen bags of hyper-parameters, each with ``evaluate(target, inputs, labels)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.targets.differentiable import Differentiable
from casemate.threats.evasion.criteria import Criterion, Misclassified, Targeted
from casemate.threats.evasion.norms.boundary import Approach
from casemate.threats.evasion.norms.carlini_wagner import Weighed
from casemate.threats.evasion.norms.ddn import Decoupled
from casemate.threats.evasion.norms.fmn import MinimumNorm
from casemate.threats.evasion.norms.greedy import GreedySearch
from casemate.threats.evasion.norms.measures import NORMS, Norm
from casemate.threats.evasion.norms.nearest import Nearest, Search, search
from casemate.threats.evasion.norms.sigma_zero import SparseSearch
from casemate.threats.evasion.norms.tangent import Tangents

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class _Minimizer(ABC):
    """What all of them share.

    Attributes:
        seed: of all that is random; each sample has its own numbers.
    """

    seed: int = 0

    def evaluate(
        self,
        target: Differentiable,
        inputs: Tensor | npt.ArrayLike,
        labels: Tensor | npt.ArrayLike,
        *,
        goals: Tensor | npt.ArrayLike | None = None,
        ids: Sequence[int] | None = None,
    ) -> Nearest:
        """Look for the nearest examples of (n, ...) inputs with (n,) right classes; with ``goals``, of those classes.

        Raises:
            DataError: inputs or labels that cannot be used.
            TargetError: the model raised, or has no gradients.
        """
        criterion = Misclassified() if goals is None else Targeted()
        walks = self.searches(target, criterion)
        return search(str(self), walks, target, self.measure, inputs, labels, goals=goals, ids=ids)

    @property
    @abstractmethod
    def measure(self) -> Norm:
        """The norm that is minimized."""

    @abstractmethod
    def searches(self, target: Differentiable, criterion: Criterion) -> Sequence[Search]:
        """What is run, one after another."""


class _Euclidean(_Minimizer):
    norm: ClassVar[Norm] = "L2"

    @property
    def measure(self) -> Norm:
        """The Euclidean one."""
        return "L2"


@dataclass(frozen=True)
class DDN(_Euclidean):
    """Decoupled direction and norm, see `casemate.threats.evasion.norms.ddn`.

    Attributes:
        steps: gradients.
        factor: by which the length shrinks after a success and grows after a failure.
        first: length of the first change.
    """

    steps: int = 100
    factor: float = 0.05
    first: float = 1.0

    def searches(self, target: Differentiable, criterion: Criterion) -> Sequence[Search]:
        """One."""
        return [Decoupled(target, criterion, self.steps, self.factor, self.first, self.seed)]


@dataclass(frozen=True)
class CarliniWagner(_Euclidean):
    """CW in L2, see `casemate.threats.evasion.norms.carlini_wagner`.

    Attributes:
        steps: gradients a constant.
        rounds: constants tried.
        rate: of Adam.
        constant: the first.
        confidence: lead of the wrong class, in logits, that is asked for.
    """

    steps: int = 100
    rounds: int = 9
    rate: float = 0.01
    constant: float = 1e-3
    confidence: float = 0.0

    def searches(self, target: Differentiable, criterion: Criterion) -> Sequence[Search]:
        """One."""
        return [Weighed(target, criterion, self.steps, self.rounds, self.rate, self.constant, self.confidence)]


@dataclass(frozen=True)
class FMN(_Minimizer):
    """Fast minimum-norm attack in L0, L1, L2 or Linf, see `casemate.threats.evasion.norms.fmn`.

    Attributes:
        norm: to be minimized.
        steps: gradients.
        pace: length of the first step, in the Euclidean norm.
        factor: by which the radius shrinks or grows at first.

    Raises:
        UsageError: another norm.
    """

    norm: Norm = "L2"
    steps: int = 100
    pace: float = 1.0
    factor: float = 0.05

    def __post_init__(self) -> None:
        if self.norm not in NORMS:
            raise UsageError(f"FMN in {self.norm!r} is not offered", next_step=f"use one of {', '.join(NORMS)}")

    @property
    def measure(self) -> Norm:
        """As given."""
        return self.norm

    def searches(self, target: Differentiable, criterion: Criterion) -> Sequence[Search]:
        """One."""
        return [MinimumNorm(target, criterion, self.norm, self.steps, self.pace, self.factor)]


@dataclass(frozen=True)
class MinimumFAB(_Minimizer):
    """FAB without a radius in L1, L2 or Linf, see `casemate.threats.evasion.norms.boundary`.

    Half of the gradients go towards whatever class leads, the rest towards the next best classes one after another.

    Attributes:
        norm: to be minimized.
        steps: gradients in all.
        ranks: classes aimed at.

    Raises:
        UsageError: another norm, or fewer than two steps for each part.
    """

    norm: Norm = "L2"
    steps: int = 100
    ranks: int = 3

    def __post_init__(self) -> None:
        if self.norm not in NORMS or self.norm == "L0":
            raise UsageError(
                f"MinimumFAB in {self.norm!r} is not offered", next_step="use L1, L2 or Linf; SigmaZero in L0"
            )
        if self.ranks < 0 or self.steps < 4 * max(self.ranks, 1):
            raise UsageError(f"{self.steps} steps for {self.ranks} classes", next_step="give more steps or fewer ranks")

    @property
    def measure(self) -> Norm:
        """As given."""
        return self.norm

    def searches(self, target: Differentiable, criterion: Criterion) -> Sequence[Search]:
        """One towards the leading class, one for each class aimed at; a wanted class is the only one to aim at."""
        last = min(self.ranks, target.classes - 1)
        if isinstance(criterion, Targeted) or last < 1:
            return [Approach(target, criterion, self.norm, self.steps)]
        each = self.steps // 2 // last
        first = Approach(target, criterion, self.norm, self.steps - each * last)
        return [first, *(Approach(target, criterion, self.norm, each, rank) for rank in range(2, last + 2))]


@dataclass(frozen=True)
class SigmaZero(_Minimizer):
    """Few changed coordinates, see `casemate.threats.evasion.norms.sigma_zero`.

    Attributes:
        steps: gradients.
        pace: length of the first step.
        threshold: changes below it are dropped at first, as a share of the box.
        factor: by which, times the pace, the threshold follows the answer.
    """

    steps: int = 100
    pace: float = 1.0
    threshold: float = 0.3
    factor: float = 0.01

    @property
    def measure(self) -> Norm:
        """The number of changed coordinates."""
        return "L0"

    def searches(self, target: Differentiable, criterion: Criterion) -> Sequence[Search]:
        """One."""
        return [SparseSearch(target, criterion, self.steps, self.pace, self.threshold, self.factor)]


@dataclass(frozen=True)
class MinimumEnsemble(_Minimizer):
    """The nearest of what different searches find, which stop in different places.

    In L0 sigma-zero with seven tenths of the gradients, its best example refined by
    `casemate.threats.evasion.norms.greedy` with the rest. In L1, L2 and Linf FMN and MinimumFAB with half of them each;
    with 500 and more, DDN (FMN in L1 and Linf) and MinimumFAB with 15 in 100 each, and after each the best example so
    far is refined by `casemate.threats.evasion.norms.tangent`, which needs some hundred steps to settle.

    Attributes:
        norm: to be minimized.
        steps: gradients in all.

    Raises:
        UsageError: another norm, or too few steps for all parts.
    """

    norm: Norm = "L2"
    steps: int = 100

    def __post_init__(self) -> None:
        self._parts()

    @property
    def measure(self) -> Norm:
        """As given."""
        return self.norm

    def searches(self, target: Differentiable, criterion: Criterion) -> Sequence[Search]:
        """Those of the parts."""
        if self.norm == "L0":
            first = SparseSearch(target, criterion, 7 * self.steps // 10)
            return [GreedySearch(target, criterion, self.steps, first, self.seed)]
        walks: list[Search] = []
        for part, tangents in self._parts():
            walks += part.searches(target, criterion)
            if tangents:
                walks.append(Tangents(target, criterion, self.norm, tangents))
        return walks

    def _parts(self) -> Sequence[tuple[_Minimizer, int]]:
        """What is run, each followed by so many steps along tangents."""
        if self.norm == "L0":
            return ()
        if self.steps < PATIENT:
            half = self.steps // 2
            return (FMN(self.seed, self.norm, half), 0), (MinimumFAB(self.seed, self.norm, self.steps - half), 0)
        rough, fine = 15 * self.steps // 100, 30 * self.steps // 100
        first = DDN(self.seed, rough) if self.norm == "L2" else FMN(self.seed, self.norm, rough)
        return (first, fine), (MinimumFAB(self.seed, self.norm, rough), self.steps - 2 * rough - fine)


PATIENT: Final = 500
"""Gradients from which steps along tangents pay."""
