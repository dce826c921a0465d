"""Networks of the certificate benchmarks: trained once with fixed seeds, kept in ``.data/models``.

Run as a program to train one: ``python -m benchmarks._hardened NAME``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from casemate.data.images import Images, read_images
from casemate.threats.evasion.hardening.adversarial import train_pgd
from casemate.threats.evasion.hardening.certified import train_ibp
from casemate.threats.evasion.hardening.descent import Schedule
from casemate.threats.evasion.hardening.noise import train_smoothed

DATA = Path(__file__).parents[1] / ".data"
MNIST = DATA / "mnist"
RECIPES = {
    "ibp": "train_ibp(eps=0.1, warm=0.05, ramp=0.45, keep=0.2), 7 epochs",
    "pgd": "train_pgd(eps=0.1, steps=7), 2 epochs",
    "noise": "train_smoothed(sigma=0.25), 3 epochs",
}


def network() -> nn.Sequential:
    """Two strided convolutions and two linear layers, 166,406 parameters (the CNN-A of the verification literature)."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )


def trained(name: str) -> tuple[nn.Sequential, float]:
    """A network by recipe, and the CPU seconds its training took when it was made."""
    kept = DATA / "models" / f"certificates-{name}.npz"
    if not kept.exists():
        clock = time.process_time()
        made = _train(name, read_images(MNIST, "train"))
        weights = {key: value.numpy() for key, value in made.state_dict().items()}
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, seconds=np.array(time.process_time() - clock), **weights)
    with np.load(kept) as found:
        weights = {key: torch.from_numpy(found[key]) for key in found.files if key != "seconds"}
        seconds = float(found["seconds"])
    made = network()
    made.load_state_dict(weights)
    return made.eval().requires_grad_(False), seconds


def _train(name: str, data: Images) -> nn.Sequential:
    start = network()
    if name == "ibp":
        how = Schedule(epochs=7, rate=1.5e-3)
        return train_ibp(start, data.pixels, data.labels, 0.1, warm=0.05, ramp=0.45, keep=0.2, schedule=how)
    if name == "pgd":
        return train_pgd(start, data.pixels, data.labels, 0.1, schedule=Schedule(epochs=2, rate=2e-3))
    return train_smoothed(start, data.pixels, data.labels, 0.25, schedule=Schedule(epochs=3, rate=2e-3))


if __name__ == "__main__":
    print(trained(sys.argv[1])[1])
