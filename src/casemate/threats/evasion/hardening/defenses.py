"""Training recipes as defenses of an audit: a network in, a network out, attacked again by whoever asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, ClassVar

from casemate.core.declarations import DefenseSpec
from casemate.core.errors import UsageError
from casemate.core.policy import Policy
from casemate.core.seeds import derive
from casemate.targets.network import NetworkBackend
from casemate.targets.target import Target
from casemate.threats.evasion import declarations
from casemate.threats.evasion.hardening.adversarial import train_pgd, train_trades
from casemate.threats.evasion.hardening.certified import train_ibp
from casemate.threats.evasion.hardening.cheap import train_fast, train_free
from casemate.threats.evasion.hardening.descent import Schedule
from casemate.threats.evasion.hardening.weights import train_awp
from casemate.threats.evasion.robustness import settings
from casemate.training.engagement import Engagement, Proposal


class _Training:
    """What all recipes share.

    Args:
        eps: radius to train for, in units of inputs; the largest that the assessment attacks with by default.
        epochs: passes over the training data.
        rate: highest learning rate.
        batch: inputs a step.
        **options: of the recipe itself, see its function.

    Raises:
        UsageError: a number that makes no sense.
    """

    spec: ClassVar[DefenseSpec]
    train: ClassVar[Callable[..., Any]]
    known: ClassVar[tuple[str, ...]]
    epochs: ClassVar[float]

    def __init__(
        self,
        eps: float | None = None,
        epochs: float | None = None,
        rate: float = 2e-3,
        batch: int = 128,
        **options: Any,
    ) -> None:
        self._eps, self._options = eps, options
        self._length, self._rate, self._batch = self.epochs if epochs is None else epochs, rate, batch
        unknown = sorted(set(options) - set(self.known))
        numbers = (self._length, rate, batch, 1.0 if eps is None else eps)
        if unknown or not all(math.isfinite(each) and each > 0 for each in numbers):
            raise UsageError(
                f"the options of {self.spec.id} cannot be used",
                cause=f"unknown: {', '.join(unknown)}" if unknown else "eps, epochs, rate and batch are above 0",
                next_step=f"use: {', '.join(('eps', 'epochs', 'rate', 'batch', *self.known))}",
            )

    def applies(self, engagement: Engagement) -> str:
        """A network and its training data are needed."""
        if not isinstance(engagement.target.backend, NetworkBackend):
            return "the model is no network whose code is known"
        return "" if len(engagement.members) else "no training data"

    def propose(self, engagement: Engagement, policy: Policy) -> Proposal:
        """Train a copy, from the weights there are."""
        backend, data = engagement.target.backend, engagement.members
        assert isinstance(backend, NetworkBackend)  # noqa: S101 - `applies` has said so
        attacked = settings(engagement)
        eps = max(map(float, attacked["eps"])) if self._eps is None else self._eps
        how = Schedule(self._length, self._batch, self._rate, seed=derive(engagement.seed, self.spec.id))
        said: list[str] = []
        options = {**self._options, "box": attacked["bounds"], "schedule": how}
        if self.spec is declarations.FAST:
            options["say"] = said.append
        started = time.process_time()
        made = type(self).train(backend.model, data.tensors, data.labels, eps, **options)
        spent = time.process_time() - started
        target = Target(engagement.target.name, backend.trained(made))
        return Proposal(
            engagement=engagement.changed(target=target),
            settings={"eps": eps, "epochs": self._length, "rate": self._rate, "batch": self._batch, **self._options},
            note="; ".join((f"trained for radius {eps:g}, {self._length:g} epochs, {spent:.0f} CPU s", *said)),
        )


class AdversarialTraining(_Training):
    """``evasion.adversarial_training``; options: ``steps``."""

    spec, train, known, epochs = declarations.ADVERSARIAL, staticmethod(train_pgd), ("steps",), 5


class Trades(_Training):
    """``evasion.trades``; options: ``steps``, ``weight``."""

    spec, train, known, epochs = declarations.TRADES, staticmethod(train_trades), ("steps", "weight"), 5


class WeightPerturbation(_Training):
    """``evasion.weight_perturbation``; options: ``steps``, ``gamma``."""

    spec, train, known, epochs = declarations.AWP, staticmethod(train_awp), ("steps", "gamma"), 5


class FastTraining(_Training):
    """``evasion.fast_training``; options: ``guard``."""

    spec, train, known, epochs = declarations.FAST, staticmethod(train_fast), ("guard",), 10


class FreeTraining(_Training):
    """``evasion.free_training``; options: ``replays``."""

    spec, train, known, epochs = declarations.FREE, staticmethod(train_free), ("replays",), 10


class CertifiedTraining(_Training):
    """``evasion.certified_training``; options: ``warm``, ``ramp``, ``keep``, ``linear``."""

    known = ("warm", "ramp", "keep", "linear")
    spec, train, epochs = declarations.CERTIFIED, staticmethod(train_ibp), 10
