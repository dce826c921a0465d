"""Private training in a loop of one's own: names and loop of Opacus; our clipping, noise, sampling and accounting.

What Opacus leaves to the user is held together here. The loader that is handed back draws the batches that are
accounted for, and counts them; the optimizer steps only with the clipped and noisy gradient of one of them; what a
step spends is on record before its noise is used. Sums are divided by the expected size of a batch, which is public,
never by the real one (pytorch/opacus issue 819).
"""

from __future__ import annotations

import math
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from casemate.core.errors import DataError, SpentError, UsageError
from casemate.core.optional import require
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.book import Book
from casemate.privacy.dp.accounting.events import Repeated
from casemate.privacy.dp.accounting.planning import noise_for
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.checks import ABSURD, check_delta, check_epsilon, check_share
from casemate.privacy.dp.noise import SeededEntropy, SystemEntropy
from casemate.privacy.dp.sgd.certifying import certify
from casemate.privacy.dp.sgd.loader import PoissonLoader, Turn, check_loader
from casemate.privacy.dp.sgd.optimizer import PrivateOptimizer
from casemate.privacy.dp.sgd.passes import Passes
from casemate.privacy.dp.sgd.release import GradientRelease
from casemate.privacy.dp.sgd.sampler import PoissonSampler
from casemate.privacy.dp.sgd.weighing import Clipping, check_clipping
from casemate.privacy.dp.warning import PrivacyWarning

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

SPARE: Final = 1e-6
"""Share of delta that is left for the distance of the noise from its distribution."""
ACCOUNTANTS: Final = ("pld", "prv", "rdp")
"""Names under which people ask for an upper bound; ours is one, and hardly above the truth."""
OPTIONS: Final[dict[str, tuple[tuple[object, ...], str]]] = {
    "poisson_sampling": ((True,), "what a shuffled loader spends is not what is accounted"),
    "grad_sample_mode": (
        ("hooks", "fused"),
        "gradients are clipped in one backward pass where a layer has a rule, and by torch.func where it has none: "
        "there is no other mode",
    ),
    "noise_generator": ((None,), "noise from a generator of torch is in floating point, and can be foreseen"),
    "batch_first": ((True,), "samples are counted along the first axis"),
    "rand_on_empty": ((False,), "an empty batch is one record of zeros here, which weighs nothing"),
    "wrap_model": ((True, False), ""),
}
"""What Opacus offers besides: values that mean what is done anyway, and why others are refused."""
MECHANISM: Final = "gradient descent with clipped gradients and rounded Gaussian noise (DP-SGD), in a loop of its own"
ASSUMED: Final = (
    "that the loop's loss is the plain mean or sum of losses of single samples, each a record of its batch (no "
    "weights of classes in a mean, no pairs)"
)


class _State(msgspec.Struct, forbid_unknown_fields=True):
    """What an engine has spent, to be continued."""

    events: tuple[Repeated, ...]
    distance: float
    steps: int


