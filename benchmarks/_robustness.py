"""Asking peers to attack a network, for the evasion benchmarks."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks._models import RECIPES, weights
from benchmarks._peers import ROOT, python

HOMES = {
    "autoattack": "robustness",
    "art_autoattack": "robustness",
    "art_pgd": "robustness",
    "foolbox_pgd": "robustness",
    "torchattacks_pgd": "torchattacks",
}


class Answer(NamedTuple):
    """What a peer's attack left standing, and what it took.

    Attributes:
        robust: (n,) classified rightly after the attack.
        seconds: CPU time.
        far: the greatest change of a coordinate.
    """

    robust: np.ndarray
    seconds: float
    far: float


def has(attack: str) -> bool:
    """Whether the peer's environment is there."""
    return python(HOMES[attack]).exists()


def ask(
    attack: str,
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    eps: float,
    *,
    steps: int = 0,
    frozen: bool = True,
    seed: int = 0,
) -> Answer:
    """Let a peer attack one of our networks, in a process of its own.

    Raises:
        RuntimeError: the peer failed; its last words are told.
    """
    kept = weights(name)
    kept.pop("seconds")
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given.npz"
        named = {f"w:{key}": value for key, value in kept.items()}
        network = RECIPES[name].network
        np.savez(given, network=network, x=x, y=y, eps=eps, seed=seed, steps=steps, frozen=frozen, **named)
        done = subprocess.run(
            [str(python(HOMES[attack])), "-W", "ignore", str(ROOT / "benchmarks" / "_attackers.py"), attack, given],
            check=False,
            capture_output=True,
            text=True,
            env={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        )
    if done.returncode:
        raise RuntimeError(f"{attack} failed: {done.stderr.strip().splitlines()[-1]}")
    said = json.loads(done.stdout)
    return Answer(np.array(said["robust"]), said["seconds"], said["far"])
