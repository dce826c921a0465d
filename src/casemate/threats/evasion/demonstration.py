"""Gradient masking, shown: one network, a few masks in front of it, what is claimed of each, and what is true.

The network reads scikit-learn's digits. No mask changes its answers much, and none makes it harder to fool; each makes
the attack that people try first fail. Everything is trained and measured when it is asked for, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_digits

from casemate.core.optional import require
from casemate.core.seeds import derive
from casemate.targets.differentiable import TorchClassifier
from casemate.threats.evasion.attacks import PGD
from casemate.threats.evasion.balls import Linf
from casemate.threats.evasion.hardening.adversarial import train_pgd, train_plain
from casemate.threats.evasion.hardening.descent import Schedule
from casemate.threats.evasion.masking import Trust, examine

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

EPS, TRAINED, ATTACKED = 0.15, 1400, 100


@dataclass(frozen=True)
class Shown:
    """One network, with or without a mask.

    Attributes:
        name: what was done to it.
        clean: accuracy on the inputs as they are.
        claimed: accuracy on what PGD found, asked once: what would be claimed.
        trust: everything that was measured.
    """

    name: str
    clean: float
    claimed: float
    trust: Trust


class _Layer(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, inputs: Tensor) -> Tensor:
        """The function."""
        return self.function(inputs)


def networks(seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """The plain network, four masks of it, and for comparison one that was trained to be robust."""
    x, y = _images()
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "demonstration") % 2**31)
        start = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 10)
        )
    how = Schedule(epochs=40, rate=5e-3, seed=seed)
    plain = train_plain(start, x[:TRAINED], y[:TRAINED], schedule=how)
    yield "no defense", plain
    yield "logits times a thousand, as distillation leaves them", nn.Sequential(plain, _Layer(lambda a: a * 1000))
    yield "inputs rounded to five gray values", nn.Sequential(_Layer(lambda a: (a * 4).round() / 4), plain)
    yield "a faint, fast ripple on the input", nn.Sequential(_Layer(lambda a: a + 0.01 * torch.sin(2000 * a)), plain)
    yield "fresh noise with each question", nn.Sequential(_Layer(lambda a: a + 0.25 * torch.randn_like(a)), plain)
    yield "adversarial training", train_pgd(start, x[:TRAINED], y[:TRAINED], EPS, steps=5, schedule=how)


def demonstrate(seed: int = 0) -> Iterator[Shown]:
    """Attack each of `networks` with changes of at most ``EPS``, and examine the attack.

    Raises:
        MissingPartError: torch is not installed.
    """
    x, y = _images()
    x, y = x[TRAINED : TRAINED + ATTACKED], y[TRAINED : TRAINED + ATTACKED]
    for name, module in networks(seed):
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "demonstration", name) % 2**31)  # of the mask that draws
            target = TorchClassifier(module, 10, name=name)
            naive = PGD(Linf(EPS), seed).evaluate(target, x, y)
            again = target.confirm(naive.adversarial).argmax(1) == y  # one lucky draw is no example
            found = examine(target, x, y, Linf(EPS), seed=seed, queries=1000)
        yield Shown(name, naive.clean_accuracy, float(again.float().mean()), found)


def _images() -> tuple[Tensor, Tensor]:
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return torch.tensor(data.images[order] / 16, dtype=torch.float32)[:, None], torch.tensor(data.target[order])
