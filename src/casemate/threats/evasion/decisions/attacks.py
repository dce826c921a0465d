"""Decision-based attacks on images by name: frozen bags of hyper-parameters, each with ``evaluate``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.targets.differentiable import Scored
from casemate.threats.evasion.decisions.curve import Curve, curve
from casemate.threats.evasion.decisions.door import Door
from casemate.threats.evasion.decisions.hop_skip_jump import hop_skip_jump
from casemate.threats.evasion.decisions.walk import Steps, Walks
from casemate.threats.evasion.norms.measures import Norm

if TYPE_CHECKING:
    from torch import Tensor

POINTS = (1000, 5000, 25_000)


@dataclass(frozen=True)
class _Decision(ABC):
    """What both share.

    Attributes:
        points: query counts at which the nearest example is kept; the last one is the budget of a sample.
        norm: of distances, L2 or Linf.
        seed: of all that is random; each sample has its own numbers.

    Raises:
        UsageError: another norm.
    """

    points: tuple[int, ...] = POINTS
    norm: Norm = "L2"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.norm not in ("L2", "Linf"):
            raise UsageError(f"{type(self).__name__} in {self.norm!r} is not offered", next_step="use L2 or Linf")

    def evaluate(
        self,
        target: Scored,
        inputs: Tensor | npt.ArrayLike,
        labels: Tensor | npt.ArrayLike,
        *,
        goals: Tensor | npt.ArrayLike | None = None,
        starts: Tensor | npt.ArrayLike | None = None,
        ids: Sequence[int] | None = None,
    ) -> Curve:
        """Attack (n, ...) inputs with (n,) right classes; with ``goals`` towards those, from ``starts`` if given.

        Raises:
            DataError: inputs, labels or starts that cannot be used.
            TargetError: the model raised.
        """
        return curve(
            str(self),
            self.run,
            target,
            self.norm,
            self.points,
            inputs,
            labels,
            goals=goals,
            starts=starts,
            ids=ids,
            probes=self.probes,
        )

    @property
    @abstractmethod
    def probes(self) -> int:
        """Candidates of one sample that are asked about at once."""

    @abstractmethod
    def run(self, door: Door, ids: Tensor, starts: Tensor | None) -> None:
        """Ask until every budget is spent."""


@dataclass(frozen=True)
class NormalSearch(_Decision):
    """Learn the boundary's normal by questions that build on each other, jump, learn again; from several starts.

    See `casemate.threats.evasion.decisions.survey` and `casemate.threats.evasion.decisions.walk`.

    Attributes:
        steps: how to walk.
    """

    steps: Steps = field(default_factory=Steps)

    @property
    def probes(self) -> int:
        """A block."""
        return self.steps.block

    def run(self, door: Door, ids: Tensor, starts: Tensor | None) -> None:
        """Ask until every budget is spent."""
        Walks(door, self.steps, ids, self.seed, starts).run()


@dataclass(frozen=True)
class HopSkipJump(_Decision):
    """The field's reference, as published, see `casemate.threats.evasion.decisions.hop_skip_jump`.

    Attributes:
        first: probes of the first estimate; the t-th has sqrt(t) times as many.
    """

    first: int = 100

    @property
    def probes(self) -> int:
        """They are asked about in parts of this size."""
        return 128

    def run(self, door: Door, ids: Tensor, starts: Tensor | None) -> None:
        """Ask until every budget is spent."""
        hop_skip_jump(door, ids, starts, self.seed, self.first, self.probes)
