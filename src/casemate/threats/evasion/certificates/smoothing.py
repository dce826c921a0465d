"""Randomized smoothing: a classifier that answers by vote over Gaussian noise, and what that proves.

If the class that wins the vote has probability pA > 1/2, no change of Euclidean length below sigma * Phi^-1(pA) turns
the vote. pA is only estimated, so a certificate holds with confidence 1 - alpha, not surely, and its radius is at most
sigma * Phi^-1(alpha^(1/n)), however good the network is: 3.20 sigma for n = 10,000 and alpha = 0.001.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from casemate.core.errors import TargetError, UsageError
from casemate.core.optional import require
from casemate.core.seeds import derive
from casemate.stats.proportions import clopper_pearson_bounds

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

ABSTAIN = -1
"""The answer of a smoothed classifier that cannot say which class wins."""


@dataclass(frozen=True)
class SmoothCertificate:
    """What is known about one sample.

    Attributes:
        label: the class that wins the vote, or ``ABSTAIN``.
        radius: Euclidean; with confidence 1 - alpha nothing closer turns the vote. 0 when abstaining.
        votes: for the class chosen, among ``n``.
        low: lower confidence bound of its probability.
        seconds: CPU time.
    """

    label: int
    radius: float
    votes: int
    low: float
    seconds: float

    def radius_for(self, label: int) -> float:
        """The radius within which the answer is certainly this label: 0 when the vote says something else."""
        return self.radius if self.label == label else 0.0


@dataclass(frozen=True)
class Smoothed:
    """A module that answers by vote over noise.

    Each sample has its own stream of noise, drawn from the seed and its content, so answers do not depend on the batch
    it is in or its place there.

    Attributes:
        module: a ``torch.nn.Module`` that returns (n, classes) logits; asked in evaluation mode.
        sigma: standard deviation of the noise, in units of inputs. The module must have been trained on such noise.
        seed: of the noise.
        batch: noisy inputs asked about at once.

    Raises:
        UsageError: sigma is not above 0.

    Reference:
        Cohen, Rosenfeld & Kolter 2019, arXiv:1902.02918.
    """

    module: Any
    sigma: float
    seed: int = 0
    batch: int = 1000

    def __post_init__(self) -> None:
        if not 0 < self.sigma < float("inf"):
            raise UsageError(f"noise of standard deviation {self.sigma}", next_step="give a number above 0")

    def certify(self, x: Any, *, n0: int = 100, n: int = 10_000, alpha: float = 0.001) -> tuple[SmoothCertificate, ...]:
        """CERTIFY: choose a class from ``n0`` noisy copies, bound its probability from ``n`` others.

        Args:
            x: (m, ...) inputs.
            n0: copies that choose the class; they are not used again, else the bound would be too high.
            n: copies that bound its probability.
            alpha: how often a certificate may be wrong.

        Returns:
            One certificate a sample. It abstains when the bound is not above 1/2.

        Raises:
            UsageError: no copies, or an impossible alpha.
            TargetError: the module is in training mode, or its answers are no numbers.

        Reference:
            Cohen, Rosenfeld & Kolter 2019, section 3.2.2, functions CERTIFY and LOWERCONFBOUND.
        """
        _positive(n0, n, alpha)
        made = []
        for sample in self._inputs(x):
            clock = time.process_time()
            chosen = int(self._votes(sample, n0, "selection").argmax())
            votes = int(self._votes(sample, n, "estimation")[chosen])
            low = float(clopper_pearson_bounds(votes, n, 1 - 2 * alpha)[0])
            label, radius = (chosen, self.sigma * float(ndtri(low))) if low > 0.5 else (ABSTAIN, 0.0)
            made.append(SmoothCertificate(label, radius, votes, low, time.process_time() - clock))
        return tuple(made)

    def predict(self, x: Any, *, n: int = 1000, alpha: float = 0.001) -> npt.NDArray[np.int64]:
        """PREDICT: the class that wins the vote, or ``ABSTAIN`` where two are too close to tell.

        Args:
            x: (m, ...) inputs.
            n: noisy copies.
            alpha: how often an answer may be another class than the one that really wins.

        Returns:
            (m,) codes.

        Raises:
            UsageError, TargetError: as :meth:`certify`.

        Reference:
            Cohen, Rosenfeld & Kolter 2019, section 3.2.1, function PREDICT; the test is Hung & Fithian's 2019.
        """
        _positive(n, n, alpha)
        answers = []
        for sample in self._inputs(x):
            votes = self._votes(sample, n, "prediction")
            first, second = np.argsort(-votes, kind="stable")[:2]
            # The two-sided binomial test of one half rejects just when the exact interval lies above it.
            low = clopper_pearson_bounds(int(votes[first]), int(votes[first] + votes[second]), 1 - alpha)[0]
            answers.append(int(first) if low > 0.5 else ABSTAIN)
        return np.array(answers, dtype=np.int64)

    def _inputs(self, x: Any) -> Tensor:
        if getattr(self.module, "training", False):
            raise TargetError("the module is in training mode", next_step="call module.eval() first")
        inputs = x if isinstance(x, torch.Tensor) else torch.as_tensor(np.asarray(x))
        if not (inputs.is_floating_point() and bool(torch.isfinite(inputs).all())):
            raise UsageError("inputs are not finite floats", next_step="scale them to floats first")
        return inputs.detach().float().contiguous()

    @torch.no_grad()
    def _votes(self, sample: Tensor, count: int, purpose: str) -> npt.NDArray[np.int64]:
        """(classes,) how many of ``count`` noisy copies get each answer."""
        content = hashlib.sha256(sample.numpy().tobytes()).hexdigest()
        generator = torch.Generator().manual_seed(derive(self.seed, "smoothing", purpose, content))
        votes = torch.zeros(0, dtype=torch.int64)
        for start in range(0, count, self.batch):
            size = min(self.batch, count - start)
            noise = torch.randn((size, *sample.shape), generator=generator)
            logits = self.module(noise.mul_(self.sigma).add_(sample))
            if not bool(torch.isfinite(logits).all()):
                raise TargetError("the module answers with something that is no number", next_step="check its weights")
            counted = torch.bincount(logits.argmax(1), minlength=logits.shape[1])
            votes = counted if not len(votes) else votes + counted
        return votes.numpy()


def average_radius(certificates: tuple[SmoothCertificate, ...], labels: Any) -> float:
    """The average certified radius: that of each sample whose vote is right, 0 for the others.

    Reference:
        Zhai et al. 2020, arXiv:2001.02378, section 3.1.
    """
    given = [int(label) for label in labels]
    return float(np.mean([each.radius_for(label) for each, label in zip(certificates, given, strict=True)]))


def _positive(n0: int, n: int, alpha: float) -> None:
    if n0 < 1 or n < 1 or not 0 < alpha < 0.5:
        raise UsageError(
            f"{n0} and {n} noisy copies, alpha {alpha}",
            next_step="give 1 or more copies and an alpha between 0 and 1/2",
        )
