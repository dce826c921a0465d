"""Issue 5, rows 11 and 12: levels beside pycanon's, generalization beside anjana's, and Mondrian of a million rows.

ARX's Adult (30,162 complete rows) is read from ``CASEMATE_BENCH_DATA/arx``. anjana is given the same quasi-identifiers,
hierarchies, k and limit, and the share of the domain that is lost is counted for both by one function: suppressed rows
count as generalized to nothing.
"""

from __future__ import annotations

import json
import resource
import subprocess
import time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks._peers import ROOT, python
from benchmarks._tables import folder
from casemate.privacy.tables import Anonymizer, DomainShare, Hierarchy, KAnonymity, levels
from casemate.privacy.tables.coding import encode
from casemate.privacy.tables.groups import Grouping

OF = "occupation"
CASES = ((5, 0.04), (10, 0.04), (10, 0.5), (100, 0.04), (5, 0.0))
ROWS, K = 1_000_000, 10


class Adult(NamedTuple):
    """The table, what may identify, and how that is generalized."""

    frame: pd.DataFrame
    quasi: list[str]
    trees: dict[str, Hierarchy]


def adult() -> Adult:
    """ARX's Adult, all columns but the occupation identifying."""
    frame = pd.read_csv(folder() / "arx" / "adult.csv", sep=";", dtype=str, keep_default_na=False)
    quasi = [name for name in frame.columns if name != OF]
    return Adult(
        frame, quasi, {name: Hierarchy.read(folder() / "arx" / f"adult_hierarchy_{name}.csv") for name in quasi}
    )


def peer(table: Adult, **asked: Any) -> Any:
    """What pycanon or anjana says.

    Raises:
        RuntimeError: the peer failed.
    """
    given = {"table": table.frame.to_dict("list"), "quasi": table.quasi, **asked}
    done = subprocess.run(
        [str(python("tables")), "-W", "ignore", str(ROOT / "benchmarks" / "_anonymizers.py")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    if done.returncode:
        raise RuntimeError(f"the peer failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def beside_pycanon(table: Adult, coarse: bool) -> None:
    """Levels of the table as it is, or generalized so that classes are few and large."""
    frame = table.frame
    if coarse:
        frame = Anonymizer([KAnonymity(5)], limit=0.04).release(frame, table.trees).table
    theirs = peer(table._replace(frame=frame), what="levels", of=OF)
    started = time.process_time()
    ours = levels(frame, table.quasi, [OF])
    seconds = time.process_time() - started
    said = ours.sensitive[OF]
    mine = {"k": ours.k, "distinct": said.distinct, "entropy": int(said.entropy + 1e-9)}
    mine |= {"t": said.t_equal, "beta": said.beta}
    print(f"\n{len(frame)} rows, {ours.classes} classes; ours, all five at once: {seconds:.3f} CPU s\n")
    print("| level | ours | pycanon | pycanon, CPU s | times ours |\n|---|---|---|---|---|")
    for name, (value, took) in theirs.items():
        agrees = "" if np.isclose(mine[name], value, rtol=1e-12) else " DIFFERS"
        print(f"| {name} | {mine[name]:.6g}{agrees} | {value:.6g} | {took:.2f} | {took / seconds:.0f} |")


def beside_anjana(table: Adult) -> None:
    """The share of the domain that is lost, at equal k and limit."""
    trees = {
        name: [[labels[at] for at in groups] for labels, groups in zip(tree.labels, tree.groups, strict=True)]
        for name, tree in table.trees.items()
    }
    theirs = peer(table, what="generalize", trees=trees, cases=CASES)
    coded = encode(table.frame, table.trees)
    measure = DomainShare("arithmetic").over(coded)
    print("\n| k | limit | ours: loss | left out | CPU s | proven | anjana: loss | left out | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (k, limit), said in zip(CASES, theirs, strict=True):
        started = time.process_time()
        made = Anonymizer([KAnonymity(k)], limit, DomainShare("arithmetic")).release(table.frame, table.trees)
        seconds = time.process_time() - started
        if said["rows"]:
            _, classes = Grouping(coded).of(tuple(said["node"]))
            loss = measure.value(tuple(said["node"]), classes, classes.inside >= (k if said["lost"] else 1))
            lost = f"{loss:.4f} | {said['lost']}"
        else:
            lost = "none found | "
        print(
            f"| {k} | {limit:g} | {made.loss:.4f} | {made.suppressed} | {seconds:.2f} | {made.proven} "
            f"| {lost} | {said['seconds']:.2f} |"
        )


def million(rows: int = ROWS) -> None:
    """Mondrian of a table of numbers and categories, three of these by hierarchy."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "age": random.integers(17, 91, rows),
            "postcode": random.integers(10_000, 100_000, rows),
            "income": np.round(random.lognormal(10, 0.8, rows), -2).astype(int),
            "hours": random.binomial(80, 0.5, rows),
            "height": np.round(random.normal(170, 10, rows)).astype(int),
            "job": random.zipf(1.3, rows) % 60,
            "region": random.integers(0, 50, rows),
            "education": random.binomial(15, 0.5, rows),
        }
    )
    by_label = ["job", "region", "education"]
    frame[by_label] = frame[by_label].astype(str)
    given: dict[str, Any] = dict.fromkeys(frame.columns)
    for name in by_label:
        values = sorted(frame[name].unique(), key=int)
        given[name] = Hierarchy.of(
            [(each, f"{int(each) // 10}", "*") for each in (f"{value:>2}".strip() for value in values)]
        )
    started = time.process_time()
    made = Anonymizer([KAnonymity(K)], method="mondrian").release(frame, given)
    seconds = time.process_time() - started
    held = levels(made.table, list(frame.columns))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"Mondrian, {rows:,} rows, {len(frame.columns)} quasi-identifiers ({len(by_label)} by hierarchy), k = {K}: "
        f"{seconds:.1f} CPU s, peak {peak:.2f} GB, {made.classes:,} classes of {rows / made.classes:.1f} rows, "
        f"loss {made.loss:.3f}; measured k = {held.k}"
    )


def main() -> None:
    """Print all of it."""
    print("## Anonymous tables\n")
    million()
    if not (folder() / "arx" / "adult.csv").exists() or not python("tables").exists():
        print("\nSKIPPED: CASEMATE_BENCH_DATA/arx or the peers' environment is absent.")
        return
    table = adult()
    beside_pycanon(table, coarse=False)
    beside_pycanon(table, coarse=True)
    beside_anjana(table)


if __name__ == "__main__":
    main()
