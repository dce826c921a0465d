"""Adversarial training: the network learns from the examples that fool it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from casemate.core.optional import require
from casemate.threats.evasion.hardening.descent import Loss, Moment, Schedule, descend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")

WARM = 0.2
"""Share of the steps over which the radius grows to its full size: a large one teaches an untrained network nothing."""


def train_pgd(
    module: Any,
    pixels: Any,
    labels: Any,
    eps: float,
    *,
    steps: int = 7,
    box: tuple[float, float] = (0.0, 1.0),
    schedule: Schedule | None = None,
) -> Any:
    """Train on the examples that projected gradient descent finds.

    Args:
        module: a ``torch.nn.Module`` that returns logits; it is not changed.
        pixels: (n, ...) inputs.
        labels: (n,) codes.
        eps: radius in the largest coordinate, in units of inputs.
        steps: of the inner attack, each 2.5 eps / steps long.
        box: of valid inputs.
        schedule: how long and how fast.

    Returns:
        The trained copy, in evaluation mode.

    Raises:
        UsageError: there are no inputs, or not as many labels.

    Reference:
        Madry et al. 2018, arXiv:1706.06083, equation 2.1.
    """

    def loss(made: Any, x: Tensor, y: Tensor, now: Moment) -> Tensor:
        radius = eps * min(1.0, now.share / WARM)
        moved = climb(made, x, radius, steps, box, now, lambda logits: F.cross_entropy(logits, y, reduction="sum"))
        answer: Tensor = F.cross_entropy(made(moved), y)
        return answer

    return descend(module, pixels, labels, loss, schedule or Schedule())


def train_trades(
    module: Any,
    pixels: Any,
    labels: Any,
    eps: float,
    *,
    steps: int = 7,
    weight: float = 6.0,
    box: tuple[float, float] = (0.0, 1.0),
    schedule: Schedule | None = None,
) -> Any:
    """Train for accuracy on clean inputs plus ``weight`` times how far the answer moves within the ball.

    Args and errors as :func:`train_pgd`; ``weight`` is the paper's 1 / lambda.

    Reference:
        Zhang et al. 2019, arXiv:1901.08573, equation 5 and algorithm 1.
    """

    def loss(made: Any, x: Tensor, y: Tensor, now: Moment) -> Tensor:
        radius = eps * min(1.0, now.share / WARM)
        with still(made), torch.no_grad():
            goal = F.softmax(made(x), dim=1)
        moved = climb(
            made, x, radius, steps, box, now, lambda logits: F.kl_div(F.log_softmax(logits, 1), goal, reduction="sum")
        )
        clean = made(x)
        far = F.kl_div(F.log_softmax(made(moved), 1), F.softmax(clean, 1), reduction="batchmean")
        answer: Tensor = F.cross_entropy(clean, y) + weight * far
        return answer

    return descend(module, pixels, labels, loss, schedule or Schedule())


def plain(made: Any, x: Tensor, y: Tensor, now: Moment) -> Tensor:
    """Cross-entropy on the inputs as they are: no defense."""
    answer: Tensor = F.cross_entropy(made(x), y)
    return answer


def train_plain(module: Any, pixels: Any, labels: Any, *, schedule: Schedule | None = None) -> Any:
    """Train without any defense; arguments and errors as :func:`train_pgd`."""
    loss: Loss = plain
    return descend(module, pixels, labels, loss, schedule or Schedule())


def climb(
    made: Any,
    x: Tensor,
    radius: float,
    steps: int,
    box: tuple[float, float],
    now: Moment,
    rising: Callable[[Tensor], Tensor],
    pace: float = 2.5,
) -> Tensor:
    """Inputs within the radius that raise a loss, from a random start; weights get no gradient meanwhile.

    Args:
        made: the module in training.
        x: (n, ...) inputs.
        radius: of the ball, in the largest coordinate.
        steps: gradient steps, each ``pace * radius / steps`` long.
        box: of valid inputs.
        now: gives random numbers.
        rising: summed loss of (n, classes) logits.
        pace: how far all steps together reach, in radii.
    """
    low, high = (x - radius).clamp_min(box[0]), (x + radius).clamp_max(box[1])
    moved = x + radius * (2 * torch.rand(x.shape, generator=now.generator) - 1)
    moved = torch.minimum(torch.maximum(moved, low), high)
    with still(made):
        for _ in range(steps):
            moved.requires_grad_(True)
            (slope,) = torch.autograd.grad(rising(made(moved)), moved)
            step = moved.detach() + pace * radius / steps * slope.sign()
            moved = torch.minimum(torch.maximum(step, low), high)
    return moved.detach()


@contextmanager
def still(made: Any) -> Iterator[None]:
    """Parameters without gradients and the module in evaluation mode, as an attack sees it."""
    wanted = [each for each in made.parameters() if each.requires_grad]
    for each in wanted:
        each.requires_grad_(False)
    made.eval()
    try:
        yield
    finally:
        made.train()
        for each in wanted:
            each.requires_grad_(True)
