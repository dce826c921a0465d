"""Issue 5, row 7: MNIST at epsilon 3, beside Opacus with the same network and settings.

Settings were fixed on the training images alone: ``python -m benchmarks.private_mnist check`` trains on 50,000 of them
and scores the other 10,000. The network is that of Opacus' example with tanh for ReLU (Papernot et al. 2021, "Tempered
sigmoid activations for deep learning with differential privacy").
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks._models import DATA
from benchmarks._peers import ROOT, python
from benchmarks._private_networks import network
from casemate.data.images import Images, read_images
from casemate.privacy.dp import PrivateTraining

SEEDS = 3
TRAINING = PrivateTraining(epsilon=3.0, delta=1e-5, epochs=25, batch=1024, clip_norm=0.1, rate=1.0, momentum=0.9)


def ours(train: Images, test: Images, seed: int) -> tuple[float, float, float, float]:
    """Accuracy, CPU seconds, epsilon spent and noise multiplier of one training."""
    torch.manual_seed(seed)
    module = network("tanh CNN")
    started = time.process_time()
    x, y = torch.from_numpy(train.pixels), torch.from_numpy(train.labels).long()
    made = TRAINING.fit(module, x, y)
    seconds = time.process_time() - started
    plan = TRAINING.plan(len(x))
    with torch.no_grad():
        right = (made.module(torch.from_numpy(test.pixels)).argmax(1).numpy() == test.labels).mean()
    return float(right), seconds, plan.epsilon, plan.noise_multiplier


def theirs(train: Images, test: Images, noise: float) -> list[tuple[float, ...]]:
    """The same of Opacus: accuracy, CPU seconds, epsilon as its accountant has it."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "mnist.npz"
        np.savez(path, x=train.pixels, y=train.labels, test=test.pixels, truth=test.labels)
        settings = {
            "delta": TRAINING.delta,
            "epochs": TRAINING.epochs,
            "batch": TRAINING.batch,
            "clip_norm": TRAINING.clip_norm,
            "rate": TRAINING.rate,
            "momentum": TRAINING.momentum,
            "noise": noise,
            "seeds": SEEDS,
        }
        done = subprocess.run(
            [str(python("opacus")), str(ROOT / "benchmarks" / "_opacus_mnist.py"), str(path), json.dumps(settings)],
            capture_output=True,
            text=True,
            check=True,
        )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def main() -> None:
    """Print the section, or check settings without the test images."""
    torch.set_num_threads(1)
    if not (DATA / "mnist").exists():
        print("## MNIST at epsilon 3\n\nSKIPPED: MNIST is absent (make data).\n")
        return
    train = read_images(DATA / "mnist", "train")
    if sys.argv[1:] == ["check"]:
        first, last = (Images(train.pixels[part], train.labels[part]) for part in (slice(50_000), slice(50_000, None)))
        print(ours(first, last, 0))
        return
    print("## MNIST at epsilon 3\n")
    test = read_images(DATA / "mnist")
    found = [ours(train, test, seed) for seed in range(SEEDS)]
    print(f"{TRAINING.epochs:g} expected epochs, batches of {TRAINING.batch}, clip norm {TRAINING.clip_norm:g}, rate")
    print(
        f"{TRAINING.rate:g}, momentum {TRAINING.momentum:g}, noise multiplier {found[0][3]:.4f}, delta 1e-5; a CNN of"
    )
    print(f"{sum(each.numel() for each in network('tanh CNN').parameters()):,} parameters; one thread and one core.\n")
    print("| method | epsilon | test accuracy of each seed | CPU s |\n|---|---|---|---|")
    rows: list[tuple[str, float, Sequence[tuple[float, ...]]]] = [("**casemate**, trusted noise", found[0][2], found)]
    if python("opacus").exists():
        other = theirs(train, test, found[0][3])
        rows.append(("Opacus (hooks), its default noise", other[0][2], other))
    else:
        print("| Opacus | SKIPPED: make peers | | |")
    for name, epsilon, runs in rows:
        rights = ", ".join(f"{each[0]:.2%}" for each in runs)
        print(f"| {name} | {epsilon:.3f} | {rights} | {np.mean([each[1] for each in runs]):.0f} |")
    print()


if __name__ == "__main__":
    main()
