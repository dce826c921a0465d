"""Issue 4, row 13: minimum-norm attacks in L0, L1, L2 and Linf beside foolbox, adv-lib and ART, by gradients.

Same network, images and number of gradients a sample. Ours end with forward passes that take slack out: ten a search,
in L0 one a changed coordinate and round; they are told in the table. Medians are over all images, those without an
example infinitely far. It takes half an hour, so parts are kept (`benchmarks._kept`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks._kept import attacking, kept
from benchmarks._models import RECIPES, images, model, weights
from benchmarks._peers import ROOT, python
from casemate.targets import TorchClassifier
from casemate.threats.evasion.norms.attacks import DDN, FMN, CarliniWagner, MinimumEnsemble, MinimumFAB, SigmaZero

COUNT, BUDGETS = 100, (100, 1000)
NETWORKS = ("plain A", "PGD A")
HOMES = {"foolbox": "robustness", "advlib": "advlib", "art": "robustness"}
ROUNDS = 9


def scene(name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first images that a network gets right, and their classes."""
    module, _ = model(name)
    test = images(1000)
    with torch.no_grad():
        answers = module(torch.from_numpy(test.pixels)).argmax(1).numpy()
    chosen = np.flatnonzero(answers == test.labels)[:count]
    return test.pixels[chosen], test.labels[chosen]


def ours(name: str, steps: int, count: int) -> list[tuple[str, str, float, float, str]]:
    """Attack, norm, median distance, CPU seconds, passes."""
    module, _ = model(name)
    x, y = scene(name, count)
    attacks = {
        "DDN": DDN(steps=steps),
        "CW": CarliniWagner(steps=steps // ROUNDS, rounds=ROUNDS, rate=0.1, constant=1.0),
        **{f"FMN {norm}": FMN(norm=norm, steps=steps) for norm in ("L0", "L1", "L2", "Linf")},
        **{f"MinimumFAB {norm}": MinimumFAB(norm=norm, steps=steps) for norm in ("L1", "L2", "Linf")},
        "sigma-zero": SigmaZero(steps=steps),
        **{f"MinimumEnsemble {norm}": MinimumEnsemble(norm=norm, steps=steps) for norm in ("L0", "L1", "L2", "Linf")},
    }
    rows = []
    for label, attack in attacks.items():
        found = attack.evaluate(TorchClassifier(module, 10), x, y)  # type: ignore[attr-defined]
        passes = f"{found.gradients // count} + {found.forwards // count}"
        rows.append((label.split()[0], found.norm, found.median, found.seconds, passes))
    return rows


def peer(library: str, name: str, steps: int, count: int) -> list[tuple[str, str, float, float, str]]:
    """The same of a peer.

    Raises:
        RuntimeError: the peer failed; its last words are told.
    """
    x, y = scene(name, count)
    kept = weights(name)
    kept.pop("seconds")
    named = {f"w:{key}": value for key, value in kept.items()}
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given.npz"
        np.savez(given, network=RECIPES[name].network, x=x, y=y, steps=steps, **named)
        done = subprocess.run(
            [str(python(HOMES[library])), "-W", "ignore", str(ROOT / "benchmarks" / "_minimizers.py"), library, given],
            check=False,
            capture_output=True,
            text=True,
            env={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        )
    if done.returncode:
        raise RuntimeError(f"{library} failed: {done.stderr.strip().splitlines()[-1]}")
    rows = []
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if "failed" in said:
            rows.append((said["attack"], said["norm"], float("nan"), 0.0, said["failed"]))
            continue
        far = np.array([np.inf if each is None else each for each in said["distance"]])
        rows.append((said["attack"], said["norm"], float(np.median(far)), said["seconds"], str(steps)))
    return rows


def main() -> None:
    """Print the section."""
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    there = [each for each, home in HOMES.items() if python(home).exists()]
    print("## Minimum-norm attacks\n")
    print(f"{count} MNIST images; passes are gradients + forwards a sample. Peers: {', '.join(there) or 'SKIPPED'}.\n")
    print("| network | gradients | norm | attack | median distance | CPU s | passes |\n|---|---|---|---|---|---|---|")
    for name in NETWORKS:
        for steps in BUDGETS:
            words = [RECIPES[name].digest, str(steps), str(count)]
            known = kept(f"minimum_norm casemate {name}", words, attacking(), partial(ours, name, steps, count))
            rows = [("casemate", *row) for row in known]
            for each in there:
                files = [ROOT / "benchmarks" / "_minimizers.py", ROOT / "benchmarks" / "peers" / f"{HOMES[each]}.txt"]
                known = kept(f"minimum_norm {each} {name}", words, files, partial(peer, each, name, steps, count))
                rows += [(each, *row) for row in known]
            for norm in ("L0", "L1", "L2", "Linf"):
                for library, attack, own, median, seconds, passes in sorted(rows, key=lambda row: row[3]):
                    if own == norm:
                        bold = "**" if library == "casemate" else ""
                        label = f"{bold}{library} {attack}{bold}"
                        print(f"| {name} | {steps} | {norm} | {label} | {median:.5g} | {seconds:.1f} | {passes} |")
    print()


if __name__ == "__main__":
    main()
