"""Exact radii of tree ensembles: against an integer program, veritas, and ART's HopSkipJump, on models of four kinds.

Every figure is of test rows that the model answers correctly. Ours searches inside the box [0, 1]; all thresholds lie
inside it, so that the others' radii mean the same. Veritas and ART run in environments of their own on the same trees,
handed over as arrays with thresholds moved to the exact float64 at which the model changes sides; the original model
judges every example, theirs too. Veritas runs its own binary search (10 steps from radius 1, which leave 0.001) for
each rival class, never farther than what it found for the ones before.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import train_test_split

from benchmarks import _kantchelian, _tables
from casemate.core.optional import require
from casemate.stats.proportions import clopper_pearson
from casemate.threats.evasion.trees import Constraints, Ensemble, Feature, TreeAttack, TreeRadius, read
from casemate.threats.evasion.trees.cuts import make as make_cuts
from casemate.threats.evasion.trees.form import LEAF

ROWS = {"breast cancer": 100, "digits": 100}
CHECKED = 50
JUMPED = 10
SECONDS = 10.0
CHUNK = 25
NEAR = 1e-6
NEEDS = {"XGB": "xgboost", "LGBM": "lightgbm"}

ARRAYS = r"""
import time
feature, cut, left, right, value = (given[name] for name in ("feature", "cut", "left", "right", "value"))
first, base, x, codes = (given[name] for name in ("first", "base", "x", "codes"))
ends = list(first[1:]) + [len(feature)]
"""
VERITAS = (
    ARRAYS
    + r"""
import veritas
from veritas.robustness import VeritasRobustnessSearch
def grown(output):
    trees = veritas.AddTree(1, veritas.AddTreeType.REGR)
    trees.set_base_score(0, float(base[output]))
    for start, end in zip(first, ends):
        if not value[start:end, output].any():
            continue
        tree = trees.add_tree()
        stack = [(int(start), tree.root())]
        while stack:
            node, mine = stack.pop()
            if feature[node] < 0:
                tree.set_leaf_value(mine, 0, float(value[node, output]))
                continue
            tree.split(mine, int(feature[node]), float(cut[node]))
            stack += [(int(start + left[node]), tree.left(mine)), (int(start + right[node]), tree.right(mine))]
    return trees
parts = [grown(output) for output in range(len(base))]
lower, upper, seconds, best = np.ones(len(x)), np.full(len(x), np.inf), np.zeros(len(x)), x.copy()
for i, (row, code) in enumerate(zip(x, codes)):
    began, most = time.process_time(), 1.0
    if len(parts) == 1:
        pairs = [(None, parts[0]) if code == 0 else (parts[0], None)]
    else:
        pairs = [(parts[code], part) for rival, part in enumerate(parts) if rival != code]
    for source, target in pairs:
        search = VeritasRobustnessSearch(row, most, source, target, max_time=10.0 / len(pairs), silent=True)
        try:
            _, low, high = search.search()
        except AssertionError:  # it stops so where its radius reaches zero
            low, high = 0.0, most
        lower[i] = min(lower[i], low)
        for example in search.generated_examples:
            distance = np.abs(np.asarray(example) - row).max()
            if distance < upper[i]:
                upper[i], best[i] = distance, example
        most = max(min(most, high), 1e-6)  # it cannot search a ball of no width
    lower[i] = min(lower[i], upper[i])
    seconds[i] = time.process_time() - began
answer.update(lower=lower, upper=upper, best=best, seconds=seconds)
"""
)
ART = (
    ARRAYS
    + r"""
from art.attacks.evasion import HopSkipJump
from art.estimators.classification import BlackBoxClassifier
offset = np.repeat(first, np.diff(ends, prepend=0))
left, right = left + offset, right + offset
def predict(rows):
    rows = np.asarray(rows, dtype=np.float64)
    at = np.repeat(first[None], len(rows), axis=0)
    every = np.arange(len(rows))[:, None]
    while True:
        column = feature[at]
        inner = column >= 0
        if not inner.any():
            break
        goes_left = rows[every, np.where(inner, column, 0)] < cut[at]
        at = np.where(inner, np.where(goes_left, left[at], right[at]), at)
    total = value[at].sum(axis=1) + base
    codes = total.argmax(axis=1) if len(base) > 1 else (total[:, 0] > 0).astype(int)
    return np.eye(max(len(base), 2))[codes]
best, seconds = x.copy(), np.zeros(len(x))
for i in range(len(x)):
    began = time.process_time()
    np.random.seed(i)
    victim = BlackBoxClassifier(predict, x.shape[1:], max(len(base), 2), clip_values=(0.0, 1.0))
    best[i] = HopSkipJump(victim, norm=np.inf, verbose=False).generate(x[i : i + 1])[0]
    seconds[i] = time.process_time() - began
