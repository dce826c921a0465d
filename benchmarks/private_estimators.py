"""Issue 5: private estimators beside diffprivlib's, at the same epsilon and public bounds, pure epsilon on both sides.

Boosting stands beside interpret's private EBM too, with the same epsilon and delta on both sides; its learning rate is
five times its default, with which it says nothing but the more frequent class of Adult. Splits, seeds and measures are
the same for both; differences are paired by split. Bounds are those that the data sets' published descriptions name,
Adult's code books those of ARX's hierarchies. Shown beside it, not like for like: ours with delta, and scikit-learn's
without privacy. diffprivlib's PCA of digits is asked for one budget only, for a fit takes minutes. All of these tables
were looked at during development.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.cluster import KMeans as PlainKMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.decomposition import PCA as PlainPCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression as PlainRegression
from sklearn.naive_bayes import GaussianNB as PlainNB

from benchmarks._tables import ROOT, folder, peer
from casemate.privacy.dp.bayes import GaussianNB
from casemate.privacy.dp.boosting.ebm import ExplainableBoostingClassifier
from casemate.privacy.dp.clusters import KMeans
from casemate.privacy.dp.components import PCA
from casemate.privacy.dp.linear.ridge import LinearRegression

SEEDS, DELTA, FLOOR = 20, 1e-6, -1.0
KEPT, CLUSTERS = 5, {"iris": 3, "breast cancer": 2, "digits": 10}


class Table(NamedTuple):
    """Rows, labels, public bounds, and how many categories each column has."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    target: tuple[float, float] = (0.0, 1.0)
    categories: tuple[int, ...] | None = None


def tables() -> dict[str, Table]:
    """Those of scikit-learn, and Adult where it is there."""
    found = {}
    for name, load in (("iris", load_iris), ("breast cancer", load_breast_cancer)):
        x, y = load(return_X_y=True)
        found[name] = Table(x, y, x.min(axis=0), x.max(axis=0))  # as the descriptions print them
    x, y = load_digits(return_X_y=True)
    found["digits"] = Table(x, y, np.zeros(64), np.full(64, 16.0))
    x, y = load_diabetes(return_X_y=True)
    found["diabetes"] = Table(x, y, np.full(10, -0.2), np.full(10, 0.2), (25.0, 346.0))
    if (folder() / "arx" / "adult.csv").exists():
        found["Adult"] = adult()
        x = found["Adult"].x
        wide = np.hstack(
            [np.eye(many)[x[:, at].astype(int)] for at, many in enumerate(found["Adult"].categories) if many]
        )
        found["Adult, age"] = Table(wide, x[:, 1], np.zeros(wide.shape[1]), np.ones(wide.shape[1]), (17.0, 90.0))
    return found


def adult() -> Table:
    """ARX's: age and seven columns of codes; income over 50,000 dollars."""
    frame = pd.read_csv(folder() / "arx" / "adult.csv", sep=";", dtype=str)
    y = (frame.pop("salary-class") == ">50K").to_numpy(dtype=np.int64)
    columns, categories = [], []
    for name in frame.columns:
        if name == "age":
            columns.append(frame[name].astype(float).to_numpy())
            categories.append(0)
            continue
        book = pd.read_csv(folder() / "arx" / f"adult_hierarchy_{name}.csv", sep=";", header=None, dtype=str)[0]
        codes = {value: at for at, value in enumerate(sorted(set(book)))}
        columns.append(frame[name].map(codes).to_numpy(dtype=float))
        categories.append(len(codes))
    low = np.array([0.0 if many else 17.0 for many in categories])
    high = np.array([many - 1.0 if many else 90.0 for many in categories])
    return Table(np.stack(columns, axis=1), y, low, high, categories=tuple(categories))


class Case(NamedTuple):
    """One comparison.

    Attributes:
        what: the model.
        table: its name.
        epsilons: budgets.
        ours: from table, epsilon and delta to a model.
        plain: scikit-learn's, without privacy.
        peer: its name at the peer's.
        arguments: of it.
        splits: fewer where the peer takes minutes for one.
        module: of the peer.
        fair: which of ours has a guarantee like the peer's.
    """

    what: str
    table: str
    epsilons: tuple[float, ...]
    ours: Callable[[Table, float, float | None], Any]
    plain: Callable[[], Any]
    peer: str
    arguments: Callable[[Table], dict[str, Any]]
    splits: int = SEEDS
    module: str = "diffprivlib.models"
    fair: str = "pure"


def bounds(table: Table) -> tuple[np.ndarray, np.ndarray]:
    return table.low, table.high


def listed(table: Table) -> list[list[float]]:
    return [table.low.tolist(), table.high.tolist()]


