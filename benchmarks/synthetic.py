"""Synthetic Adult at epsilon 1, beside AIM of its authors: how near pairs of columns are, and what is learned of them.

ARX's Adult is read from ``CASEMATE_BENCH_DATA/arx``. 20,000 people are synthesized, 10,162 judge a logistic regression
that saw synthetic rows only. Both know the same code book, spend (1, 1e-6) with the same neighbors, and are asked for
all pairs. The peer is private-pgm (McKenna, Mullins, Sheldon & Miklau 2022), a checkout that ``CASEMATE_PRIVATE_PGM``
names (github.com/ryan112358/private-pgm at 4d2b3c5), in an environment with what it needs. Its model is kept to 1 MB,
which its authors recommend for trials where 80 MB take hours; its noise is a seed's, ours nobody's.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from benchmarks._tables import ROOT, folder, peer
from casemate.privacy.dp.synthetic import Categories, SyntheticTable

EPSILON, DELTA = 1.0, 1e-6
SEEDS = 5
TRAIN = 20_000
TARGET = "salary-class"
MEGABYTES, ITERATIONS = 1.0, 1000


def apart(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Mean total variation distance over all pairs of columns."""
    found = []
    for columns in itertools.combinations(one.columns, 2):
        first, second = (each.groupby(list(columns)).size() / len(each) for each in (one, other))
        found.append(first.sub(second, fill_value=0).abs().sum() / 2)
    return float(np.mean(found))


def accuracy(train: pd.DataFrame, test: pd.DataFrame) -> float:
    """Of a logistic regression, on people it never saw."""
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=300))
    model.fit(train.drop(columns=TARGET), train[TARGET])
    return float(model.score(test.drop(columns=TARGET), test[TARGET]))


def interval(values: list[float]) -> str:
    """The mean and Student's interval over seeds."""
    mean = float(np.mean(values))
    half = float(student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return f"{mean:.4f} [{mean - half:.4f}, {mean + half:.4f}]"


def ours(train: pd.DataFrame, sizes: dict[str, int], method: Any) -> list[tuple[pd.DataFrame, float]]:
    """Synthetic tables, and CPU seconds each."""
    found = []
    domains = {name: Categories(range(size)) for name, size in sizes.items()}
    for seed in range(SEEDS):
        start = time.process_time()
        made = SyntheticTable(EPSILON, delta=DELTA, domains=domains, method=method).fit(train)
        found.append((made.sample(len(train), random_state=seed), time.process_time() - start))
    return found


def theirs(train: pd.DataFrame, sizes: dict[str, int]) -> list[tuple[pd.DataFrame, float]] | None:
    """The same of the peer; None where it is absent.

    Raises:
        RuntimeError: it failed.
    """
    python, checkout = peer("mbi"), os.environ.get("CASEMATE_PRIVATE_PGM", "")
    if python is None or not (Path(checkout) / "mechanisms" / "aim.py").exists():
        return None
    given = {
        "checkout": checkout, "names": list(train.columns), "sizes": list(sizes.values()),
        "rows": train.to_numpy().tolist(), "epsilon": EPSILON, "delta": DELTA, "rounds": None,
        "megabytes": MEGABYTES, "iterations": ITERATIONS, "seeds": list(range(SEEDS)),
    }  # fmt: skip
    done = subprocess.run(
        [str(python), "-W", "ignore", str(ROOT / "benchmarks" / "_synthesizers.py")],
        input=json.dumps(given), capture_output=True, text=True, check=False,
        env={"OMP_NUM_THREADS": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the peer failed: {done.stderr.strip().splitlines()[-1]}")
    return [(pd.DataFrame(each["rows"], columns=train.columns), each["seconds"]) for each in json.loads(done.stdout)]


def main() -> None:
    """The table."""
    path = folder() / "arx" / "adult.csv"
    print("## Synthetic tables beside private-pgm's AIM\n")
    if not path.exists():
        print("SKIPPED: CASEMATE_BENCH_DATA/arx does not hold ARX's Adult")
        return
    warnings.simplefilter("ignore")
    whole = pd.read_csv(path, sep=";").sample(frac=1, random_state=0).reset_index(drop=True)
    coded = whole.apply(lambda column: pd.factorize(column, sort=True)[0])
    sizes = {str(name): int(coded[name].max()) + 1 for name in coded.columns}
    train, test = coded[:TRAIN], coded[TRAIN:]
    print(f"Adult, {len(train):,} people, epsilon {EPSILON:g}, delta {DELTA:g}, {SEEDS} seeds; 95 % intervals\n")
    print("| synthesizer | pairs of columns: total variation | accuracy, trained on synthetic rows | CPU s |")
    print("|---|---|---|---|")
    made = {"casemate, MST": ours(train, sizes, "mst"), "casemate, AIM": ours(train, sizes, "aim")}
    other = theirs(train, sizes)
    if other is not None:
        made["private-pgm, AIM, 1 MB"] = other
    for name, tables in made.items():
        near = interval([apart(train, each) for each, _ in tables])
        right = interval([accuracy(each, test) for each, _ in tables])
        print(f"| {name} | {near} | {right} | {np.mean([seconds for _, seconds in tables]):.1f} |", flush=True)
    print(f"| the real rows | 0 | {accuracy(train, test):.4f} | |")
    if other is None:
        print("\nSKIPPED: private-pgm (benchmarks/peers/mbi.txt, and CASEMATE_PRIVATE_PGM for a checkout)")


if __name__ == "__main__":
    main()
