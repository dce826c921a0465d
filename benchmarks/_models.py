"""Networks trained on MNIST for the evasion benchmarks.

Each is trained once and kept in ``.data/models`` under a digest of its recipe: ``python -m benchmarks._models NAME``
trains one, without a name all of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks._networks import NETWORKS, restored
from casemate.data.images import Images, read_images
from casemate.threats.evasion.hardening.adversarial import train_pgd, train_plain, train_trades
from casemate.threats.evasion.hardening.certified import train_ibp
from casemate.threats.evasion.hardening.cheap import train_fast, train_free
from casemate.threats.evasion.hardening.descent import Schedule
from casemate.threats.evasion.hardening.noise import train_smoothed
from casemate.threats.evasion.hardening.weights import train_awp

DATA = Path(__file__).parents[1] / ".data"


@dataclass(frozen=True)
class Recipe:
    """How one network came to be.

    Attributes:
        network: name of the architecture.
        train: what trains it.
        eps: the radius it is trained for, and attacked with (plain networks are only attacked with it); of noise, the
            standard deviation.
        options: of ``train``.
        schedule: of the descent.
        seed: of the initial weights.
    """

    network: str
    train: Callable[..., Any]
    eps: float
    options: tuple[tuple[str, Any], ...]
    schedule: Schedule
    seed: int

    @property
    def digest(self) -> str:
        """Names the file that its weights are kept in."""
        text = f"{self.network} {self.train.__name__} {self.eps} {self.options} {self.schedule} {self.seed}"
        return sha256(text.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        options = "".join(f", {name}={value}" for name, value in self.options)
        return f"{self.train.__name__}({self.eps:g}{options}), {self.schedule.epochs} epochs"


IBP = (("ramp", 0.5), ("warm", 0.05), ("keep", 0.1))
STEPS = (("steps", 7),)
SIX = {
    "plain A": Recipe("cnn_a", train_plain, 0.1, (), Schedule(3, seed=1), 1),
    "plain B": Recipe("cnn_b", train_plain, 0.1, (), Schedule(3, seed=2), 2),
    "PGD A": Recipe("cnn_a", train_pgd, 0.3, STEPS, Schedule(8, rate=2e-3, seed=3), 3),
    "PGD B": Recipe("cnn_b", train_pgd, 0.1, (("steps", 5),), Schedule(4, rate=2e-3, seed=4), 4),
    "IBP A": Recipe("cnn_a", train_ibp, 0.1, IBP, Schedule(14, rate=2e-3, seed=5), 5),
    "IBP B": Recipe("cnn_b", train_ibp, 0.1, IBP, Schedule(10, rate=2e-3, seed=6), 6),
}
"""Two plain, two adversarially and two certifiably trained networks: what attacks are measured on."""
HARDENED = {
    "TRADES A": Recipe("cnn_a", train_trades, 0.3, (*STEPS, ("weight", 3.0)), Schedule(8, rate=2e-3, seed=7), 7),
    "AWP A": Recipe("cnn_a", train_awp, 0.3, STEPS, Schedule(8, rate=2e-3, seed=8), 8),
    "fast A": Recipe("cnn_a", train_fast, 0.3, (), Schedule(16, rate=2e-3, seed=9), 9),
    "unguarded A": Recipe("cnn_a", train_fast, 0.3, (("guard", False),), Schedule(16, rate=2e-3, seed=9), 9),
    "free A": Recipe("cnn_a", train_free, 0.3, (("replays", 4),), Schedule(24, rate=2e-3, seed=10), 10),
    "IBP .3 A": Recipe("cnn_a", train_ibp, 0.3, IBP, Schedule(30, rate=2e-3, seed=11), 11),
}
"""With "PGD A", the recipes for radius 0.3."""
NOISE = {"noise A": Recipe("cnn_a", train_smoothed, 0.25, (), Schedule(3, rate=2e-3, seed=12), 12)}
RECIPES = SIX | HARDENED | NOISE


def weights(name: str) -> dict[str, np.ndarray]:
    """The weights of a network, trained now if they are not there yet; "seconds" is what training took."""
    recipe = RECIPES[name]
    path = DATA / "models" / f"{recipe.digest}.npz"
    if not path.exists():
        images = read_images(DATA / "mnist", "train")
        torch.set_num_threads(1)
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            module = NETWORKS[recipe.network]()
        started = time.process_time()
        radius = () if recipe.train is train_plain else (recipe.eps,)
        options = {**dict(recipe.options), "schedule": recipe.schedule}
        made = recipe.train(module, images.pixels, images.labels, *radius, **options)
        kept = {key: value.numpy() for key, value in made.state_dict().items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, seconds=time.process_time() - started, **kept)
    with np.load(path, allow_pickle=False) as found:
        return {key: found[key] for key in found.files}


def model(name: str) -> tuple[nn.Module, float]:
    """A network in evaluation mode with frozen parameters, and the CPU seconds its training took."""
    kept = weights(name)
    seconds = float(kept.pop("seconds"))
    return restored(RECIPES[name].network, kept).requires_grad_(False), seconds


def images(count: int) -> Images:
    """The first test images of MNIST."""
    return read_images(DATA / "mnist").first(count)


def clean_accuracy(module: nn.Module) -> float:
    """Share of MNIST's 10,000 test images that are classified rightly."""
    test = images(10_000)
    with torch.no_grad():
        answers = torch.cat([module(part).argmax(1) for part in torch.from_numpy(test.pixels).split(1000)])
    return float(np.mean(answers.numpy() == test.labels))


def main() -> None:
    """Train what is asked for, or all."""
    for name in sys.argv[1:] or RECIPES:
        module, seconds = model(name)
        print(f"{name}: clean {clean_accuracy(module):.2%}, {seconds:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
