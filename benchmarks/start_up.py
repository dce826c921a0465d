"""Acceptance row 14: how long importing the package and asking for help take, beside a bare interpreter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15
ENTRY = "import sys; sys.argv = ['casemate', '--help']; from casemate.cli import main; main()"
COMMANDS = {
    "python -c pass": "pass",
    "import casemate": "import casemate",
    "casemate --help": ENTRY,
}


def once(code: str) -> tuple[float, float]:
    """Wall and CPU milliseconds of one fresh interpreter."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL, check=True)
    after, wall = os.times(), time.perf_counter() - start
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return 1000 * wall, 1000 * used


def main() -> None:
    print("## Start\n")
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for code in COMMANDS.values():
        once(code)
    for _ in range(ROUNDS):
        for name, code in COMMANDS.items():
            found[name].append(once(code))
    print(f"Medians of {ROUNDS} fresh processes each, alternating, the interpreter's own start included.\n")
    print("| command | wall ms | CPU ms |\n|---|---|---|")
    for name, times in found.items():
        wall, used = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"| `{name}` | {wall:.0f} | {used:.0f} |")


if __name__ == "__main__":
    main()
