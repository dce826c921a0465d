"""Issue 4, rows 1 and 2: AutoAttack standard and Bracket beside the published AutoAttack, six networks.

Same networks and images; the reference is the PyPI package of fra31's code, version standard, in its own environment.
CPU seconds of one thread, imports and a first small pass left out. ART's class of the same name, another mixture, runs
on the first 100 images.
"""

from __future__ import annotations

import statistics

import torch

from benchmarks._models import SIX, images, model
from benchmarks._robustness import ask, has
from casemate.targets import TorchClassifier
from casemate.threats.evasion import AutoAttack, Bracket, Linf

COUNT, FEW = 500, 100


def main() -> None:
    """Print the section."""
    torch.set_num_threads(1)
    print("## AutoAttack and Bracket beside the published AutoAttack\n")
    if not (has("autoattack") and has("art_autoattack")):
        print("SKIPPED: the peers' environment is absent.\n")
        return
    test = images(COUNT)
    x, y = test.pixels, test.labels
    print(f"First {COUNT} MNIST test images; robust images left and CPU s of each; ART on the first {FEW}.\n")
    print(
        "| network, eps | parameters | clean | reference | AutoAttack | ratio | Bracket: certified, left | ratio "
        f"| ART, {FEW} | Bracket, {FEW} | ratio |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    strength, ratios, to_art = [0, 0, 0], [], []
    kinds: dict[str, list[float]] = {"standard": [], "bracket": [], "certified": []}
    for name, recipe in SIX.items():
        module, _ = model(name)
        size = sum(each.numel() for each in module.parameters())
        target = TorchClassifier(module, 10)
        AutoAttack(Linf(0.001)).evaluate(target, x[:2], y[:2])
        mine = AutoAttack(Linf(recipe.eps)).evaluate(target, x, y)
        theirs = ask("autoattack", name, x, y, recipe.eps)
        both = Bracket(Linf(recipe.eps)).evaluate(target, x, y)
        few = Bracket(Linf(recipe.eps)).evaluate(target, x[:FEW], y[:FEW])
        art = ask("art_autoattack", name, x[:FEW], y[:FEW], recipe.eps)
        left = [int(theirs.robust.sum()), int(mine.robust.sum()), int(both.robust.sum())]
        strength = [a + b for a, b in zip(strength, left, strict=True)]
        kinds["standard"].append(theirs.seconds / mine.seconds)
        kinds["bracket"].append(theirs.seconds / both.seconds)
        if name.startswith("IBP"):
            kinds["certified"].append(theirs.seconds / both.seconds)
        to_art.append(art.seconds / few.seconds)
        print(
            f"| {name}, {recipe.eps:g} | {size:,} | {mine.clean_accuracy:.1%} | {left[0]}, {theirs.seconds:.0f} s "
            f"| {left[1]}, {mine.seconds:.0f} s | {kinds['standard'][-1]:.2f}x "
            f"| {int(both.certified.sum())}, {left[2]}, {both.seconds:.0f} s | {kinds['bracket'][-1]:.2f}x "
            f"| {int(art.robust.sum())}, {art.seconds:.0f} s | {int(few.robust.sum())}, {few.seconds:.0f} s "
            f"| {to_art[-1]:.1f}x |",
            flush=True,
        )
        ratios.append(kinds["standard"][-1])
    print(
        f"\nRobust images left in all: reference {strength[0]}, AutoAttack {strength[1]}, Bracket {strength[2]}. "
        f"CPU, median over networks: AutoAttack {statistics.median(kinds['standard']):.2f}x (goal 1.3), least "
        f"{min(kinds['standard']):.2f}x; Bracket {statistics.median(kinds['bracket']):.2f}x (goal 2.5), "
        f"{min(kinds['certified']):.1f}x and more on the certifiably trained (goal 8); "
        f"{statistics.median(to_art):.1f}x ART (goal 12).\n"
    )


if __name__ == "__main__":
    main()
