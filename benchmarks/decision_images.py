"""Issue 4, row 10: decision-based attacks on images, distance by queries, beside ART's and foolbox's HopSkipJump.

Same network, images and start images (each of another class). Whatever image a network is shown counts as a query; the
peers are credited with the nearest adversarial image they ever showed it, returned or not. Confirmations of ours, one a
point, are not queries and can only take examples away.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks._models import RECIPES, images, model, weights
from benchmarks._peers import ROOT, python
from casemate.targets import TorchClassifier
from casemate.threats.evasion.decisions.attacks import NormalSearch

COUNT = 100
POINTS = (1000, 5000, 25_000)
PEERS = ("foolbox", "art")
NETWORKS = ("plain A", "PGD A")
HOME = "robustness"


def scene(name: str, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first images that a network gets right, their classes, and a start of another class for each."""
    module, _ = model(name)
    test = images(4000)
    with torch.no_grad():
        parts = torch.from_numpy(test.pixels).split(500)
        answers = torch.cat([module(part).argmax(1) for part in parts]).numpy()
    chosen = np.flatnonzero(answers[:1000] == test.labels[:1000])[:count]
    draw = np.random.default_rng(0)
    starts = [draw.choice(np.flatnonzero(answers[1000:] != test.labels[each])) + 1000 for each in chosen]
    return test.pixels[chosen], test.labels[chosen], test.pixels[starts]


def peer(which: str, name: str, count: int) -> tuple[np.ndarray, float]:
    """(n, points) distances and CPU seconds of a peer.

    Raises:
        RuntimeError: the peer failed; its last words are told.
    """
    x, y, starts = scene(name, count)
    kept = weights(name)
    kept.pop("seconds")
    named = {f"w:{key}": value for key, value in kept.items()}
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given.npz"
        network = RECIPES[name].network
        np.savez(given, network=network, x=x, y=y, starts=starts, points=np.array(POINTS), **named)
        done = subprocess.run(
            [str(python(HOME)), "-W", "ignore", str(ROOT / "benchmarks" / "_deciders.py"), which, given],
            check=False,
            capture_output=True,
            text=True,
            env={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        )
    if done.returncode:
        raise RuntimeError(f"{which} failed: {done.stderr.strip().splitlines()[-1]}")
    said = json.loads(done.stdout)
    return np.array(said["best"]), float(said["seconds"])


def ours(name: str, count: int) -> tuple[np.ndarray, float]:
    """The same of NormalSearch."""
    module, _ = model(name)
    x, y, starts = scene(name, count)
    found = NormalSearch(POINTS).evaluate(TorchClassifier(module, 10, batch=1024), x, y, starts=starts)
    return found.distance, found.seconds


def main() -> None:
    """Print the section."""
    torch.set_num_threads(1)
    print("## Decision-based attacks on images\n")
    peers = PEERS if python(HOME).exists() else ()
    if not peers:
        print("SKIPPED: no peers.\n")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    print(f"Median L2 distance over {count} MNIST images, the same start images for all.\n")
    print("| network | attack | " + " | ".join(f"{each:,} queries" for each in POINTS) + " | CPU s |")
    print("|---|---|" + "---|" * (len(POINTS) + 1))
    for name in NETWORKS:
        for which in ("", *peers):
            distance, seconds = peer(which, name, count) if which else ours(name, count)
            label = f"HopSkipJump, {which}" if which else "**NormalSearch**"
            cells = " | ".join(f"{each:.4g}" for each in np.median(distance, axis=0))
            print(f"| {name} | {label} | {cells} | {seconds:.0f} |", flush=True)
    print()


if __name__ == "__main__":
    main()