class PrivacyEngine:
    """Makes a module, an optimizer and a loader private; the loop stays as it is.

    Args:
        accountant: "pld", "prv" or "rdp": all mean ours, a bound that is never too small.
        secure_mode: accepted; the noise can be trusted either way, unless there is a seed.
        book: of budgets; an epoch is charged to ``data`` there before its first noise is used.
        data: name of the data set in the book.
        seed: makes noise and batches repeatable, and the training NOT private; for tests and public data.

    Attributes:
        accountant: all that was released.
        steps: releases so far, with those before `load_state_dict`.

    Raises:
        UsageError: the accountant under-reports or is unknown, or nobody is named who pays.

    Example:
        >>> data = torch.utils.data.TensorDataset(torch.rand(300, 4), torch.arange(300) % 2)
        >>> module, engine = nn.Linear(4, 2), PrivacyEngine()
        >>> module, optimizer, loader = engine.make_private(
        ...     module=module,
        ...     optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        ...     data_loader=torch.utils.data.DataLoader(data, batch_size=50),
        ...     noise_multiplier=1.1,
        ...     max_grad_norm=1.0,
        ... )
        >>> for x, y in loader:
        ...     optimizer.zero_grad()
        ...     nn.functional.cross_entropy(module(x), y).backward()
        ...     optimizer.step()
        >>> engine.steps, round(engine.get_epsilon(1e-4), 2)
        (6, 2.39)
    """

    def __init__(
        self,
        *,
        accountant: str = "prv",
        secure_mode: bool = False,
        book: Book | None = None,
        data: str = "",
        seed: int | None = None,
    ) -> None:
        del secure_mode
        if accountant not in ACCOUNTANTS:
            cause = "the central limit under-reports: at q 256/60,000, noise 1.1 and 60 epochs 2.33 for at least 2.37"
            raise UsageError(
                f"the accountant {accountant!r} is not used here",
                cause=cause if accountant == "gdp" else "",
                next_step='leave it out, or give "pld", "prv" or "rdp": all mean a bound that is never too small',
            )
        if book is not None and not data:
            raise UsageError("whose budget pays?", next_step="name the data set as in the book: data=...")
        if seed is not None:
            warnings.warn("seeded noise can be taken away: this training is not private", PrivacyWarning, stacklevel=2)
        self.accountant, self.steps = Accountant(), 0
        self._book, self._data, self._seed = book, data, seed
        self._distance, self._paid, self._left = 0.0, 0, math.inf
        self._made: tuple[Passes, PrivateOptimizer, PoissonLoader, PoissonSampler, GradientRelease] | None = None
        self._settings: dict[str, float | int | str | bool] = {}
        self._noise = 0.0

    def make_private(
        self,
        *,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        data_loader: torch.utils.data.DataLoader[Any],
        noise_multiplier: float,
        max_grad_norm: float,
        loss_reduction: str = "mean",
        clipping: Clipping = "flat",
        **options: Any,
    ) -> tuple[nn.Module, PrivateOptimizer, PoissonLoader]:
        """Make them private.

        Args:
            module: trained in place, and watched by hooks; the same one is handed back.
            optimizer: of the module's trained parameters.
            data_loader: its data set and batch size are taken, and batches drawn by Poisson sampling.
            noise_multiplier: deviation of the noise over the clip norm.
            max_grad_norm: the clip norm.
            loss_reduction: "mean" or "sum", as the loop's loss is over the samples of a pass. A mean has to be a plain
                one: with weights of classes, or labels that are ignored, what a sample adds depends on the others.
            clipping: see `casemate.privacy.dp.sgd.weighing`.
            **options: others of Opacus' are refused, but for values that mean what is done anyway.

        Returns:
            Module, optimizer and loader, for the loop.

        Raises:
            UsageError: something asked for cannot be, or would be claimed wrongly; nothing was spent.
            TargetError: the module cannot be trained privately; nothing was spent.
            DataError: there are no records.
        """
        sampler = self._checked(module, optimizer, data_loader, loss_reduction, clipping, options)
        parameters = [each for each in module.parameters() if each.requires_grad]
        given = {id(each) for group in optimizer.param_groups for each in group["params"] if each.requires_grad}
        if given != {id(each) for each in parameters} and parameters:
            raise UsageError(
                "the optimizer's parameters are not those of the module that are trained",
                cause="what only one of them has would be trained without privacy, or made private for nothing",
                next_step="give the optimizer module.parameters(), and freeze what is not to be trained",
            )
        size = sum(each.numel() for each in parameters)
        noise = SystemEntropy() if self._seed is None else SeededEntropy(2 * self._seed + 1)
        turn = Turn()
        loader = PoissonLoader(data_loader, sampler, turn)
        release = GradientRelease(size, max_grad_norm, noise_multiplier, noise)
        passes = Passes(module, max_grad_norm, clipping, loss_reduction == "mean")
        expected = sampler.expected if loss_reduction == "mean" else 1.0
        private = PrivateOptimizer(optimizer, passes, turn, self._release, expected)
        self._made, self._noise = (passes, private, loader, sampler, release), noise_multiplier
        self._settings = {
            "clip_norm": max_grad_norm,
            "clipping": clipping,
            "noise_multiplier": noise_multiplier,
            "batch": sampler.expected,
            "loss_reduction": loss_reduction,
            "optimizer": type(optimizer).__name__,
            "before": self.steps,
        }
        return module, private, loader

    def make_private_with_epsilon(
        self,
        *,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        data_loader: torch.utils.data.DataLoader[Any],
        target_epsilon: float,
        target_delta: float,
        epochs: int,
        max_grad_norm: float,
        **options: Any,
    ) -> tuple[nn.Module, PrivateOptimizer, PoissonLoader]:
        """The same with noise for a budget, in which what was spent before is included; no step beyond it is taken.

        Args:
            module: as in `make_private`.
            optimizer: likewise.
            data_loader: likewise.
            target_epsilon: the budget's.
            target_delta: the budget's.
            epochs: in which it is spent.
            max_grad_norm: as in `make_private`.
            **options: likewise.

        Raises:
            UsageError: the budget is none, or spent, or as in `make_private`.
        """
        check_epsilon(target_epsilon)
        if target_epsilon > ABSURD:
            warnings.warn(
                f"epsilon {target_epsilon:g} promises next to nothing; see what an attack gets through",
                PrivacyWarning,
                stacklevel=2,
            )
        if not 1 <= epochs < math.inf:
            raise UsageError(f"{epochs} epochs cannot be", next_step="give 1 or more")
        batch = check_loader(data_loader)
        records = len(data_loader.dataset)  # type: ignore[arg-type]  # no iterable data set
        check_share(target_delta, records)
        rate = PoissonSampler(records, batch / records, SeededEntropy(0)).rate
        steps = math.ceil(epochs * math.ceil(1 / rate))
        noise = noise_for(target_epsilon, target_delta * (1 - SPARE), rate=rate, steps=steps, after=self.accountant)
        made = self.make_private(
            module=module,
            optimizer=optimizer,
            data_loader=data_loader,
            noise_multiplier=noise,
            max_grad_norm=max_grad_norm,
            **options,
        )
        self._left = steps
        self._settings |= {"target_epsilon": target_epsilon, "target_delta": target_delta, "epochs": epochs}
        return made

    def get_epsilon(self, delta: float) -> float:
        """What was spent so far, the noise's distance from its distribution included.

        Raises:
            UsageError: delta does not lie between 0 and 1.
        """
        check_delta(delta)
        epsilon = self.accountant.epsilon(delta * (1 - SPARE))
        return epsilon if self._distance * (1 + math.exp(min(epsilon, 700.0))) <= SPARE * delta else math.inf

    def certificate(self, delta: float) -> Certificate:
        """What the training guarantees so far.

        Raises:
            UsageError: nothing was released, or delta is no smaller than one record in all.
        """
        if self._made is None or not self.steps:
            raise UsageError("nothing was released", next_step="train, then ask for the certificate")
        passes, _, _, sampler, release = self._made
        check_share(delta, sampler.records)
        fallback = "; ".join(f"{name or 'the module'}: {why}" for name, why in passes.fallback.items())
        return certify(
            self.accountant,
            release,
            epsilon=self.get_epsilon(delta),
            delta=delta,
            distance=self._distance,
            releases=self.steps,
            mechanism=MECHANISM,
            sampler=sampler.name,
            assumed=(ASSUMED,),
            settings={**self._settings, "fallback": fallback},
        )

    def state_dict(self) -> dict[str, Any]:
        """What was spent, in plain types, to be kept with the weights: without it the next run starts from nothing."""
        events = tuple(each for each in self.accountant.events if isinstance(each, Repeated))
        found: dict[str, Any] = msgspec.to_builtins(_State(events, self._distance, self.steps))
        return found

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what was spent before.

        Raises:
            UsageError: this engine has made something private already, and planned without it.
            DataError: this is no such state.
        """
        if self._made is not None or self.steps:
            raise UsageError(
                "this engine has been used already",
                cause="what was spent before has to be known before anything is planned",
                next_step="load the state into a new engine, then call make_private",
            )
        try:
            found = msgspec.convert(state, _State)
        except msgspec.ValidationError as error:
            raise DataError(
                "this is no state of a privacy engine", cause=str(error), next_step="give what state_dict() returned"
            ) from None
        self.accountant, self._distance, self.steps = Accountant(found.events), found.distance, found.steps

    def close(self) -> None:
        """Take the hooks away and stop drawing noise ahead; what was spent stays known."""
        if self._made is not None:
            passes, private, _, _, release = self._made
            passes.remove()
            private.close()
            release.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _checked(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        data_loader: torch.utils.data.DataLoader[Any],
        loss_reduction: str,
        clipping: str,
        options: dict[str, Any],
    ) -> PoissonSampler:
        """Refuse what cannot be; what draws the batches otherwise."""
        if self._made is not None:
            raise UsageError(
                "this engine has made something private already",
                next_step="make another engine, and load this one's state_dict() if the data are the same",
            )
        for name, value in options.items():
            meant, why = OPTIONS.get(name, ((), "Opacus' option or not, nothing here corresponds to it"))
            if value not in meant:
                raise UsageError(f"{name}={value!r} is refused", cause=why, next_step=f"leave {name} out")
        if loss_reduction not in ("mean", "sum"):
            raise UsageError(f"there is no loss_reduction {loss_reduction!r}", next_step='give "mean" or "sum"')
        check_clipping(clipping)
        if isinstance(optimizer, PrivateOptimizer):
            raise UsageError("this optimizer is private already", next_step="give the one it was made from")
        if isinstance(optimizer, torch.optim.LBFGS):
            raise UsageError("LBFGS calls its closure again and again, and each is a release", next_step="take another")
        shared = isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel)
        if shared or (torch.distributed.is_available() and torch.distributed.is_initialized()):
            raise UsageError(
                "training over several processes or devices is refused",
                cause="each would draw batches and noise of its own, and account for none of the others",
                next_step="train in one process",
            )
        batch = check_loader(data_loader)
        records = len(data_loader.dataset)  # type: ignore[arg-type]  # no iterable data set
        entropy = SystemEntropy() if self._seed is None else SeededEntropy(2 * self._seed)
        return PoissonSampler(records, batch / records, entropy)

    def _release(self, total: Tensor) -> Tensor:
        """Pay for a step, then make it private."""
        if self._made is None:
            raise AssertionError("only a private optimizer calls this")
        _, _, loader, sampler, release = self._made
        event = sampler.event(self._noise)
        if self._left < 1:
            raise SpentError(
                "the epochs that the budget was planned for are over",
                next_step="stop here, or decide on a larger budget and write down why",
            )
        if self._book is not None and not self._paid:
            block = int(min(len(loader), self._left))
            self._book.charge(self._data, event, block, purpose="private training in a loop")
            self._paid = block
        self.accountant = _composed(self.accountant, event)
        self.steps += 1
        self._paid -= 1
        self._left -= 1
        self._distance += release.distance
        return release(total)


def _composed(accountant: Accountant, event: Any) -> Accountant:
    """One release more, in as few events as before where the last was the same."""
    last = accountant.events[-1] if accountant.events else None
    if isinstance(last, Repeated) and last.release == event:
        return Accountant((*accountant.events[:-1], Repeated(event, last.count + 1)))
    return accountant.compose(event)
