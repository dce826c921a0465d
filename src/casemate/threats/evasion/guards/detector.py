"""Detectors of adversarial inputs, and the classifier that rejects what they flag. Module in, module out.

A detector gives a score, larger for stranger inputs, and a threshold set on benign inputs. A network with a detector is
one classifier with a class more, the last, which stands for "rejected": an adversary must reach a wrong class without
reaching that one.

Reference:
    Carlini and Wagner 2017, "Adversarial examples are not easily detected: bypassing ten detection methods", section
    2.5 (arXiv 1705.07263).
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from casemate.core.errors import DataError, UsageError
from casemate.core.measurement import Interval
from casemate.core.optional import require
from casemate.stats.operating_point import thresholds
from casemate.stats.proportions import clopper_pearson
from casemate.threats.evasion.guards.preprocess import Preprocessed, answer

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

Score: TypeAlias = "Callable[[Tensor], Tensor]"
"""(n, ...) inputs to (n,) scores."""

BATCH = 500


@dataclass(frozen=True)
class Calibration:
    """Where a detector's threshold lies, and why.

    Attributes:
        threshold: above it an input is flagged.
        spread: standard deviation of benign scores, the unit in which scores are compared with logits.
        rate: the benign rate that was asked for.
        n: benign inputs that set it.
    """

    threshold: float
    spread: float
    rate: float
    n: int


class Detector(nn.Module, ABC):
    """Gives scores. Without a calibration it flags nothing, and says so when asked to."""

    calibration: Calibration | None = None
    random = False

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """(n,) scores, larger for stranger inputs."""

    def ways(self) -> Mapping[str, Score]:
        """The same scores with gradients that an adversary can follow, by name."""
        return {"own": self.forward}

    def scores(self, inputs: Any) -> Tensor:
        """(n,) scores of inputs of any number, without gradients.

        Raises:
            DataError: no inputs, or scores that are not finite.
        """
        given = torch.as_tensor(inputs).to(torch.float32)
        if not given.numel():
            raise DataError("there are no inputs", next_step="give at least one sample")
        with torch.no_grad():
            found = torch.cat([self(part) for part in torch.split(given, BATCH)])
        if not bool(torch.isfinite(found).all()):
            raise DataError(
                "scores are not finite",
                cause=f"{int((~torch.isfinite(found)).sum())} of {len(found)} inputs",
                next_step="look for NaN in the inputs, or for features that overflow",
            )
        return found

    def calibrated(self, benign: Any, rate: float = 0.05) -> Self:
        """A copy whose threshold flags at most this share of benign inputs, which it must not have been fitted on.

        The share among inputs that come later is another: `benign_rate` measures it.

        Raises:
            UsageError: a rate that is not between 0 and 1, or fewer inputs than one flag needs.
            DataError: as `scores`.
        """
        if not 0 < rate < 1:
            raise UsageError(f"a benign rate of {rate}", next_step="give one between 0 and 1, such as 0.05")
        found = self.scores(benign)
        if len(found) * rate < 1:
            raise UsageError(
                f"{len(found)} benign inputs cannot set a rate of {rate:g}",
                next_step=f"give at least {int(-(-1 // rate))}",
            )
        rank = thresholds(len(found), rate, 0.025).empirical
        threshold = float(found.sort(descending=True).values[rank - 1])
        made = copy.copy(self)
        spread = max(float(found.double().std()), 1e-6)
        object.__setattr__(made, "calibration", Calibration(threshold, spread, rate, len(found)))
        return made

    def flags(self, inputs: Any) -> Tensor:
        """(n,) whether inputs are flagged.

        Raises:
            UsageError: there is no threshold yet.
            DataError: as `scores`.
        """
        return self.scores(inputs) > self.limit.threshold

    def benign_rate(self, benign: Any, confidence: float = 0.95) -> Interval:
        """The exact interval of the share of benign inputs that are flagged; inputs of neither fit nor calibration."""
        flagged = self.flags(benign)
        return clopper_pearson(int(flagged.sum()), len(flagged), confidence)

    @property
    def limit(self) -> Calibration:
        """The calibration.

        Raises:
            UsageError: there is none.
        """
        if self.calibration is None:
            raise UsageError(
                f"{type(self).__name__} has no threshold yet", next_step="call calibrated(benign inputs, rate) first"
            )
        return self.calibration


class Detected(nn.Module):
    """A network that rejects what a detector flags: (n, classes + 1) logits, the last of which is rejection.

    Rejection's logit is the best class' plus how far the score lies above the threshold, in standard deviations of
    benign scores: it wins exactly when the input is flagged.

    Args:
        detector: calibrated.
        module: returns (n, classes) logits; may be `Preprocessed`.
        way: None for the deployed module, else the name of a way to differentiate the detector.

    Raises:
        UsageError: the detector has no threshold.
    """

    def __init__(self, detector: Detector, module: nn.Module, way: str | None = None) -> None:
        super().__init__()
        _ = detector.limit
        self.detector = detector
        self.module = module
        self.way = way

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, classes + 1) logits."""
        limit = self.detector.limit
        logits = answer(self.module, inputs)
        plain = self.way is None or not torch.is_grad_enabled()
        scores = self.detector(inputs) if plain else self.detector.ways()[str(self.way)](inputs)
        above = (scores - limit.threshold) / limit.spread
        # a sum that float32 rounds back to the best logit must still be a flag
        best = logits.amax(1)
        rejection = torch.where(scores > limit.threshold, (best + above).maximum(_next(best)), best + above)
        return torch.cat((logits, rejection[:, None]), dim=1)

    def ways(self) -> dict[str, Detected]:
        """This module as an adversary differentiates it: each way of the detector with each of the network."""
        inside = self.module.ways() if isinstance(self.module, Preprocessed) else {"": self.module}
        return {
            " / ".join(filter(None, (name, other))): Detected(self.detector, module, name)
            for name in self.detector.ways()
            for other, module in inside.items()
        }


def _next(values: Tensor) -> Tensor:
    return torch.nextafter(values.detach(), torch.full_like(values, float("inf")))