answer.update(best=best, seconds=seconds)
"""
)


class Shown(NamedTuple):
    """The lines of one model in the tables."""

    exact: str
    speed: str
    jumped: str


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows scaled to [0, 1], and labels."""
    x, y = (load_breast_cancer if name == "breast cancer" else load_digits)(return_X_y=True)
    return (x - x.min(axis=0)) / np.maximum(np.ptp(x, axis=0), 1e-12), y


def unfitted(kind: str, name: str) -> Any:
    """The model: 50 trees of depth 6 for forests; for boosting 100 rounds on breast cancer, 50 on digits."""
    rounds = 100 if name == "breast cancer" else 50
    if kind == "RF":
        return RandomForestClassifier(50, max_depth=6, random_state=0)
    if kind == "GB":
        return GradientBoostingClassifier(n_estimators=rounds, max_depth=4, random_state=0)
    if kind == "XGB":
        return require("xgboost", extra="dev").XGBClassifier(n_estimators=rounds, max_depth=4, n_jobs=1, random_state=0)
    given = {"n_estimators": rounds, "num_leaves": 15, "n_jobs": 1, "random_state": 0, "verbose": -1}
    return require("lightgbm", extra="dev").LGBMClassifier(**given)


def flat(ensemble: Ensemble) -> dict[str, np.ndarray]:
    """The trees as arrays for the peers; two scores become their difference, and every split is ``x < cut``."""
    cuts = make_cuts(ensemble, Constraints().table(ensemble.features), "float64")
    column, feature = {}, []
    for each in range(ensemble.features):
        column[each] = cuts.value[cuts.feature == each]
    moved, values = [], []
    for tree in ensemble.trees:
        made = np.zeros(len(tree.feature))
        for node in np.flatnonzero(tree.feature != LEAF):
            known = column[int(tree.feature[node])]
            # the cut of a threshold is the nearest one
            made[node] = known[np.abs(known - tree.threshold[node]).argmin()]
        moved.append(made)
        feature.append(tree.feature)
        values.append(np.where((tree.feature == LEAF)[:, None], tree.value, 0.0))
    value, base = np.concatenate(values), ensemble.base
    if ensemble.outputs == 2:
        value, base = value[:, 1:] - value[:, :1], base[1:] - base[:1]
    sizes = [len(each) for each in feature]
    return {
        "feature": np.concatenate(feature),
        "cut": np.concatenate(moved),
        "left": np.concatenate([tree.left for tree in ensemble.trees]),
        "right": np.concatenate([tree.right for tree in ensemble.trees]),
        "value": value,
        "first": np.cumsum([0, *sizes[:-1]]),
        "base": np.asarray(base, dtype=np.float64),
    }


def both(
    model: Any, arrays: dict[str, np.ndarray], x: np.ndarray, python: Path | None
) -> tuple[TreeRadius, dict[str, np.ndarray]]:
    """Ours and veritas, alternating."""
    attack = TreeAttack(Constraints(default=Feature(low=0.0, high=1.0)), seconds=SECONDS)
    ours, theirs = [], []
    for start in range(0, len(x), CHUNK):
        part = x[start : start + CHUNK]
        ours.append(attack(model, part))
        if python is not None:
            theirs.append(_tables.ask_peer(python, VERITAS, x=part, codes=ours[-1].codes, **arrays))
    found = TreeRadius(*(np.concatenate(parts) for parts in zip(*map(_fields, ours), strict=True)))
    return found, {key: np.concatenate([each[key] for each in theirs]) for key in theirs[0]} if theirs else {}


def _fields(found: TreeRadius) -> tuple[np.ndarray, ...]:
    return tuple(getattr(found, name) for name in TreeRadius.__dataclass_fields__)


def checked(ensemble: Ensemble, x: np.ndarray, found: TreeRadius) -> tuple[int, int, float]:
    """How many radii the integer program gives too, of how many it finished, and its CPU seconds a row."""
    begun, agreed, finished = time.process_time(), 0, 0
    for row, code, upper in zip(x, found.codes[: len(x)], found.upper[: len(x)], strict=True):
        radius = _kantchelian.radius(ensemble, row, int(code), most=float(upper) * 1.02 + 10 * NEAR)
        finished += not np.isnan(radius)
        agreed += abs(radius - upper) <= NEAR
    return agreed, finished, (time.process_time() - begun) / len(x)


