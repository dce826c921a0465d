"""Acceptance row 3: CPU seconds of a standard audit of the two clinical models, one thread each, budgets listed."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from casemate.ledger.view import verify_folder

ROOT = Path(__file__).parents[1]
SUPPORT2 = ROOT / ".data" / "support2.csv"
ENTRY = "from casemate.cli import main; main()"


def cpu() -> float:
    """CPU seconds of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def reference() -> float:
    """CPU seconds of a fixed amount of work: how fast this machine is just now."""
    start = time.process_time()
    total = 0
    for number in range(10_000_000):
        total += number
    return time.process_time() - start


def main() -> None:
    print("## Audit of two clinical models, standard effort\n")
    if not SUPPORT2.exists():
        print("SKIPPED: no .data/support2.csv; run make data")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "clinical"
        shutil.copytree(ROOT / "examples" / "clinical", folder, ignore=shutil.ignore_patterns("audit", "data", "model"))
        train = [sys.executable, str(folder / "train.py"), str(SUPPORT2), str(folder)]
        subprocess.run(train, check=True, capture_output=True)
        environment = {**os.environ, "CASEMATE_HOME": str(Path(scratch) / "home"), "PYTHONPATH": str(ROOT / "src")}
        speed = [reference()]
        before = cpu()
        command = [sys.executable, "-c", ENTRY, "audit", str(folder), "--workers", "1", "--effort", "standard"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        spent = cpu() - before
        speed.append(reference())
        if done.returncode not in (0, 1, 2):
            sys.exit(done.stderr[-500:])
        log = verify_folder(folder / "audit")
        rows = json.loads((folder / "audit" / "results.json").read_bytes())["measurements"]
    costs: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0.0, 0])
    shadows = 0
    for record in log.of_kind("trial"):
        said = record.predicate
        cost = costs[said["subject"], said["assessment"]]
        cost[0], cost[1], cost[2] = cost[0] + 1, cost[1] + said["seconds"], cost[2] + said["queries"]
        shadows += 4 if said["subject"] == "boosted" and said["task"].startswith("shadows") else 0
    members = next(row["n"] for row in rows if row["kind"] == "attack/membership/lira" and row["metric"] == "tpr")
    print(
        f"**{spent:.1f} s CPU in all** (start, data, models, {len(log.records)} ledger records and report included), "
        f"membership for {members:,} training records each; {shadows} shadow models for the boosted one. "
        f"Ten million additions in a Python loop took {speed[0]:.2f} s before and {speed[1]:.2f} s after: shared "
        "machines change their speed by half within minutes.\n"
    )
    print("| model | assessment | tasks | CPU s | queries |\n|---|---|---|---|---|")
    for (subject, assessment), (tasks, seconds, queries) in sorted(costs.items()):
        print(f"| {subject} | {assessment} | {tasks} | {seconds:.1f} | {queries:,} |")


if __name__ == "__main__":
    main()
