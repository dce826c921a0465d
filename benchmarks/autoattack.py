"""Issue 4, rows 1 and 2: AutoAttack standard and Bracket beside the published AutoAttack, six networks.

Same networks and images; the reference is the PyPI package of fra31's code, version standard, in its own environment.
CPU seconds of one thread, imports and a first small pass left out; ours run between two halves of the reference, whose
batches are of 250 images. ART's class of the same name, another mixture, runs on the first 100 images, between two runs
of Bracket. It takes an hour or more, so parts are kept (`benchmarks._kept`).
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import torch

from benchmarks._kept import attacking, kept
from benchmarks._models import SIX, images, model
from benchmarks._peers import ROOT
from benchmarks._robustness import ask, has
from casemate.targets import TorchClassifier
from casemate.threats.evasion import AutoAttack, Bracket, Linf

COUNT, FEW = 500, 100


@dataclass(frozen=True)
class Found:
    """What was measured on one network: robust images left, and CPU seconds; of the first few images in ``few``."""

    when: str
    parameters: int
    clean: float
    certified: int
    left: dict[str, int]
    seconds: dict[str, float]

    def ratio(self, peer: str, ours: str) -> float:
        """CPU seconds of the peer over ours."""
        return self.seconds[peer] / self.seconds[ours]


def beside_reference(name: str) -> dict[str, Any]:
    """Ours between two halves of the reference, so that a machine that slows down slows both."""
    recipe, test, middle = SIX[name], images(COUNT), COUNT // 2
    module, _ = model(name)
    target, ball = TorchClassifier(module, 10), Linf(recipe.eps)
    x, y = test.pixels, test.labels
    AutoAttack(Linf(0.001)).evaluate(target, x[:2], y[:2])
    first = ask("autoattack", name, x[:middle], y[:middle], recipe.eps)
    standard, bracket = (attack(ball).evaluate(target, x, y) for attack in (AutoAttack, Bracket))
    second = ask("autoattack", name, x[middle:], y[middle:], recipe.eps)
    reference = int(first.robust.sum()) + int(second.robust.sum())
    return {
        "when": datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M"),
        "parameters": sum(each.numel() for each in module.parameters()),
        "clean": float(standard.clean_accuracy),
        "certified": int(bracket.certified.sum()),
        "left": {"standard": int(standard.robust.sum()), "bracket": int(bracket.robust.sum()), "reference": reference},
        "seconds": {
            "standard": standard.seconds,
            "bracket": bracket.seconds,
            "reference": first.seconds + second.seconds,
        },
    }


def beside_art(name: str) -> dict[str, Any]:
    """The first few images, Bracket before and after ART."""
    recipe, test = SIX[name], images(FEW)
    target = TorchClassifier(model(name)[0], 10)
    before = Bracket(Linf(recipe.eps)).evaluate(target, test.pixels, test.labels)
    art = ask("art_autoattack", name, test.pixels, test.labels, recipe.eps)
    after = Bracket(Linf(recipe.eps)).evaluate(target, test.pixels, test.labels)
    return {
        "left": {"few": int(before.robust.sum()), "art": int(art.robust.sum())},
        "seconds": {"few": (before.seconds + after.seconds) / 2, "art": art.seconds},
    }


def found(name: str) -> Found:
    """Both parts together, measured now if they are not known."""
    words = [SIX[name].digest, str(COUNT), str(FEW)]
    here = ROOT / "benchmarks"
    files = [*attacking(), here / "autoattack.py", here / "_attackers.py", here / "peers" / "robustness.txt"]
    parts = [
        kept(f"autoattack {part.__name__} {name}", words, files, partial(part, name))
        for part in (beside_reference, beside_art)
    ]
    both = {key: {**parts[0][key], **parts[1][key]} for key in ("left", "seconds")}
    return Found(**{**parts[0], **both})


def main() -> None:
    """Print the section; with names, only measure those networks."""
    torch.set_num_threads(1)
    print("## AutoAttack and Bracket beside the published AutoAttack\n")
    if not (has("autoattack") and has("art_autoattack")):
        print("SKIPPED: the peers' environment is absent.\n")
        return
    print(f"First {COUNT} MNIST test images; robust images left and CPU s of each; ART on the first {FEW}.\n")
    print(
        "| network, eps | parameters | clean | reference | AutoAttack | ratio | Bracket: certified, left | ratio "
        f"| ART, {FEW} | Bracket, {FEW} | ratio | measured |\n{'|---' * 12}|"
    )
    rows = {name: found(name) for name in sys.argv[1:] or SIX}
    for name, row in rows.items():
        left, spent = row.left, {key: f"{each:.0f} s" for key, each in row.seconds.items()}
        print(
            f"| {name}, {SIX[name].eps:g} | {row.parameters:,} | {row.clean:.1%} "
            f"| {left['reference']}, {spent['reference']} | {left['standard']}, {spent['standard']} "
            f"| {row.ratio('reference', 'standard'):.2f}x "
            f"| {row.certified}, {left['bracket']}, {spent['bracket']} | {row.ratio('reference', 'bracket'):.2f}x "
            f"| {left['art']}, {spent['art']} | {left['few']}, {spent['few']} | {row.ratio('art', 'few'):.1f}x "
            f"| {row.when} |"
        )
    total = {key: sum(row.left[key] for row in rows.values()) for key in ("reference", "standard", "bracket")}
    standard, bracket, art = (
        [row.ratio(*pair) for row in rows.values()]
        for pair in (("reference", "standard"), ("reference", "bracket"), ("art", "few"))
    )
    certified = [row.ratio("reference", "bracket") for name, row in rows.items() if name.startswith("IBP")]
    print(
        f"\nRobust images left in all: reference {total['reference']}, AutoAttack {total['standard']}, Bracket "
        f"{total['bracket']}. CPU, median over networks: AutoAttack {statistics.median(standard):.2f}x (goal 1.3), "
        f"least {min(standard):.2f}x; Bracket {statistics.median(bracket):.2f}x (goal 2.5), "
        f"{min(certified, default=0):.1f}x and more on the certifiably trained (goal 8); "
        f"{statistics.median(art):.1f}x ART (goal 12).\n"
    )


if __name__ == "__main__":
    main()
