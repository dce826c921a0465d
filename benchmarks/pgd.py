"""Issue 4, row 3: PGD with 40 steps on 1,000 images beside ART, foolbox and torchattacks.

Same network, images, radius and step; one random start each; CPU seconds of one thread, imports and a first small pass
left out, alternating. Parameters frozen, which few users do, and as they are after training.
"""

from __future__ import annotations

import statistics

import torch

from benchmarks._models import RECIPES, images, model
from benchmarks._robustness import ask, has
from casemate.targets import TorchClassifier
from casemate.threats.evasion import PGD, Linf

COUNT, ROUNDS, STEPS, STEP = 1000, 5, 40, 0.01
PEERS = ("art_pgd", "foolbox_pgd", "torchattacks_pgd")
CASES = (("PGD A", True, 1.4), ("PGD A", False, 1.9), ("plain A", True, 3.8))


def ours(name: str, seed: int) -> tuple[float, float]:
    """Robust accuracy and CPU seconds."""
    module, _ = model(name)
    test = images(COUNT)
    target = TorchClassifier(module, 10)
    attack = PGD(Linf(radius(name)), seed, steps=STEPS, step=STEP)
    attack.evaluate(target, test.pixels[:4], test.labels[:4])
    found = attack.evaluate(target, test.pixels, test.labels)
    return found.estimate, found.seconds


def radius(name: str) -> float:
    """0.3 for all: what row 3 asks for."""
    return 0.3 if name.startswith("plain") else RECIPES[name].eps


def main() -> None:
    """Print the section."""
    torch.set_num_threads(1)
    print("## PGD-40 beside ART, foolbox, torchattacks\n")
    peers = [each for each in PEERS if has(each)]
    if len(peers) < len(PEERS):
        print(f"SKIPPED: not all peers are there ({', '.join(peers) or 'none'}).\n")
        return
    test = images(COUNT)
    print(f"{COUNT} MNIST images, {STEPS} steps of {STEP}; CPU s, median of {ROUNDS} rounds with seeds of their own")
    print("(robust accuracy, mean of them).\n")
    print(
        "| network | parameters | "
        + " | ".join(("casemate", *(each.split("_")[0] for each in peers)))
        + " | fastest peer / casemate | goal |"
    )
    print("|---|---|" + "---|" * (len(peers) + 3))
    for name, frozen, goal in CASES:
        seconds: dict[str, list[float]] = {each: [] for each in ("casemate", *peers)}
        robust: dict[str, list[float]] = {each: [] for each in seconds}
        for seed in range(ROUNDS):
            left, took = ours(name, seed)
            seconds["casemate"].append(took)
            robust["casemate"].append(left)
            for peer in peers:
                said = ask(peer, name, test.pixels, test.labels, radius(name), steps=STEPS, frozen=frozen, seed=seed)
                seconds[peer].append(said.seconds)
                robust[peer].append(float(said.robust.mean()))
        accuracy = {each: statistics.mean(left) for each, left in robust.items()}
        middle = {each: statistics.median(took) for each, took in seconds.items()}
        fastest = min(middle[peer] for peer in peers)
        cells = " | ".join(f"{middle[each]:.2f} ({accuracy[each]:.1%})" for each in middle)
        print(
            f"| {name}, eps {radius(name):g} | {'frozen' if frozen else 'as trained'} | {cells} "
            f"| **{fastest / middle['casemate']:.2f}x** | {goal}x |"
        )
    print()


if __name__ == "__main__":
    main()
