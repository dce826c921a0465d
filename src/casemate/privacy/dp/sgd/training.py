"""Private training of torch modules in one call: sampling, clipping, noise and accounting are one object.

Reference:
    Abadi et al. 2016, "Deep learning with differential privacy", algorithm 1 (arXiv 1607.00133).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from casemate.core.errors import DataError, SpentError, UsageError
from casemate.core.observer import Observer, Silent
from casemate.core.optional import require
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.book import Book
from casemate.privacy.dp.accounting.events import Gaussian, Poisson
from casemate.privacy.dp.accounting.planning import noise_for
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.checks import ABSURD, check_delta, check_epsilon, check_share
from casemate.privacy.dp.noise import Entropy, SeededEntropy, SystemEntropy
from casemate.privacy.dp.sgd.certifying import certify
from casemate.privacy.dp.sgd.clipping import Clipper, Losses
from casemate.privacy.dp.sgd.correlated import CorrelatedRelease, FixedOrder
from casemate.privacy.dp.sgd.release import GradientRelease
from casemate.privacy.dp.sgd.sampler import PoissonSampler
from casemate.privacy.dp.sgd.tuning import only_last
from casemate.privacy.dp.sgd.weighing import Clipping, check_clipping
from casemate.privacy.dp.warning import PrivacyWarning

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

Optimizing = Callable[[Iterable["Tensor"]], "torch.optim.Optimizer"]
SPARE: Final = 1e-6
"""Share of delta that is left for the distance of the noise from its distribution."""
_MECHANISMS: Final = {
    "poisson": "gradient descent with clipped gradients and rounded Gaussian noise (DP-SGD)",
    "fixed": "gradient descent with clipped gradients and correlated, rounded Gaussian noise (DP-FTRL), all steps one",
}
KEPT: Final = 1 << 28
"""Numbers of past gradients that are kept in memory at most; noise of large modules is correlated over fewer steps."""
LARGEST: Final = 512
"""Samples whose gradients are clipped at a time; larger batches are gathered."""


@dataclass(frozen=True)
class Plan:
    """What a budget buys, before any of it is spent.

    Attributes:
        steps: releases.
        rate: probability with which a record takes part in one.
        noise_multiplier: of each release.
        epsilon: what all of them spend.
    """

    steps: int
    rate: float
    noise_multiplier: float
    epsilon: float


@dataclass(frozen=True)
class Trained:
    """A privately trained module.

    Attributes:
        module: the one that was given, trained in place.
        certificate: its guarantee.
        clipped: share of the samples whose gradients were longer than the clip norm, a step; private, for nobody but
            the owner.
    """

    module: nn.Module
    certificate: Certificate
    clipped: list[float] = field(repr=False)


@dataclass(frozen=True)
class PrivateTraining:
    """DP-SGD with everything that it spends: frozen settings with ``plan(records)`` and ``fit(module, x, y)``.

    Attributes:
        epsilon, delta: the budget of one training.
        epochs: expected number of times that each record takes part.
        batch: expected size of a batch; the real size is random, for that is what is accounted.
        clip_norm: largest L2 norm of what one record adds to a gradient.
        clipping: "flat", "automatic" or "per_layer"; see `casemate.privacy.dp.sgd.weighing`.
        order: of records. "poisson": drawn by lot for each batch, which makes the noise worth more. "fixed": as they
            come, each once an epoch, for data that cannot be drawn from; noise is correlated over steps instead, and
            nothing is claimed for sampling (DP-FTRL, `casemate.privacy.dp.sgd.correlated`).
        rate: step length.
        momentum: of plain gradient descent.
        optimizer: makes any other from parameters, for example ``torch.optim.Adam``; it sees private gradients only.
        losses: one loss a sample; cross entropy by default.
        layers: the last layers that are trained, for a network that has learned from public data; the others are frozen
            meanwhile. All by default.
        seed: makes noise and batches repeatable, and the training NOT private; for tests and public data.

    Example:
        >>> x, y = torch.rand(300, 4), torch.arange(300) % 2
        >>> training = PrivateTraining(epsilon=3.0, delta=1e-4, epochs=2, batch=50, seed=0)
        >>> with warnings.catch_warnings(action="ignore"):
        ...     trained = training.fit(nn.Linear(4, 2), x, y)
        >>> trained.certificate.releases, trained.certificate.trusted
        (12, False)
    """

    epsilon: float
    delta: float
    epochs: float = 20.0
    batch: int = 256
    clip_norm: float = 1.0
    order: Literal["poisson", "fixed"] = "poisson"
    rate: float = 0.5
    momentum: float = 0.9
    optimizer: Optimizing | None = None
    losses: Losses | None = None
    seed: int | None = None
    clipping: Clipping = "flat"
    layers: int | None = None

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon)
        check_delta(self.delta)
        for value, what in ((self.epochs, "epochs"), (self.batch, "batch"), (self.clip_norm, "clip_norm")):
            if not 0 < value < math.inf:
                raise UsageError(f"{what} of {value} cannot be", next_step="give a positive number")
        check_clipping(self.clipping)
        if self.layers is not None and self.layers < 1:
            raise UsageError(f"the last {self.layers} layers cannot be trained", next_step="give 1 or more, or None")
        if self.order not in ("poisson", "fixed"):
            raise UsageError(f"there is no order {self.order!r}", next_step='give "poisson" or "fixed"')

    def plan(self, records: int) -> Plan:
        """Noise and steps for a number of records, which is public.

        Raises:
            UsageError: delta is no smaller than one record in all, or the batch is larger than all records.
        """
        check_share(self.delta, records)
        if self.batch > records:
            raise UsageError(
                f"a batch of {self.batch} is more than {records:,} records", next_step="give a smaller batch"
            )
        if self.order == "fixed":
            order = FixedOrder(records, self.batch, max(round(self.epochs), 1))
            return _together(self.epsilon, self.delta * (1 - SPARE), self.batch / records, order.steps)
        rate = PoissonSampler(records, self.batch / records, SeededEntropy(0)).rate
        steps = max(math.ceil(self.epochs / rate), 1)
        return _bought(self.epsilon, self.delta * (1 - SPARE), rate, steps)

    def fit(
        self,
        module: nn.Module,
        x: Tensor,
        y: Tensor,
        *,
        book: Book | None = None,
        data: str = "",
        observer: Observer | None = None,
    ) -> Trained:
        """Train a module in place.

        Args:
            module: any without layers that mix samples; see `casemate.privacy.dp.sgd.repair`.
            x: (n, ...) samples.
            y: (n, ...) labels.
            book: of budgets; what a training spends is charged to ``data`` there, an epoch at a time, beforehand.
            data: name of the data set in the book.
            observer: hears of epochs.

        Raises:
            TargetError: the module cannot be trained privately, or its losses; nothing was spent.
            UsageError: losses are not one a sample, or settings cannot be; nothing was spent.
            DataError: samples are not finite, not as many as labels, or labelled otherwise; nothing was spent.
            SpentError: the book refused the first epoch. If it refuses a later one, training ends there.
        """
        if len(x) != len(y) or not len(x):
            raise DataError(f"{len(x)} samples and {len(y)} labels", next_step="give one label a sample")
        if x.is_floating_point() and not bool(x.isfinite().all()):
            raise DataError(
                "samples hold numbers that are missing or infinite",
                next_step="impute or leave them out before training",
            )
        if book is not None and not data:
            raise UsageError("whose budget pays?", next_step="name the data set as in the book: data=...")
        with only_last(module, self.layers):
            return self._fit(module, x, y, book, data, observer or Silent())

    def _fit(self, module: nn.Module, x: Tensor, y: Tensor, book: Book | None, data: str, heard: Observer) -> Trained:
        plan, clipper = self.plan(len(x)), Clipper(module, self.losses, self.clipping)
        clipper.check(x, y)
        if self.epsilon > ABSURD:
            warnings.warn(
                f"epsilon {self.epsilon:g} promises next to nothing; see what an attack gets through",
                PrivacyWarning,
                stacklevel=3,
            )
        if self.seed is not None:
            warnings.warn("seeded noise can be taken away: this training is not private", PrivacyWarning, stacklevel=3)
        parameters = list(clipper.trained.values())
        optimizer = (self.optimizer or self._descent)(parameters)
        sampler, made = self._made(len(x), plan, sum(each.numel() for each in parameters))
        epoch = max(round(1 / plan.rate), 1) if self.order == "poisson" else plan.steps
        done, clipped = 0, list[float]()
        heard.begin("private training", plan.steps)
        with made as release:
            while done < plan.steps:
                block = min(epoch, plan.steps - done)
                if book is not None:
                    try:
                        book.charge(
                            data, sampler.event(plan.noise_multiplier), self._events(block), purpose="private training"
                        )
                    except SpentError:
                        if not done:
                            raise
                        heard.note(f"the budget of {data!r} is spent: training ends after {done} of {plan.steps} steps")
                        break
                for _ in range(block):
                    clipped.append(self._step(clipper, sampler, release, optimizer, x, y))
                done += block
                heard.advance("private training", block)
        heard.end("private training")
        return Trained(module, self._certificate(plan, sampler, release, clipper, done), clipped)

    def _step(
        self,
        clipper: Clipper,
        sampler: PoissonSampler | FixedOrder,
        release: GradientRelease | CorrelatedRelease,
        optimizer: torch.optim.Optimizer,
        x: Tensor,
        y: Tensor,
    ) -> float:
        """One release, and what it does to the weights; the share of samples that were clipped."""
        rows = torch.from_numpy(np.ascontiguousarray(sampler.draw()))
        total, long = torch.zeros(release.size, dtype=torch.float64), 0
        for part in torch.split(rows, LARGEST) if len(rows) else ():
            found = clipper(x[part], y[part], self.clip_norm)
            total += torch.cat([found.sums[name].flatten() for name in clipper.trained]).double()
            long += int((found.norms > self.clip_norm).sum())
        noisy, at = release(total) / sampler.expected, 0
        for parameter in clipper.trained.values():
            piece = noisy[at : at + parameter.numel()]
            parameter.grad = piece.reshape(parameter.shape).to(parameter.dtype)
            at += parameter.numel()
        optimizer.step()
        return long / max(len(rows), 1)

    def _descent(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.rate, momentum=self.momentum)

    def _entropy(self, purpose: str) -> Entropy:
        if self.seed is None:
            return SystemEntropy()
        return SeededEntropy(2 * self.seed + (purpose == "noise"))

    def _made(
        self, records: int, plan: Plan, size: int
    ) -> tuple[PoissonSampler, GradientRelease] | tuple[FixedOrder, CorrelatedRelease]:
        """What hands out batches, and what releases their sums: nothing else may be put together."""
        noise = self._entropy("noise")
        if self.order == "poisson":
            sampler = PoissonSampler(records, plan.rate, self._entropy("batches"))
            return sampler, GradientRelease(size, self.clip_norm, plan.noise_multiplier, noise)
        order = FixedOrder(records, self.batch, max(round(self.epochs), 1))
        factor = order.factor(max(KEPT // (2 * size), 1))
        return order, CorrelatedRelease(size, self.clip_norm, plan.noise_multiplier, factor, noise)

    def _events(self, steps: int) -> int:
        """How many events of the sampler steps are: with correlated noise all of them are one."""
        return steps if self.order == "poisson" else 1

    def _certificate(
        self,
        plan: Plan,
        sampler: PoissonSampler | FixedOrder,
        release: GradientRelease | CorrelatedRelease,
        clipper: Clipper,
        done: int,
    ) -> Certificate:
        return certify(
            Accountant().compose(sampler.event(plan.noise_multiplier), self._events(done)),
            release,
            epsilon=self.epsilon,
            delta=self.delta,
            distance=done * release.distance,
            releases=self._events(done),
            mechanism=_MECHANISMS[self.order],
            sampler=sampler.name,
            settings={
                "clip_norm": self.clip_norm,
                "clipping": self.clipping,
                "noise_multiplier": plan.noise_multiplier,
                "rate": self.rate,
                "momentum": self.momentum,
                "batch": self.batch,
                "layers": self.layers or "all",
                "epochs": self.epochs,
                "steps": done,
                "fallback": clipper.fallback,
            },
        )


@lru_cache(32)
def _together(epsilon: float, delta: float, rate: float, steps: int) -> Plan:
    noise = noise_for(epsilon, delta)
    return Plan(steps, rate, noise, Accountant().compose(Gaussian(noise)).epsilon(delta))


@lru_cache(32)
def _bought(epsilon: float, delta: float, rate: float, steps: int) -> Plan:
    noise = noise_for(epsilon, delta, rate=rate, steps=steps)
    release = Gaussian(noise) if rate == 1 else Poisson(rate, Gaussian(noise))
    return Plan(steps, rate, noise, Accountant().compose(release, steps).epsilon(delta))
