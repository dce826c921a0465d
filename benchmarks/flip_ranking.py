"""Ranking of flipped labels: AUROC against cleanlab on the same out-of-sample probabilities, and false alarms.

Both rank the same labels from the same five-fold probabilities of the same model. cleanlab is asked for each of its
scores and compared at its best for each setting, which is a favor to it. The share flagged of an untouched training set
is printed beside cleanlab's, whose threshold is not told what a clean set looks like.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from benchmarks import _tables
from casemate.core.seeds import derive
from casemate.threats.poisoning.flips import random_flips
from casemate.threats.poisoning.ranking import Ranked, Ranking, out_of_fold
from casemate.training.recipe import SklearnRecipe

RATES = (0.0, 0.01, 0.05, 0.1)
SEEDS = range(10)
MOST = 4500
CLEANLAB = r"""
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
for case, (labels, p) in enumerate(zip(given["labels"], given["p"])):
    p = np.column_stack([1 - p, p])
    for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        answer[f"{case}-{method}"] = get_label_quality_scores(labels, p, method=method)
    answer[f"{case}-adjusted"] = get_label_quality_scores(labels, p, method="self_confidence", adjust_pred_probs=True)
    answer[f"{case}-issues"] = find_label_issues(labels, p)
"""
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy", "adjusted")


@dataclass(frozen=True)
class Case:
    """One training set with some labels flipped, and our ranking of it."""

    rate: float
    flipped: np.ndarray
    labels: np.ndarray
    outside: np.ndarray
    ranked: Ranked


def cases(name: str, kind: str) -> Iterator[Case]:
    """Every seed and rate of one table and model."""
    recipe = SklearnRecipe(_tables.models()[kind])
    for seed in SEEDS:
        members, holdout = _tables.halves(name, seed, MOST)
        trusted = holdout.take(np.arange(int(0.3 * len(holdout))))
        for rate in RATES:
            rng = np.random.default_rng(derive(seed, "flips", str(rate)))
            flipped = random_flips(len(members), rate, rng) if rate else np.zeros(len(members), dtype=bool)
            rows = members.relabel(np.where(flipped, 1 - members.labels, members.labels))
            outside, beside = out_of_fold(recipe, rows, trusted, 5, seed)
            yield Case(rate, flipped, rows.labels, outside, Ranking().rank(rows, outside, trusted, beside))


def compare(name: str, kind: str, python: Path) -> tuple[list[str], str]:
    """Lines of both tables for one data set and model."""
    clock = time.process_time()
    found = list(cases(name, kind))
    seconds = (time.process_time() - clock) / len(found)
    labels, p = (np.stack([getattr(case, field) for case in found]) for field in ("labels", "outside"))
    peer = _tables.ask_peer(python, CLEANLAB, labels=labels, p=p)
    lines = []
    for rate in RATES[1:]:
        chosen = [at for at, case in enumerate(found) if case.rate == rate]
        ours = np.array([roc_auc_score(found[at].flipped, found[at].ranked.suspicion) for at in chosen])
        each = [[roc_auc_score(found[at].flipped, -peer[f"{at}-{score}"]) for score in SCORES] for at in chosen]
        theirs = np.max(each, axis=1)
        gain = (ours - theirs).mean()
        half = student.ppf(0.975, len(ours) - 1) * (ours - theirs).std(ddof=1) / np.sqrt(len(ours))
        recall = np.mean([found[at].ranked.flagged[found[at].flipped].mean() for at in chosen])
        lines.append(
            f"| {name} {kind} | {rate:.0%} | {theirs.mean():.4f} | {ours.mean():.4f} | "
            f"{gain:+.4f} [{gain - half:+.4f}, {gain + half:+.4f}] | {recall:.0%} |"
        )
    clean = [at for at, case in enumerate(found) if not case.rate]
    flagged = np.array([found[at].ranked.flagged.mean() for at in clean])
    issues = np.mean([peer[f"{at}-issues"].mean() for at in clean])
    nulls = ", ".join(sorted({found[at].ranked.null for at in clean}))
    over = f"{(flagged > 0.01).sum()} of {len(flagged)}"
    return lines, f"| {name} {kind} | {flagged.mean():.2%} | {over} | {nulls} | {issues:.1%} | {seconds:.2f} |"


def main() -> None:
    """Print the section."""
    print("## Ranking of flipped labels (acceptance 19)\n")
    python = _tables.peer("cleanlab")
    if python is None:
        print("SKIPPED: .peers/cleanlab is not made (make peers)")
        return
    lines, clean = [], []
    for name in _tables.TABLES:
        for kind in ("logistic", "boosted"):
            more, line = compare(name, kind, python)
            lines += more
            clean.append(line)
    print(f"{len(SEEDS)} seeds each; the interval of the difference is over seeds (paired, Student).\n")
    print("| data, model | flipped | cleanlab's best AUROC | ours | ours - cleanlab, 95 % | flips flagged by ours |")
    print("|---|---|---|---|---|---|")
    print("\n".join(lines))
    print("\nFlagged of an untouched training set:\n")
    print("| data, model | ours, mean | seeds above 1 % | limit from | cleanlab | CPU s a ranking |")
    print("|---|---|---|---|---|---|")
    print("\n".join(clean))


if __name__ == "__main__":
    main()
