"""Adversarial training at the price of plain training: one gradient step an example, or gradients that serve twice."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from casemate.core.optional import require
from casemate.threats.evasion.hardening.adversarial import WARM, climb, still
from casemate.threats.evasion.hardening.descent import Moment, Schedule, descend

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")

LONG = 1.25
"""Length of the single step, in radii."""
PROBE, PROBED = 10, 100
"""Steps of the guard's attack, and training steps between two of them."""
FALL = 0.2
"""Share of a batch by which accuracy under the guard's attack may fall between two probes."""


def train_fast(
    module: Any,
    pixels: Any,
    labels: Any,
    eps: float,
    *,
    guard: bool = True,
    box: tuple[float, float] = (0.0, 1.0),
    schedule: Schedule | None = None,
    say: Callable[[str], None] | None = None,
) -> Any:
    """Train on the examples of one gradient step from a random start.

    Such training can fail suddenly: within some hundred steps the network learns to fool the single step and is robust
    against nothing else. The guard attacks a batch with ten steps now and then. When accuracy under it falls by a fifth
    since the last look, the weights of that look come back, and training goes on with one more step an example.

    Args:
        module: a ``torch.nn.Module`` that returns logits; it is not changed.
        pixels: (n, ...) inputs.
        labels: (n,) codes.
        eps: radius in the largest coordinate, in units of inputs.
        guard: False leaves the guard out.
        box: of valid inputs.
        schedule: how long and how fast.
        say: gets a sentence each time the guard steps in.

    Returns:
        The trained copy, in evaluation mode.

    Raises:
        UsageError: there are no inputs, or not as many labels.

    Reference:
        Wong, Rice and Kolter 2020, arXiv:2001.03994, algorithm 3 and section 5.3 (catastrophic overfitting).
    """
    watch = _Guard(eps, box, say) if guard else None

    def loss(made: Any, x: Tensor, y: Tensor, now: Moment) -> Tensor:
        if watch is not None:
            watch.look(made, x, y, now)
        steps = 1 if watch is None else watch.steps
        radius = eps * min(1.0, now.share / WARM)
        moved = climb(made, x, radius, steps, box, now, _rising(y), LONG if steps == 1 else 2.5)
        answer: Tensor = F.cross_entropy(made(moved), y)
        return answer

    return descend(module, pixels, labels, loss, schedule or Schedule())


def train_free(
    module: Any,
    pixels: Any,
    labels: Any,
    eps: float,
    *,
    replays: int = 4,
    box: tuple[float, float] = (0.0, 1.0),
    schedule: Schedule | None = None,
) -> Any:
    """Train on each batch several times; the gradient that moves the weights moves the inputs too.

    Args and errors as :func:`train_fast`; ``replays`` is the paper's m.

    Reference:
        Shafahi et al. 2019, arXiv:1904.12843, algorithm 1.
    """
    last: dict[str, Tensor] = {}

    def loss(made: Any, x: Tensor, y: Tensor, now: Moment) -> Tensor:
        radius = eps * min(1.0, now.share / WARM)
        far = last["far"] if "far" in last else torch.zeros_like(x)
        if "leaf" in last and last["leaf"].grad is not None:
            far = far + radius * last["leaf"].grad.sign()
        far = far.clamp(-radius, radius)
        leaf = (x + far).clamp(*box).requires_grad_(True)
        last.update(far=(leaf.detach() - x), leaf=leaf)
        answer: Tensor = F.cross_entropy(made(leaf), y)
        return answer

    return descend(module, pixels, labels, loss, schedule or Schedule(), replays=replays)


class _Guard:
    """Sees robustness fall where the single step does not.

    Attributes:
        steps: of the training's attack, from now on.
    """

    def __init__(self, eps: float, box: tuple[float, float], say: Callable[[str], None] | None) -> None:
        self.steps = 1
        self._eps, self._box = eps, box
        self._say = say or (lambda _: None)
        self._before = 0.0
        self._kept: dict[str, Tensor] | None = None

    def look(self, made: Any, x: Tensor, y: Tensor, now: Moment) -> None:
        """Attack this batch, if it is time; keep the weights, or bring the kept ones back."""
        if now.step % PROBED or now.share < WARM:
            return
        moved = climb(made, x, self._eps, PROBE, self._box, now, _rising(y))
        with still(made), torch.no_grad():
            right = float((made(moved).argmax(1) == y).float().mean())
        if self._kept is not None and right < self._before - FALL:
            made.load_state_dict(self._kept)
            self.steps += 1
            fell = f"accuracy under {PROBE} steps fell from {self._before:.0%} to {right:.0%}"
            self._say(f"catastrophic overfitting at step {now.step}: {fell}; on with {self.steps} steps from before")
            return
        self._before, self._kept = right, copy.deepcopy(made.state_dict())


def _rising(y: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda logits: F.cross_entropy(logits, y, reduction="sum")
