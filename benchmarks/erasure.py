"""Issue 5: models in shards, from which people can be removed: what that costs in accuracy, and what a removal costs.

Adult, its published test set; each record is a person. Differences of accuracy are paired by test record. A removal's
cost is told in rows and in CPU seconds of training again, against training all shards anew. Attacks are those of
`casemate erase`: on answers, and on shards by one who has the key; strangers are 2,000 test records. Chosen once,
before any run: shards, models with scikit-learn's defaults (a forest of 50 trees), seed 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from benchmarks._people import TABLES, Split, folder
from casemate.audit.forgetting import look, measured
from casemate.data import Column, Dataset, Schema
from casemate.privacy.erasure import ShardedClassifier, SubjectKey
from casemate.stats import paired_difference

MODELS: dict[str, Any] = {
    "logistic regression": LogisticRegression(max_iter=1000),
    "boosting": HistGradientBoostingClassifier(random_state=0),
    "forest": RandomForestClassifier(50, random_state=0),
}
SHARDS, REMOVED, REPEATS = (4, 8, 16, 32), (1, 10, 100), 3
AT, STRANGERS, GONE = 16, 2000, 500
"""Shards of the models that people are removed from; strangers, and people removed where they are attacked."""
KEY = SubjectKey(b"benchmark of erasure, not secret")


def accuracy(name: str, split: Split) -> dict[int, ShardedClassifier]:
    """Print one row a number of shards; the models, by shards."""
    whole = clone(MODELS[name]).fit(split.x, split.y).predict(split.test) == split.truth
    made = {}
    for shards in SHARDS:
        model = ShardedClassifier(MODELS[name], shards, key=KEY).fit(split.x, split.y)
        right = model.predict(split.test) == split.truth
        change = paired_difference(int((whole & ~right).sum()), int((right & ~whole).sum()), len(right))
        print(
            f"| {name} | {shards} | {whole.mean():.4f} | {right.mean():.4f} "
            f"| {change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}] |",
            flush=True,
        )
        made[shards] = model
    return made


def costs(name: str, split: Split) -> None:
    """Print what removing some people costs, the mean of a few draws."""
    for many in REMOVED:
        rows, seconds, verified = [], [], True
        for seed in range(REPEATS if many < AT else 1):
            model = ShardedClassifier(MODELS[name], AT, key=KEY).fit(split.x, split.y)
            who = np.random.default_rng(seed).choice(len(split.y), many, replace=False)
            removal = model.remove(who.tolist())
            rows.append(removal.share)
            seconds.append(removal.seconds / removal.seconds_all)
            verified &= removal.verified
        print(
            f"| {name} | {many} | {np.mean(rows):.1%} | {np.mean(seconds):.1%} | {'yes' if verified else 'NO'} |",
            flush=True,
        )


def people(x: np.ndarray, y: np.ndarray, at: np.ndarray, prefix: str = "") -> Dataset:
    """Records as the audit room has them; without names of columns, for the models were trained without."""
    columns = tuple(Column(name=str(each), type="number") for each in range(x.shape[1]))
    who = np.array([f"{prefix}{each}" for each in at], dtype=object)
    return Dataset(
        "Adult", pd.DataFrame(x[at], columns=list(map(str, range(x.shape[1])))), y[at], ("0", "1"), Schema(columns), who
    )


def attacked(name: str, split: Split) -> None:
    """Print what attacks see of removed people before and after."""
    everyone = people(split.x, split.y, np.arange(len(split.y)))
    model = ShardedClassifier(MODELS[name], AT, key=KEY).fit(everyone.features, everyone.labels, everyone.subjects)
    strangers = people(split.test, split.truth, np.arange(STRANGERS), "stranger ")
    who = np.random.default_rng(0).choice(len(split.y), GONE, replace=False)
    theirs = everyone.take(who)
    before = look(model, theirs, strangers)
    removal = model.remove([str(each) for each in who])
    wrong = model.verify(removal)
    found = measured(removal, before, look(model, theirs, strangers), name, wrong)
    told = {
        (row.metric, *row.at.values()): f"{row.estimate:.3f} [{row.low:.3f}, {row.high:.3f}]"
        for row in found
        if row.low is not None
    }
    area = "forget_set_membership_auc"
    print(
        f"| {name} | {told[area, 'answers', 'before']} | {told[area, 'answers', 'after']} "
        f"| {told[area, 'shards', 'before']} | {told[area, 'shards', 'after']} | {told['removal_auc', 'kept model']} "
        f"| {'yes' if removal.verified and not wrong else 'NO: ' + '; '.join(wrong)} |",
        flush=True,
    )


def main() -> None:
    """Print the section."""
    print("## Erasure: models in shards, and people removed from them\n")
    place = folder()
    if place is None:
        print("SKIPPED: Adult (`CASEMATE_BENCH_DATA/people`).\n")
        return
    split = TABLES["Adult"](place, 0)
    print(f"Adult, {len(split.y):,} training and {len(split.truth):,} test records; intervals are of 95 %.\n")
    print("| model | shards | accuracy, whole | in shards | difference, paired |\n|---|---|---|---|---|")
    for name in MODELS:
        accuracy(name, split)
    print(f"\nRemoving people from {AT} shards, as a share of training all anew:\n")
    print("| model | people | rows trained on | CPU | no row left |\n|---|---|---|---|---|")
    for name in ("logistic regression", "boosting"):
        costs(name, split)
    print(f"\nMembership of {GONE} removed people against {STRANGERS:,} strangers, {AT} shards, AUC:\n")
    print("| model | by answers, before | after | by shards, before | after | by who kept the old model | verified |")
    print("|---|---|---|---|---|---|---|")
    for name in MODELS:
        attacked(name, split)
    print()


if __name__ == "__main__":
    main()