def compare(name: str, kind: str, pythons: dict[str, Path | None]) -> Shown:
    """One model."""
    x, y = data(name)
    train, test, train_labels, test_labels = train_test_split(x, y, test_size=0.4, random_state=0, stratify=y)
    model = unfitted(kind, name).fit(train, train_labels)
    ensemble = read(model)
    before = model.predict(test)
    clean = float((before == test_labels).mean())
    rows = test[before == test_labels][: ROWS[name]]
    labels = model.predict(rows)
    arrays = flat(ensemble)
    found, veritas = both(model, arrays, rows, pythons["veritas"])
    turned = model.predict(found.examples) != labels
    close = np.isfinite(found.upper) & (found.upper <= 1.1 * found.lower)
    agreed, finished, milp_seconds = checked(ensemble, rows[:CHECKED], found)
    title = f"{name} {kind}"
    bound = clopper_pearson(int(found.exact.sum()), len(rows))
    exact = (
        f"| {title} | {len(ensemble.trees)} | {clean:.1%} | {len(rows)} | {found.exact.sum()} (>= {bound.low:.1%}) | "
        f"{close.mean():.0%} | {turned.sum()} of {len(rows)} | {np.median(found.upper):.4f} | "
        f"{agreed} of {finished} | {milp_seconds:.2f} |"
    )
    speed = f"| {title} | {_times(found.seconds)} |"
    if veritas:
        nearer = (veritas["upper"] < found.lower - 1e-9) & (model.predict(veritas["best"]) != labels)
        idle = np.isfinite(veritas["upper"]) & (model.predict(veritas["best"]) == labels)
        wrong = (veritas["lower"] > found.upper + 1e-9).sum()
        speed += (
            f" {_times(veritas['seconds'])} | {found.seconds.sum() / veritas['seconds'].sum():.2f} | "
            f"{np.median(veritas['upper'] - veritas['lower']):.4f} | {nearer.sum()} | {idle.sum()} | {wrong} |"
        )
    else:
        speed += " SKIPPED | | | | | |"
    jumped = f"| {title} | SKIPPED | | | |"
    if pythons["art"] is not None:
        art = _tables.ask_peer(pythons["art"], ART, x=rows[:JUMPED], codes=found.codes[:JUMPED], **arrays)
        hit = model.predict(art["best"]) != labels[:JUMPED]
        distance = np.abs(art["best"] - rows[:JUMPED]).max(axis=1)
        ratio = distance[hit] / found.upper[:JUMPED][hit]
        jumped = (
            f"| {title} | {hit.sum()} of {JUMPED} | {np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f}) | "
            f"{art['seconds'].mean() * 1e3:.0f} | {found.seconds[:JUMPED].mean() * 1e3:.1f} |"
        )
    return Shown(exact, speed, jumped)


def _times(seconds: np.ndarray) -> str:
    return f"{seconds.mean() * 1e3:.1f} | {np.median(seconds) * 1e3:.1f} | {seconds.max() * 1e3:.0f}"


def main() -> None:
    print("## Radius of tree ensembles (issue 4, row 6)\n")
    pythons = {name: _tables.peer(name) for name in ("veritas", "art")}
    for name, python in pythons.items():
        if python is None:
            print(f"SKIPPED: .peers/{name} is not made (make peers)\n")
    shown = []
    for name in ROWS:
        for kind in ("RF", "GB", "XGB", "LGBM"):
            if find_spec(NEEDS.get(kind, "sklearn")) is None:
                print(f"SKIPPED: {name} {kind}, because {NEEDS[kind]} is not installed\n")
                continue
            shown.append(compare(name, kind, pythons))
    print(
        "Linf radius of test rows answered correctly, columns scaled to [0, 1], at most 10 CPU seconds a row. The "
        f"oracle is an integer program (Kantchelian et al. 2016, HiGHS) on {CHECKED} rows each.\n"
    )
    print(
        "| model | trees | clean | rows | exact (95 % bound) | bounds within 10 % | example turns the original | "
        "median radius | oracle agrees | oracle CPU s a row |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    print("\n".join(each.exact for each in shown))
    print(
        "\nBeside veritas, CPU milliseconds a row, alternating. The last columns: its bounds, judged by the original.\n"
    )
    print(
        "| model | ours, mean | median | most | veritas, mean | median | most | ours / veritas | its gap, median | "
        "its examples nearer than ours | its examples that turn nothing | its lower bounds above our examples |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    print("\n".join(each.speed for each in shown))
    print("\nART's HopSkipJump (default budget) on the same rows: how many times too far it puts the boundary.\n")
    print("| model | found | overestimate, median (range) | ART CPU ms a row | ours |\n|---|---|---|---|---|")
    print("\n".join(each.jumped for each in shown))


if __name__ == "__main__":
    main()
