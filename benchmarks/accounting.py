"""Issue 5, row 6: what trainings spend, beside prv-accountant's bracket and dp-accounting's two accountants.

The bracket is exact but for its stated error, an absolute one that is made smaller until it is a hundredth of epsilon
or 0.02. Ours has to lie above its lower end, and at most a hundredth above its upper end. Opacus' PRV accountant stands
beside it, and its "gdp", a central limit that claims less than is spent: ours has nothing like it, and its door for
Opacus' users refuses the name.
"""

from __future__ import annotations

import json
import math
import subprocess
import time
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from benchmarks._peers import ROOT, python
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.events import Gaussian, Poisson

RATES, NOISES, COUNTS = (1e-4, 1e-3, 0.01, 0.1, 0.5), (0.6, 1.0, 2.0, 8.0), (1, 30, 1000, 20_000)
DELTA = 1e-5
ERRORS = (0.1, 0.02)
LARGE = 30.0
"""Epsilon beyond which nobody asks, and prv-accountant takes very long."""


class Case(NamedTuple):
    """One training: epsilons and CPU seconds."""

    rate: float
    noise: float
    count: int
    ours: float
    seconds: float
    prv: tuple[float, float, float] | None
    pld: float | None
    rdp: float | None
    opacus: float | None
    limit: float | None
    theirs: dict[str, float]


def asked(peer: str, script: str, **question: Any) -> list[dict[str, Any]]:
    """A peer's answers, one a case.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(
        [str(python(peer)), str(ROOT / "benchmarks" / script)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    if done.returncode:
        raise RuntimeError(f"{peer} failed: {done.stderr.strip().splitlines()[-1]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure() -> list[Case]:
    """All cases of the grid.

    Raises:
        RuntimeError: the peers failed.
    """
    cases, found = [], []
    for rate, noise, count in product(RATES, NOISES, COUNTS):
        started = time.process_time()
        ours = Accountant().compose(Poisson(rate, Gaussian(noise)), count).epsilon(DELTA)
        if ours < LARGE:
            cases.append((rate, noise, count))
            found.append((ours, time.process_time() - started))
    theirs = asked("accounting", "_accountants.py", cases=cases, delta=DELTA, errors=ERRORS)
    opacus = [{"prv": (None, ""), "gdp": (None, "")}] * len(cases)
    if python("opacus").exists():
        opacus = asked("opacus", "_opacus_accounts.py", cases=cases, delta=DELTA)
    rows = []
    for case, (ours, seconds), said, other in zip(cases, found, theirs, opacus, strict=True):
        said["opacus"], said["limit"] = other["prv"], other["gdp"]
        rows.append(
            Case(
                *case,
                ours,
                seconds,
                said["prv"][0] and tuple(said["prv"][0]),
                said["pld"][0],
                said["rdp"][0],
                said["opacus"][0],
                said["limit"][0],
                {name: each[1] for name, each in said.items() if each[0] is not None},
            )
        )
    return rows


def main() -> None:
    """Print the section."""
    print("## What private trainings spend\n")
    if not python("accounting").exists():
        print("SKIPPED: the peers' environment is missing: make peers\n")
        return
    rows = measure()
    bracketed = [each for each in rows if each.prv]
    ends = [each.prv for each in bracketed if each.prv]
    below = sum(each.ours < low for each, (low, _, _) in zip(bracketed, ends, strict=True))
    above = sum(each.ours > 1.01 * high for each, (_, _, high) in zip(bracketed, ends, strict=True))
    print(
        f"{len(rows)} trainings of Poisson sampling (rates {RATES}, noise multipliers {NOISES}, steps {COUNTS}, those "
        f"with epsilon below {LARGE:g}) at delta {DELTA:g}. prv-accountant brackets {len(bracketed)} of them: ours is "
        f"below the lower end in **{below}** and more than a hundredth above the upper end in **{above}**.\n"
    )
    print("| accountant | epsilon over ours, median | least | greatest | CPU s a case, median | greatest |")
    print("|---|---|---|---|---|---|")
    mine = [each.seconds for each in rows]
    print(f"| **casemate** | 1 | 1 | 1 | {np.median(mine):.2f} | {max(mine):.2f} |")
    for name, label in (
        ("prv", "prv-accountant, upper end"),
        ("pld", "dp-accounting PLD"),
        ("rdp", "dp-accounting RDP"),
        ("opacus", "Opacus PRV"),
        ("limit", "Opacus gdp (central limit)"),
    ):
        ratios, seconds = [], []
        for each in rows:
            said = getattr(each, name) if name != "prv" else each.prv and each.prv[2]
            if name in each.theirs and said is not None and each.ours > 0 and math.isfinite(said):
                ratios.append(said / each.ours)
                seconds.append(each.theirs[name])
        print(
            f"| {label}, {len(ratios)} cases | {np.median(ratios):.4f} | {min(ratios):.4f} | {max(ratios):.4g} "
            f"| {np.median(seconds):.2f} | {max(seconds):.2f} |"
        )
    claimed = [(each.limit, low) for each, (low, _, _) in zip(bracketed, ends, strict=True) if each.limit is not None]
    less = sum(limit < low for limit, low in claimed)
    print(f"\nThe central limit claims less than prv-accountant's lower end in {less} of {len(claimed)} cases.\n")


if __name__ == "__main__":
    main()
