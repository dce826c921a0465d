"""Runs a peer's decision-based attack on one network, in the peer's own environment: distances by queries, as JSON.

Run as ``.peers/robustness/bin/python benchmarks/_deciders.py PEER FILE``; FILE is an .npz with the network's name and
weights, x, y, starts and points. Every image that the network is shown counts as a query of the sample it belongs to.
The nearest adversarial one shown so far is what the peer is credited with, returned or not; the peer is stopped by an
exception at the last point.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from _networks import restored  # found beside this file, whatever environment runs it


class Spent(Exception):
    """The budget is used up."""


class Watched(torch.nn.Module):
    """A network that remembers how near each sample's adversarial images came, by queries."""

    def __init__(self, inner, x, y, points):
        super().__init__()
        self.inner, self.x, self.y, self.points = inner, x, y, points
        self.rows = None  # which samples the next images belong to; None: one image each, in order
        self.used = np.zeros(len(x), dtype=np.int64)
        self.best = np.full((len(x), len(points)), np.inf)

    def forward(self, images):
        """Logits; counted."""
        images = images.float()
        logits = self.inner(images)
        if self.rows is None:
            who, rank = np.arange(len(images)), self.used + 1
        else:
            who, rank = np.full(len(images), self.rows), self.used[self.rows] + np.arange(1, len(images) + 1)
        move = (images.double() - self.x[who].double()).flatten(1)
        far = move.norm(dim=1).detach().numpy()
        wrong = (logits.argmax(1) != self.y[who]).numpy()
        for at, most in enumerate(self.points):
            np.minimum.at(self.best[:, at], who, np.where(wrong & (rank <= most), far, np.inf))
        np.add.at(self.used, who, 1)
        if self.used[who].min() >= self.points[-1]:
            raise Spent
        return logits


def art(watched, x, y, starts):
    """ART's HopSkipJump, one sample after another."""
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import PyTorchClassifier

    estimator = PyTorchClassifier(
        watched, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    for row in range(len(x)):
        watched.rows = row
        attack = HopSkipJump(estimator, max_iter=10_000, max_eval=10_000, init_eval=100, verbose=False)
        with contextlib.suppress(Spent):
            one = slice(row, row + 1)
            attack.generate(x[one].numpy(), y[one].numpy(), x_adv_init=starts[one].numpy())


def foolbox(watched, x, y, starts):
    """Foolbox's HopSkipJump, all samples in one batch."""
    import foolbox

    wrapped = foolbox.PyTorchModel(watched, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.HopSkipJumpAttack(steps=10_000, constraint="l2")
    with contextlib.suppress(Spent):
        attack(wrapped, x, y, epsilons=None, starting_points=starts)


def main():
    """Print one line."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)
    given = np.load(sys.argv[2])
    weights = {name[2:]: given[name] for name in given.files if name.startswith("w:")}
    model = restored(str(given["network"]), weights)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    x, y, starts = (torch.from_numpy(given[name]) for name in ("x", "y", "starts"))
    watched = Watched(model, x, y, given["points"].tolist())
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), torch.no_grad():
        started = time.process_time()
        globals()[sys.argv[1]](watched, x, y, starts)
        seconds = time.process_time() - started
    print(json.dumps({"best": watched.best.tolist(), "used": watched.used.tolist(), "seconds": seconds}))


if __name__ == "__main__":
    main()
