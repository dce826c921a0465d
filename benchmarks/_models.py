"""Networks trained on MNIST for the evasion benchmarks: two plainly, two adversarially, two certifiably.

Each is trained once and kept in ``.data/models`` under a digest of its recipe: ``python -m benchmarks._models`` trains
all of them, about 40 CPU minutes.
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
from casemate.threats.evasion.hardening.adversarial import train_pgd, train_plain
from casemate.threats.evasion.hardening.certified import train_ibp
from casemate.threats.evasion.hardening.descent import Schedule

DATA = Path(__file__).parents[1] / ".data"


@dataclass(frozen=True)
class Recipe:
    """How one network came to be.

    Attributes:
        network: name of the architecture.
        train: what trains it.
        eps: the radius it is trained for, and attacked with; plain networks are only attacked with it.
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


IBP = (("ramp", 0.5), ("warm", 0.05), ("keep", 0.1))
RECIPES = {
    "plain A": Recipe("cnn_a", train_plain, 0.1, (), Schedule(3, seed=1), 1),
    "plain B": Recipe("cnn_b", train_plain, 0.1, (), Schedule(3, seed=2), 2),
    "PGD A": Recipe("cnn_a", train_pgd, 0.3, (("steps", 7),), Schedule(8, rate=2e-3, seed=3), 3),
    "PGD B": Recipe("cnn_b", train_pgd, 0.1, (("steps", 5),), Schedule(4, rate=2e-3, seed=4), 4),
    "IBP A": Recipe("cnn_a", train_ibp, 0.1, IBP, Schedule(14, rate=2e-3, seed=5), 5),
    "IBP B": Recipe("cnn_b", train_ibp, 0.1, IBP, Schedule(10, rate=2e-3, seed=6), 6),
}


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
        options = dict(recipe.options) if recipe.train is train_plain else {"eps": recipe.eps, **dict(recipe.options)}
        made = recipe.train(module, images.pixels, images.labels, **options, schedule=recipe.schedule)
        kept = {key: value.numpy() for key, value in made.state_dict().items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, seconds=time.process_time() - started, **kept)
    with np.load(path, allow_pickle=False) as found:
        return {key: found[key] for key in found.files}


def model(name: str) -> tuple[nn.Module, float]:
    """A network in evaluation mode, and the CPU seconds its training took."""
    kept = weights(name)
    seconds = float(kept.pop("seconds"))
    return restored(RECIPES[name].network, kept), seconds


def images(count: int) -> Images:
    """The first test images of MNIST."""
    return read_images(DATA / "mnist").first(count)


def main() -> None:
    """Train what is asked for, or all."""
    test = images(10_000)
    for name in sys.argv[1:] or RECIPES:
        module, seconds = model(name)
        with torch.no_grad():
            answers = module(torch.from_numpy(test.pixels)).argmax(1).numpy()
        print(f"{name}: clean {np.mean(answers == test.labels):.2%}, {seconds:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