def regression(name: str, epsilons: tuple[float, ...], ones: int | None = None) -> Case:
    """``ones``: how many ones a row has, the rest of it being zeros."""

    def ours(table: Table, epsilon: float, delta: float | None) -> LinearRegression:
        norm = None if ones is None else ones**0.5 if delta else ones
        between = bounds(table) if ones is None else (-1, 1)
        return LinearRegression(epsilon, delta=delta, bounds=between, target_bounds=table.target, data_norm=norm)

    return Case(
        "linear regression, R^2",
        name,
        epsilons,
        ours,
        PlainRegression,
        "LinearRegression",
        lambda t: {"bounds_X": listed(t), "bounds_y": list(t.target)},
    )


def bayes(name: str, epsilons: tuple[float, ...]) -> Case:
    return Case(
        "Gaussian naive Bayes, accuracy",
        name,
        epsilons,
        lambda t, e, d: GaussianNB(e, delta=d, bounds=bounds(t), classes=np.unique(t.y)),
        PlainNB,
        "GaussianNB",
        lambda t: {"bounds": listed(t)},
    )


def clusters(name: str, epsilons: tuple[float, ...]) -> Case:
    count = CLUSTERS[name]
    return Case(
        f"k-means, k = {count}, variance explained",
        name,
        epsilons,
        lambda t, e, d: KMeans(count, epsilon=e, delta=d, bounds=bounds(t)),
        lambda: PlainKMeans(count, n_init=3, random_state=0),
        "KMeans",
        lambda t: {"n_clusters": count, "bounds": listed(t)},
    )


def components(name: str, epsilons: tuple[float, ...], splits: int = SEEDS) -> Case:
    def norm(table: Table) -> float:
        return float(np.linalg.norm((table.high - table.low) / 2)) / 2

    kept = 2 if name == "iris" else KEPT
    return Case(
        f"PCA, {kept} components, variance captured",
        name,
        epsilons,
        lambda t, e, d: PCA(kept, epsilon=e, delta=d, bounds=bounds(t)),
        lambda: PlainPCA(kept),
        "PCA",
        lambda t: {"n_components": kept, "bounds": listed(t), "data_norm": norm(t)},
        splits,
    )


def boosting(name: str, epsilons: tuple[float, ...], against: str) -> Case:
    case = Case(
        f"boosting beside {against}, accuracy",
        name,
        epsilons,
        lambda t, e, d: ExplainableBoostingClassifier(
            e, delta=d, bounds=bounds(t), categories=t.categories, classes=np.unique(t.y)
        ),
        lambda: HistGradientBoostingClassifier(random_state=0),
        against,
        lambda t: {"bounds": listed(t), "classes": np.unique(t.y).tolist()},
    )
    if against != "DPExplainableBoostingClassifier":
        return case
    return case._replace(
        arguments=lambda t: {
            "delta": DELTA,
            "n_jobs": 1,
            "learning_rate": 0.05,
            "privacy_bounds": [list(each) for each in zip(t.low, t.high, strict=True)],
            "feature_types": ["nominal" if many else "continuous" for many in t.categories or [0] * t.x.shape[1]],
        },
        splits=10,
        module="interpret.privacy",
        fair="delta",
    )


CASES = (
    regression("diabetes", (1.0, 10.0)),
    regression("Adult, age", (0.1, 1.0), ones=7),
    bayes("iris", (1.0, 10.0)),
    bayes("breast cancer", (1.0, 10.0)),
    bayes("digits", (1.0, 10.0)),
    bayes("Adult", (0.1, 1.0)),
    clusters("iris", (1.0, 10.0)),
    clusters("breast cancer", (1.0, 10.0)),
    clusters("digits", (1.0, 10.0)),
    components("iris", (1.0, 10.0)),
    components("digits", (1.0,), splits=10),
    boosting("iris", (1.0, 10.0), "RandomForestClassifier"),
    boosting("breast cancer", (1.0, 10.0), "RandomForestClassifier"),
    boosting("Adult", (0.1, 1.0), "RandomForestClassifier"),
    boosting("Adult", (0.1, 1.0), "DecisionTreeClassifier"),
    boosting("breast cancer", (1.0, 10.0), "DPExplainableBoostingClassifier"),
    boosting("Adult", (0.1, 1.0), "DPExplainableBoostingClassifier"),
)


