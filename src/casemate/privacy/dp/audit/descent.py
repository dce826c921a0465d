"""An attack on private training: canaries with the largest gradients that can be, each on coordinates of its own.

The network is two linear layers side by side, without biases and with one input for each canary, so that a canary moves
one column of each layer's gradient and no other does. Half of them, chosen by coins, are records; the others are
records of zeros, which add nothing: the neighbors of the certificate. The adversary sees every released gradient, as
the guarantee allows; weights are held still, which changes nothing for who sees all gradients. What it knows is summed
up as the likelihood ratio of each canary's own coordinates, and what comes out must not refute the certificate. A
second, short training with little noise shows who takes part in which step (`casemate.privacy.dp.audit.transcript`).

References:
    Nasr et al. 2023, "Tight auditing of differentially private machine learning" (arXiv 2302.07956): gradients of their
    own directions; one run: see `casemate.privacy.dp.audit.one_run`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.privacy.dp.audit.one_run import guess, lower_bound
from casemate.privacy.dp.audit.separation import Separation, separate
from casemate.privacy.dp.audit.transcript import Coins, Floats, Transcript, findings
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.sgd.training import PrivateTraining
from casemate.privacy.dp.warning import PrivacyWarning

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

LAYERS: Final = 2
"""Side by side."""
LOUD: Final = 300.0
"""Epsilon of the second training, whose noise hides nothing."""
CLEAR_STEPS: Final = 60
"""Steps of it."""
LONG: Final = 1000.0
"""Clip norms in a canary's gradient before it is clipped."""
SURE: Final = 0.2
"""Share of the canaries that are guessed for the bound that assumes nothing."""


@dataclass(frozen=True)
class Verdict:
    """What an attack on a training showed.

    Attributes:
        certificate: what was claimed.
        lower: epsilon that the training exceeds at the claimed delta, whatever the mechanism.
        separation: how well canaries were told apart.
        reasons: what speaks against the claim, in words; empty if nothing does.
        transcript: of the training that was attacked.
        scores: (canaries,) what the adversary made of it.
    """

    certificate: Certificate
    lower: float
    separation: Separation
    reasons: tuple[str, ...]
    transcript: Transcript
    scores: Floats

    @property
    def refuted(self) -> bool:
        """Whether the claim cannot hold, at the confidence asked for."""
        return bool(self.reasons)

    def __str__(self) -> str:
        end = f"REFUTED: {'; '.join(self.reasons)}" if self.refuted else "not refuted"
        return f"epsilon {self.certificate.epsilon:g} claimed; {self.separation}; {end}"


class _Beside(nn.Module):
    """Two linear layers whose answers are added."""

    def __init__(self, canaries: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(canaries, 2, bias=False, dtype=torch.float64) for _ in range(LAYERS))
        for weight in self.parameters():
            nn.init.zeros_(weight)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of two classes."""
        first, second = self.layers
        total: Tensor = first(x) + second(x)
        return total


class _Recorder(torch.optim.Optimizer):
    """Keeps every gradient it is given, and moves nothing."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        super().__init__(parameters, {})
        self.seen: list[Tensor] = []

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # nobody asks it for a loss
        """Keep it."""
        del closure
        self.seen.append(torch.stack([each.grad for each in self.param_groups[0]["params"]]).clone())


def attack(training: PrivateTraining, *, canaries: int = 2000, confidence: float = 0.999, seed: int = 0) -> Verdict:
    """Train on canaries as ``training`` would, and say what an adversary learns.

    Args:
        training: its budget, batches and clip norm are attacked; its optimizer and losses are not used.
        canaries: records, half of which are there.
        confidence: that honest training is not refuted.
        seed: of the coins.

    Raises:
        DataError: there are too few canaries.
        UsageError: the settings cannot be for so many records, or records come in a fixed order.
    """
    if training.order == "fixed":
        raise UsageError(
            "this attack reads the noise of single steps, and with a fixed order it is correlated",
            next_step="attack the training with order='poisson'",
        )
    there = np.random.default_rng(seed).random(canaries) < 0.5
    certificate, seen = _trained(training, there)
    clear_epochs = max(CLEAR_STEPS * training.batch / canaries, 1)
    loud, clear = _trained(replace(training, epsilon=LOUD, epochs=clear_epochs), there)
    doubt = (1 - confidence) / 4
    signal, noise, rate = seen.signal.mean(0), seen.noise / math.sqrt(LAYERS), seen.rate
    scores = np.logaddexp(math.log1p(-rate), math.log(rate) + (2 * signal - 1) / (2 * noise**2)).sum(0)
    shown = separate(scores, there, certificate.curve, 1 - doubt)
    lower = lower_bound(guess(scores, there, int(SURE * canaries)), certificate.delta, 1 - doubt)
    reasons = [*findings(seen, certificate, 1 - doubt), *findings(clear, loud, 1 - doubt)]
    if shown.refutes(certificate.curve):
        reasons.append(f"{shown}, which the claimed curve does not allow")
    if lower > certificate.epsilon:
        reasons.append(f"so many right guesses show an epsilon of {lower:.3g}")
    return Verdict(certificate, lower, shown, tuple(dict.fromkeys(reasons)), seen, scores)


def _trained(training: PrivateTraining, there: Coins) -> tuple[Certificate, Transcript]:
    """Train on canaries; what was claimed and what was seen."""
    canaries, recorders = len(there), list[_Recorder]()
    x = torch.zeros(canaries, canaries, dtype=torch.float64)
    x[there, there] = LONG * training.clip_norm

    def record(parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        recorders.append(_Recorder(parameters))
        return recorders[-1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)  # canaries are nobody's
        trained = replace(training, optimizer=record, losses=None).fit(
            _Beside(canaries), x, torch.zeros(canaries, dtype=torch.int64)
        )
    said = trained.certificate
    released = torch.stack(recorders[0].seen).transpose(0, 1).numpy() * training.batch  # (layers, steps, 2, canaries)
    # a clipped gradient is (-1, 1) in each layer, divided by sqrt(2 layers), times the clip norm
    signal = (released[:, :, 1] - released[:, :, 0]) * math.sqrt(LAYERS / 2) / training.clip_norm
    noise = said.noise * said.grid / training.clip_norm * math.sqrt(LAYERS)
    return said, Transcript(signal, released[:, :, 0], there, training.batch / canaries, noise)
