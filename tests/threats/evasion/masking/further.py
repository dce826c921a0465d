"""Six further defenses, written after the thresholds of `masking` were frozen, by somebody who had not seen them.

Two honest, four masked. Each is a network of its own, trained as its authors train it, so that nothing here resembles
the battery's wrappers around one network. That those are masked is shown without `examine`, in `test_batches.py`.

References:
    Zhang et al. 2019, arXiv:1901.08573 (TRADES). Xiao, Zhong and Zheng 2020, arXiv:1905.10510 (k-winners-take-all).
    Nayebi and Ganguli 2017, arXiv:1703.09202 (saturated networks; broken by Brendel and Bethge 2017,
    arXiv:1704.01547). Lee et al. 2018, arXiv:1806.00054 (reverse sigmoid).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from casemate.threats.evasion.hardening.adversarial import train_pgd, train_plain, train_trades
from casemate.threats.evasion.hardening.descent import Schedule
from casemate.threats.evasion.hardening.noise import train_smoothed
from tests.threats.evasion.masking.battery import EPS, _fresh, _training


class Winners(nn.Module):
    """The largest fifth of a layer's outputs passes, the rest is zero: smooth nowhere, and dense with jumps."""

    def __init__(self, share: float = 0.2) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(1)
        least = flat.topk(max(1, int(self.share * flat.shape[1])), dim=1).values[:, -1:]
        return (flat * (flat >= least)).reshape(x.shape)


class Deceptive(nn.Module):
    """Probabilities minus a reverse sigmoid of themselves: the surer the network, the less sure it says it is.

    The best class stays the best; whoever follows the scores, by gradients or without, is led to safer ground.
    """

    def __init__(self, inside: nn.Module, height: float = 0.7, slope: float = 0.2) -> None:
        super().__init__()
        self.inside, self.height, self.slope = inside, height, slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shares = self.inside(x).softmax(1).clamp(1e-9, 1 - 1e-7)
        turned = shares - self.height * (torch.sigmoid(self.slope * torch.logit(shares)) - 0.5)
        return turned / turned.sum(1, keepdim=True)


class Voting(nn.Module):
    """Five networks, each with one vote, as good as whole; what comes out are shares of votes."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([(200 * member(x)).softmax(1) for member in self.members]).mean(0)


class Saturated(nn.Module):
    """A steep bounded activation: trained gently, deployed with its slope multiplied by forty."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = 1.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.gain * x)


class Blurred(nn.Module):
    """A fixed 3 x 3 binomial blur before the network, at training time too: hides nothing."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("kernel", (row[:, None] * row[None])[None, None])
        self.inside = inside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inside(nn.functional.conv2d(nn.functional.pad(x, (1, 1, 1, 1), mode="replicate"), self.kernel))


def _network(seed: int, first: nn.Module, second: nn.Module) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), first, nn.Flatten(), nn.Linear(128, 64), second, nn.Linear(64, 10)
        )


@cache
def trades() -> nn.Module:
    """TRADES, the other classic of adversarial training."""
    return train_trades(_fresh(11), *_training(), EPS, steps=5, schedule=Schedule(40, rate=5e-3))


@cache
def blurred() -> nn.Module:
    """A blur that the network was trained behind."""
    return train_plain(Blurred(_fresh(12)), *_training(), schedule=Schedule(40, rate=5e-3))


@cache
def winners() -> nn.Module:
    """k-winners-take-all in place of both rectifiers."""
    return train_plain(_network(13, Winners(), Winners()), *_training(), schedule=Schedule(40, rate=5e-3))


@cache
def deceptive() -> nn.Module:
    """Deceptive answers in front of a network trained plainly."""
    return Deceptive(train_plain(_fresh(14), *_training(), schedule=Schedule(40, rate=5e-3))).eval()


@cache
def voting() -> nn.Module:
    """Five plainly trained networks that vote."""
    members = [train_plain(_fresh(20 + each), *_training(), schedule=Schedule(40, rate=5e-3)) for each in range(5)]
    return Voting(members).eval()


@cache
def saturated() -> nn.Module:
    """Bounded activations, made steeper and steeper in training, as high as they get with nothing lost."""
    first, second = Saturated(), Saturated()
    made = _network(15, first, second)
    for gain, epochs in ((1.0, 20), (3.0, 10), (10.0, 10), (40.0, 10)):
        for layer in made.modules():
            if isinstance(layer, Saturated):
                layer.gain = gain
        made = train_plain(made, *_training(), schedule=Schedule(epochs, rate=5e-3))
    return made


class Softly(nn.Module):
    """Nine gray values, by a rounding that has slopes: smooth stairs, steep between and flat on the treads."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stairs = x * 8
        for _ in range(4):
            stairs = stairs - torch.sin(2 * torch.pi * stairs) / (2 * torch.pi)
        return stairs / 8


class Modest(nn.Module):
    """Logits divided by the square of their spread: the surer the network, the closer together what it says."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.inside(x)
        return 10 * logits / logits.var(1, keepdim=True).clamp_min(1.0)


@cache
def softplus() -> nn.Module:
    """Adversarial training of a network with smooth activations, for a smaller radius."""
    made = _network(16, nn.Softplus(beta=5), nn.Softplus(beta=5))
    return train_pgd(made, *_training(), 0.08, steps=5, schedule=Schedule(30, rate=5e-3))


@cache
def noise_trained() -> nn.Module:
    """Training on noisy images, asked without noise."""
    return train_smoothed(_fresh(17), *_training(), 0.2, schedule=Schedule(40, rate=5e-3))


@cache
def softly() -> nn.Module:
    """Smooth stairs before a network trained plainly."""
    return nn.Sequential(Softly(), train_plain(_fresh(18), *_training(), schedule=Schedule(40, rate=5e-3))).eval()


@cache
def modest() -> nn.Module:
    """Modest answers of a network trained plainly."""
    return Modest(train_plain(_fresh(19), *_training(), schedule=Schedule(40, rate=5e-3))).eval()


HONEST_FURTHER = {"trades": trades, "blurred": blurred}
MASKED_FURTHER = {"winners": winners, "deceptive": deceptive, "voting": voting, "saturated": saturated}

# Written after the two signs that the four above called for, and before these were examined.
HONEST_LAST = {"softplus": softplus, "noise-trained": noise_trained}
MASKED_LAST = {"softly": softly, "modest": modest}
