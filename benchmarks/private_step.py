"""Issue 5, rows 3 and 4: one private training step beside all modes of Opacus, and beside training that is not private.

Two workers, each library in its environment, take turns a few steps at a time; CPU seconds of the fastest turn. All
take the same steps: clip to 1, add noise, update. First both use torch's own noise; then ours the default, which nobody
can foresee and which leaves no trace of floating point, against Opacus as before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

from benchmarks._peers import ROOT, python

CASES = (("MLP", 64), ("MLP", 256), ("CNN", 64), ("CNN", 256), ("block", 32))
MODES = ("hooks", "functorch", "expanded weights", "ghost")
ROUNDS, SECONDS = 7, 0.4
"""Turns of each, and about how long one is."""


class Worker:
    """A process that takes steps when told to."""

    def __init__(self, interpreter: str, path: str) -> None:
        self.process = subprocess.Popen(
            [interpreter, str(ROOT / "benchmarks" / "_steppers.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )

    def ask(self, way: str, network: str, batch: int, steps: int) -> dict[str, Any]:
        """Seconds a step, or why there are none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"way": way, "network": network, "batch": batch, "steps": steps}) + "\n")
        self.process.stdin.flush()
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


def measured(workers: dict[str, Worker], network: str, batch: int) -> dict[str, dict[str, Any]]:
    """The fastest turn of each way."""
    ways = ("plain", "casemate", "casemate trusted", *(f"opacus {mode}" for mode in MODES))
    best: dict[str, dict[str, Any]] = {}
    steps: dict[str, int] = {}
    for way in ways:
        best[way] = workers[way.partition(" ")[0]].ask(way, network, batch, 1)
        if "failed" not in best[way]:
            steps[way] = max(round(SECONDS / best[way]["cpu"]), 1)
    for _ in range(ROUNDS):
        for way, count in steps.items():
            said = workers[way.partition(" ")[0]].ask(way, network, batch, count)
            best[way] = {key: min(best[way][key], said[key]) for key in said}
    return best


def main() -> None:
    """Print the section."""
    print("## One private training step\n")
    if not python("opacus").exists():
        print("SKIPPED: the peers' environment is missing: make peers\n")
        return
    print(
        "| network, batch | way | CPU ms | over casemate | over casemate's default | wall ms | of plain speed |\n"
        "|---|---|---|---|---|---|---|"
    )
    with ExitStack() as stack:
        mine = Worker(sys.executable, f"{ROOT / 'src'}:{ROOT}")
        workers = {"casemate": mine, "plain": mine, "opacus": Worker(str(python("opacus")), str(ROOT))}
        for each in set(workers.values()):
            stack.callback(each.close)
        for network, batch in CASES:
            best = measured(workers, network, batch)
            for way, said in best.items():
                if "failed" in said:
                    print(f"| {network}, {batch} | {way} | failed: {said['failed']} | | | | |")
                    continue
                ratios = [said["cpu"] / best[each]["cpu"] for each in ("casemate", "casemate trusted")]
                bold = "**" if way.startswith("casemate") else ""
                print(
                    f"| {network}, {batch} | {bold}{way}{bold} | {1000 * said['cpu']:.2f} | {ratios[0]:.2f}x "
                    f"| {ratios[1]:.2f}x | {1000 * said['wall']:.2f} | {best['plain']['cpu'] / said['cpu']:.0%} |"
                )
    print()


if __name__ == "__main__":
    main()
