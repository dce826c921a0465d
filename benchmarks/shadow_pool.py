"""Shadow pool of small networks against the plain torch loop everyone writes: same seeds, schedule, rows; one thread.

Digits, MLP 64-64-10, 898 of 1,797 rows a model, 60 epochs of batches of 64, SGD with momentum. Pool and loop alternate
in chunks within one run. A batched torch pool (baddbmm) stands beside, to show why the pool is numpy.

Rectifiers have a kink: where float32 rounding puts a pre-activation on the other side of zero, the two trajectories
part for good, though neither is wrong. Such models are counted. tanh has no kink, and in float64 rounding is too small.
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from casemate.core.optional import require
from casemate.training.batched import CHUNK, Schedule, initial, logits, orders, train

MODELS, ROWS = 64, 898
HOWS = (
    Schedule(activation="tanh"),
    Schedule(activation="relu"),
    Schedule(activation="relu", precision="float64"),
)
torch = require("torch", extra="torch")
torch.set_num_threads(1)


def loop(table: np.ndarray, labels: np.ndarray, rows: np.ndarray, seed: int, how: Schedule) -> np.ndarray:
    """One model, the usual way."""
    kind = getattr(torch, how.precision)
    act = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[how.activation]
    net = torch.nn.Sequential(torch.nn.Linear(64, 64), act(), torch.nn.Linear(64, 10)).to(kind)
    with torch.no_grad():
        for layer, weights in zip((net[0], net[2]), initial((64, 64, 10), seed), strict=True):
            layer.weight.copy_(torch.tensor(weights[:-1].T))
            layer.bias.copy_(torch.tensor(weights[-1]))
    descent = torch.optim.SGD(net.parameters(), lr=how.rate, momentum=how.momentum)
    loss = torch.nn.CrossEntropyLoss()
    x, y = torch.tensor(table[rows], dtype=kind), torch.tensor(labels[rows])
    shuffle = orders(len(rows), seed)
    for _ in range(how.epochs):
        turn = torch.from_numpy(next(shuffle))
        for first in range(0, len(rows), how.batch):
            batch = turn[first : first + how.batch]
            descent.zero_grad()
            loss(net(x[batch]), y[batch]).backward()
            descent.step()
    with torch.no_grad():
        return net(torch.tensor(table, dtype=kind)).double().numpy()


def torch_pool(table: np.ndarray, labels: np.ndarray, rows: np.ndarray, seeds: list[int], how: Schedule) -> None:
    """Many models at once, with torch's batched products."""
    kind = getattr(torch, how.precision)
    first = [np.stack(layer) for layer in zip(*(initial((64, 64, 10), seed) for seed in seeds), strict=True)]
    parts = [torch.tensor(part, dtype=kind) for layer in first for part in (layer[:, :-1], layer[:, -1:])]
    speeds = [torch.zeros_like(part) for part in parts]
    data, hot = torch.tensor(table, dtype=kind), torch.eye(10, dtype=kind)[torch.tensor(labels)]
    w1, b1, w2, b2 = parts
    with torch.no_grad():
        shuffles = [orders(rows.shape[1], seed) for seed in seeds]
        for _ in range(how.epochs):
            turn = np.stack([mine[next(shuffle)] for mine, shuffle in zip(rows, shuffles, strict=True)])
            for start in range(0, turn.shape[1], how.batch):
                batch = torch.from_numpy(np.ascontiguousarray(turn[:, start : start + how.batch]))
                x = data[batch]
                h = torch.baddbmm(b1, x, w1)
                h = h.relu_() if how.activation == "relu" else h.tanh_()
                z = torch.softmax(torch.baddbmm(b2, h, w2), 2).sub_(hot[batch]).div_(batch.shape[1])
                back = torch.bmm(z, w2.transpose(1, 2)).mul_(h > 0 if how.activation == "relu" else 1 - h * h)
                steps = (torch.bmm(x.transpose(1, 2), back), back.sum(1, keepdim=True))
                steps += (torch.bmm(h.transpose(1, 2), z), z.sum(1, keepdim=True))
                for part, speed, step in zip(parts, speeds, steps, strict=True):
                    part.sub_(speed.mul_(how.momentum).add_(step), alpha=how.rate)


def main() -> None:
    """Print one line a schedule, and whether one of them meets both figures of row 5."""
    digits = load_digits()
    table, labels = digits.data / 16.0, digits.target.astype(np.int64)
    rows = np.stack([np.sort(np.random.default_rng(seed).permutation(len(table))[:ROWS]) for seed in range(MODELS)])
    print("## Shadow pool (acceptance 5)\n")
    print(f"{MODELS} models, MLP 64-64-10 on digits, {ROWS} rows each, 60 epochs, batches of 64; CPU ms a model.\n")
    print(
        "| activation | precision | plain loop | baddbmm | pool | ratio | largest logit difference | median | kinked |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    met = False
    for how in HOWS:
        spent = {"loop": 0.0, "torch": 0.0, "pool": 0.0}
        gaps: list[float] = []
        for start in range(0, MODELS, CHUNK):
            mine, seeds = rows[start : start + CHUNK], list(range(start, min(start + CHUNK, MODELS)))
            clock = time.process_time()
            weights = train(table, labels, 10, rows=mine, seeds=seeds, how=how)
            found = logits(weights, table, how.activation)
            spent["pool"] += time.process_time() - clock
            clock = time.process_time()
            torch_pool(table, labels, mine, seeds, how)
            spent["torch"] += time.process_time() - clock
            clock = time.process_time()
            plain = [loop(table, labels, one, seed, how) for one, seed in zip(mine, seeds, strict=True)]
            spent["loop"] += time.process_time() - clock
            gaps += [float(np.abs(ours - theirs).max()) for ours, theirs in zip(found, plain, strict=True)]
        ratio = spent["loop"] / spent["pool"]
        kinked = sum(gap > 1e-4 for gap in gaps)
        met |= ratio >= 10 and kinked == 0
        print(
            f"| {how.activation} | {how.precision} | {1e3 * spent['loop'] / MODELS:.0f} | "
            f"{1e3 * spent['torch'] / MODELS:.1f} | {1e3 * spent['pool'] / MODELS:.1f} | **{ratio:.1f}x** | "
            f"{max(gaps):.1e} | {np.median(gaps):.1e} | {kinked} of {MODELS} |",
            flush=True,
        )
    print(
        "\n`kinked`: models that differ by more than 1e-4 because float32 rounding put a rectifier's input on the "
        f"other side of zero. Row 5 (at least 10x and at most 1e-4 for all models): {'met' if met else 'NOT met'}."
    )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
