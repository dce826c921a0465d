"""Issue 5, row 13: re-identification of Adult before and after, by our attackers and by anonymeter's.

ARX's Adult (30,162 people) is read from ``CASEMATE_BENCH_DATA/arx``. Linkage is of the whole table. For the rest half
of it is released, and the other half is the control; anonymeter (Giomi, Boenisch, Wehmeyer & Tasnádi 2023) gets the
same halves, with people's values written as the release writes them, since its attacks know no hierarchies. Its
descriptions are judged on all rows; its own figure counts people who look alike as one, who is then isolated.
"""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._tables import ROOT, folder, peer
from benchmarks.tables import OF, Adult, adult
from casemate.privacy.tables import Anonymizer, DistinctDiversity, KAnonymity
from casemate.privacy.tables.attacks import AttributeDisclosure, Published, SinglingOut, link

ATTACKS = 1000


def linkage(table: Adult) -> None:
    """Every attacker, every k, both methods."""
    print("\n| k | method | attacker | before | after | after, at most (one-sided 95 %) | 1/k + 2 points |")
    print("|---|---|---|---|---|---|---|")
    for k in (2, 5, 10, 50):
        for method, limit in (("exact", 0.02), ("mondrian", 0.0)):
            release = Anonymizer([KAnonymity(k)], limit, method=method).release(table.frame, table.trees)
            for each in link(release, table.frame, more=[OF], seed=1):
                promised = f"{1 / k + 0.02:.1%}" if each.judged else "not promised"
                print(f"| {k} | {method} | {each.after.setting} | {each.before.rate:.1%} | {each.after.rate:.1%} "
                      f"| {each.after.upper:.1%} | {promised} |")  # fmt: skip


def written(release: Any, people: pd.DataFrame) -> pd.DataFrame:
    """People's values at the levels of an exact release."""
    made = people.copy()
    for name, tree in zip(release.cells.names, release.cells.hierarchies, strict=True):
        level = release.quasi_identifiers[name]
        labels = {value: tree.labels[level][at] for value, at in zip(tree.values, tree.groups[level], strict=True)}
        made[name] = made[name].map(labels)
    return made


def anonymeter(
    tables: dict[str, pd.DataFrame], quasi: list[str], of: str, attacks: int
) -> dict[str, list[float]] | None:
    """What anonymeter finds: for singling out and attribute disclosure the rate, that on others, and CPU seconds.

    Args:
        tables: ``mine`` (the people of the release), ``released``, and ``others``, all with the same columns.
        quasi: columns that its attacker knows.
        of: the one that he guesses.
        attacks: how many.

    Returns:
        None where its environment is absent.

    Raises:
        RuntimeError: it failed.
    """
    python = peer("anonymeter")
    if python is None:
        return None
    given: dict[str, Any] = {name: each.to_dict("list") for name, each in tables.items()}
    given |= {"quasi": quasi, "of": of, "attacks": attacks, "columns": len(tables["mine"].columns)}
    done = subprocess.run(
        [str(python), "-W", "ignore", str(ROOT / "benchmarks" / "_reidentifiers.py")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env={"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    if done.returncode:
        raise RuntimeError(f"the peer failed: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def beside(table: Adult) -> None:
    """Singling out and attribute disclosure: rate on the people of the release, and on as many others."""
    order = np.random.default_rng(4).permutation(len(table.frame))
    half = len(order) // 2
    mine, others = (table.frame.iloc[each].reset_index(drop=True) for each in (order[:half], order[half : 2 * half]))
    models = {"as it is": None, "k = 5": [KAnonymity(5)], "k = 5, l = 5": [KAnonymity(5), DistinctDiversity(OF, 5)]}
    print("\n| table | attack | ours | on others | excess | CPU s | anonymeter | on others | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, asked in models.items():
        release = Anonymizer(asked or [KAnonymity(5)], 0.02).release(mine, table.trees)
        after = Published.after(release, mine)
        attacked = after if asked else after.before()
        told = [written(release, each) if asked else each for each in (mine, others)]
        tables = {"mine": told[0], "released": attacked.table.astype(str), "others": told[1]}
        theirs = anonymeter(tables, table.quasi, OF, ATTACKS)
        for key, attack in (
            ("singling", SinglingOut(all_columns=True, predicates=ATTACKS)),
            ("attribute", AttributeDisclosure(OF, victims=ATTACKS)),
        ):
            started = time.process_time()
            if isinstance(attack, SinglingOut):
                found = attack.run(attacked, others)
                excess = found.gain
            else:
                found = attack.run(attacked, others.iloc[: half // 2], others.iloc[half // 2 :])
                excess = found.excess
            seconds = time.process_time() - started
            said = (
                "absent | | "
                if theirs is None
                else f"{theirs[key][0]:.1%} | {theirs[key][1]:.1%} | {theirs[key][2]:.1f}"
            )
            print(f"| {name} | {found.attack} | {found.rate:.1%} | {found.control.rate:.1%} "
                  f"| {100 * excess.value:+.1f} points [{100 * excess.low:+.1f}, {100 * excess.high:+.1f}] "
                  f"| {seconds:.1f} | {said} |")  # fmt: skip


def main() -> None:
    """Print all of it."""
    print("## Re-identification of released tables")
    if not (folder() / "arx" / "adult.csv").exists():
        print("\nSKIPPED: CASEMATE_BENCH_DATA/arx is absent.")
        return
    table = adult()
    linkage(table)
    beside(table)


if __name__ == "__main__":
    main()
