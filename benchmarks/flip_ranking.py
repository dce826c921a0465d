"""Ranking of flipped labels: AUROC against cleanlab on the same out-of-sample probabilities, and what a clean set costs.

Both rank the same labels from the same five-fold probabilities of the same model. cleanlab is asked for each of its
scores and compared at its best for each setting, which is a favor to it. The share flagged of an untouched training set
is printed beside cleanlab's, whose threshold is not told what a clean set looks like.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from benchmarks import _tables
from casemate.core.seeds import derive
from casemate.threats.poisoning.ranking import Ranking, out_of_fold
from casemate.training.recipe import SklearnRecipe

RATES = (0.0, 0.01, 0.05, 0.1)
SEEDS = range(10)
MOST = 4500
CLEANLAB = r"""
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
labels, p = given["labels"], np.column_stack([1 - given["p"], given["p"]])
for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
    answer[method] = get_label_quality_scores(labels, p, method=method)
answer["adjusted"] = get_label_quality_scores(labels, p, method="self_confidence", adjust_pred_probs=True)
answer["issues"] = find_label_issues(labels, p)
"""


def main() -> None:
    print("## Ranking of flipped labels (acceptance 19)\n")
    python = _tables.peer("cleanlab")
    if python is None:
        sys.exit("SKIPPED: .peers/cleanlab is not made (make peers)")
    lines, clean = [], []
    for name in _tables.TABLES:
        for kind in ("logistic", "boosted"):
            gains: dict[float, list[tuple[float, float]]] = {rate: [] for rate in RATES[1:]}
            flagged, peer_flagged, found, seconds = [], [], [], 0.0
            for seed in SEEDS:
                members, trusted = _tables.halves(name, seed, MOST)
                trusted = trusted.take(np.arange(int(0.3 * len(trusted))))
                recipe = SklearnRecipe(_tables.models()[kind])
                for rate in RATES:
                    rng = np.random.default_rng(derive(seed, "flips", str(rate)))
                    flipped = np.zeros(len(members), dtype=bool)
                    flipped[rng.permutation(len(members))[: round(rate * len(members))]] = True
                    rows = members.relabel(np.where(flipped, 1 - members.labels, members.labels))
                    clock = time.process_time()
                    outside, beside = out_of_fold(recipe, rows, trusted, 5, seed)
                    ranked = Ranking().rank(rows, outside, trusted, beside)
                    seconds += time.process_time() - clock
                    peer = _tables.ask_peer(python, CLEANLAB, labels=rows.labels, p=outside)
                    issues = peer.pop("issues")
                    if rate:
                        best = max(roc_auc_score(flipped, -scores) for scores in peer.values())
                        gains[rate].append((best, roc_auc_score(flipped, ranked.suspicion)))
                        found.append(ranked.flagged[flipped].mean())
                    else:
                        flagged.append(ranked.flagged.mean())
                        peer_flagged.append(issues.mean())
            for rate, pairs in gains.items():
                theirs, ours = np.array(pairs).T
                half = student.ppf(0.975, len(ours) - 1) * (ours - theirs).std(ddof=1) / np.sqrt(len(ours))
                gain = (ours - theirs).mean()
                lines.append(
                    f"| {name} {kind} | {rate:.0%} | {theirs.mean():.4f} | {ours.mean():.4f} | "
                    f"{gain:+.4f} [{gain - half:+.4f}, {gain + half:+.4f}] |"
                )
            clean.append(
                f"| {name} {kind} | {np.mean(flagged):.2%} | {np.max(flagged):.2%} | {np.mean(peer_flagged):.1%} | "
                f"{np.mean(found):.1%} | {seconds / len(SEEDS) / len(RATES):.2f} |"
            )
            print(lines[-3:], clean[-1], file=sys.stderr, flush=True)
    print(f"{len(SEEDS)} seeds each; the interval of the difference is over seeds (paired, Student).\n")
    print("| data, model | flipped | cleanlab AUROC (its best score) | ours | ours - cleanlab, 95 % |\n|---|---|---|---|---|")
    print("\n".join(lines))
    print("\nFlagged of an untouched training set:\n")
    print("| data, model | ours, mean | ours, worst seed | cleanlab, mean | flips found by ours | CPU s a ranking |")
    print("|---|---|---|---|---|---|")
    print("\n".join(clean))


if __name__ == "__main__":
    main()