def measured(case: Case, table: Table, found: np.ndarray, test: np.ndarray) -> float:
    """Of what a model found: answers for test rows, centers or components."""
    if case.peer in ("KMeans", "PCA"):
        x = (table.x - table.low) / np.maximum(table.high - table.low, 1e-12) if case.peer == "KMeans" else table.x
        centered = x - x.mean(axis=0)
        whole = float((centered**2).sum())
        if case.peer == "PCA":
            return float(((centered @ np.linalg.qr(found.T)[0]) ** 2).sum()) / whole
        centers = (found - table.low) / np.maximum(table.high - table.low, 1e-12)
        far = ((x**2).sum(axis=1)[:, None] - 2 * x @ centers.T + (centers**2).sum(axis=1)).min(axis=1)
        return 1 - float(far.sum()) / whole
    wanted = table.y[test]
    if case.peer == "LinearRegression":
        return max(1 - float(((wanted - found) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum()), FLOOR)
    return float((wanted == found).mean())


def answers(model: Any, case: Case, x: np.ndarray) -> np.ndarray:
    """What is measured of a model of ours or scikit-learn's."""
    if case.peer == "KMeans":
        return np.asarray(model.cluster_centers_)
    return np.asarray(model.components_ if case.peer == "PCA" else model.predict(x))


def theirs(python: Path, case: Case, table: Table, epsilon: float, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The peer's answers, one a split.

    Raises:
        RuntimeError: the peer failed; its last words are told.
    """
    with tempfile.TemporaryDirectory() as scratch:
        given, answer = Path(scratch) / "given.npz", Path(scratch) / "answer.npz"
        arguments = json.dumps({"epsilon": epsilon, **case.arguments(table)})
        np.savez(
            given,
            x=table.x,
            y=table.y,
            train=train,
            test=test,
            module=case.module,
            model=case.peer,
            arguments=arguments,
        )
        program = str(ROOT / "benchmarks" / "_private_models.py")
        done = subprocess.run(
            [str(python), "-W", "ignore", program, given, answer],
            check=False,
            capture_output=True,
            text=True,
            env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        )
        if done.returncode:
            raise RuntimeError(f"{case.peer} failed: {done.stderr.strip().splitlines()[-1]}")
        return np.load(answer)["found"]


def row(python: Path, case: Case, table: Table, epsilon: float) -> tuple[str, bool]:
    """One line, and whether ours is better with confidence of 95 %."""
    size = len(table.x) * 2 // 3
    orders = [np.random.default_rng(seed).permutation(len(table.x)) for seed in range(case.splits)]
    train, test = np.array([each[:size] for each in orders]), np.array([each[size:] for each in orders])
    scores: dict[str, list[float]] = {"peer": [], "pure": [], "delta": []}
    for found, at in zip(theirs(python, case, table, epsilon, train, test), test, strict=True):
        scores["peer"].append(measured(case, table, found, at))
    for one, at in zip(train, test, strict=True):
        for name, delta in (("pure", None), ("delta", DELTA)):
            model = case.ours(table, epsilon, delta).fit(table.x[one], table.y[one])
            scores[name].append(measured(case, table, answers(model, case, table.x[at]), at))
    plain = case.plain().fit(table.x[train[0]], table.y[train[0]])
    best = measured(case, table, answers(plain, case, table.x[test[0]]), test[0])
    means = {name: float(np.mean(each)) for name, each in scores.items()}
    gaps = {name: np.subtract(scores[name], scores["peer"]) for name in ("pure", "delta")}
    near = {
        name: student.ppf(0.975, case.splits - 1) * each.std(ddof=1) / case.splits**0.5 for name, each in gaps.items()
    }
    said = {name: f"{each.mean():+.3f} +- {near[name]:.3f}" for name, each in gaps.items()}
    better = bool(gaps[case.fair].mean() > near[case.fair])
    said[case.fair] = f"**{said[case.fair]}**" if better else said[case.fair]
    line = (
        f"| {case.what} | {case.table} | {epsilon:g} | {best:.3f} | {means['peer']:.3f} | {means['pure']:.3f} "
        f"| {said['pure']} | {means['delta']:.3f} | {said['delta']} |"
    )
    return line, better


def main() -> None:
    """Print the section."""
    print("## Private estimators beside diffprivlib and interpret\n")
    found = {name: peer(name) for name in ("diffprivlib", "interpret")}
    pythons = {name: each for name, each in found.items() if each is not None}
    if len(pythons) < len(found):
        print("SKIPPED: a peer's environment is missing: make peers\n")
        return
    there = tables()
    wanted = sys.argv[1:]
    print(
        f"{SEEDS} splits (PCA of digits, interpret: 10) of two thirds and one third; means, and differences paired by "
        "split with their 95 % interval."
    )
    print(
        f"R^2 below {FLOOR:g} counts as that. Bold: better with confidence at a guarantee like the peer's, which is "
        f"pure for diffprivlib and has a delta of {DELTA:g} for interpret's DPExplainableBoostingClassifier.\n"
    )
    print("| model | table | epsilon | not private | peer | ours, pure | minus peer | ours, delta | minus |")
    print("|---|---|---|---|---|---|---|---|---|")
    behind = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in CASES:
            if case.table not in there or (wanted and not any(each in case.what for each in wanted)):
                continue
            for epsilon in case.epsilons:
                line, better = row(pythons[case.module.partition(".")[0]], case, there[case.table], epsilon)
                print(line, flush=True)
                if not better:
                    behind.append(f"{case.what.partition(',')[0]} on {case.table} at {epsilon:g}")
    print(f"\nNot better with confidence: {'; '.join(behind) or 'none'}.")
    if "Adult" not in there:
        print("\nSKIPPED: Adult (`CASEMATE_BENCH_DATA/arx`).")
    print()


if __name__ == "__main__":
    main()
