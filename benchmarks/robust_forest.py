"""Robust splitting beside scikit-learn's random forest: accuracy, certified and attacked accuracy, CPU seconds.

Same size of trees and forest, columns scaled to [0, 1]. Certified and attacked come from one exact search for each row,
with a limit; where they differ, the search did not end. Differences of the certified are paired.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier

from casemate.stats.paired import mcnemar
from casemate.threats.evasion.hardening.forest import RobustForestClassifier
from casemate.threats.evasion.trees import TreeAttack

EPS, TREES, DEPTH, LEAF, SECONDS = 0.1, 50, 8, 5, 5.0
TESTED = {"breast cancer": 169, "digits": 200}


def scene(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Shuffled rows to train on, their labels, and those to test on."""
    x, y = (load_breast_cancer if name == "breast cancer" else load_digits)(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y, held = x[order], y[order], TESTED[name]
    low, high = x[:-held].min(axis=0), x[:-held].max(axis=0)
    x = np.clip((x - low) / np.maximum(high - low, 1e-12), 0, 1)
    return x[:-held], y[:-held], x[-held:], y[-held:]


def main() -> None:
    """Print the section."""
    print("## Robust splitting\n")
    print(f"{TREES} trees of depth {DEPTH}, eps {EPS} of each column's range, {SECONDS:g} CPU s a row at most.\n")
    print("| data | forest | accuracy | certified | attacked | training, CPU s | p |\n|---|---|---|---|---|---|---|")
    size: dict[str, Any] = {"max_depth": DEPTH, "min_samples_leaf": LEAF, "random_state": 0}
    for name in TESTED:
        x, y, tested, truth = scene(name)
        plain = None
        for label, forest in {
            "scikit-learn": RandomForestClassifier(TREES, n_jobs=1, **size),
            "robust splits": RobustForestClassifier(EPS, n_estimators=TREES, **size),
        }.items():
            started = time.process_time()
            forest.fit(x, y)
            spent = time.process_time() - started
            right = forest.predict(tested) == truth
            found = TreeAttack(within=EPS, seconds=SECONDS)(forest, tested)
            certified, attacked = right & (found.lower > EPS), right & (found.upper > EPS)
            p = ""
            if plain is not None:
                p = f"{mcnemar(int((certified & ~plain).sum()), int((plain & ~certified).sum())):.1e}"
            plain = certified
            print(
                f"| {name} | {label} | {right.mean():.1%} | {certified.mean():.1%} | {attacked.mean():.1%} "
                f"| {spent:.1f} | {p} |",
                flush=True,
            )
    print()


if __name__ == "__main__":
    main()
