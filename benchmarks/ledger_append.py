"""Durable appends: signed statements in batches of 256, a checkpoint each, beside pymerkle and the bare disk.

Ours builds, signs and appends every record and closes the ledger; the peer is handed the finished bytes. Rounds
alternate between all of them, so that a busy machine hits each.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks._tables import peer
from casemate.keys.ed25519 import Ed25519Signer
from casemate.ledger.ledger import Ledger
from casemate.ledger.statement import encode, seal

BATCH, BATCHES, ROUNDS = 256, 60, 5
FLOOR = 8_000
SIGNER = Ed25519Signer("example.org/bench", bytes(32))
PAYLOAD = 1_000
PEER = """
import sys, time, json
from pymerkle import SqliteTree
folder, length, count, batch, roots = sys.argv[1], *map(int, sys.argv[2:6])
data = open(folder + "/records", "rb").read()
records = [data[at : at + length] for at in range(0, length * count, length)]
tree = SqliteTree(folder + "/tree.db")
wall, cpu = time.perf_counter(), time.process_time()
for at in range(0, count, batch):
    tree.append_entries(records[at : at + batch])
    if roots:
        tree.get_state()
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""


class Cost(NamedTuple):
    """Wall and CPU seconds of one round."""

    wall: float
    cpu: float


SUBJECT = {"model": "ef" * 32}


def predicate(number: int, padding: str) -> dict[str, object]:
    """What a trial says, padded."""
    return {"plan": "ab" * 32, "task": f"{number:08d}", "blob": "cd" * 32, "note": padding}


PADDING = "x" * (PAYLOAD - len(encode("trial", predicate(0, ""), SUBJECT)))


def record(number: int) -> bytes:
    """One signed record, made from nothing."""
    return seal("trial", predicate(number, PADDING), SUBJECT, [SIGNER])


def batch_of(number: int) -> list[bytes]:
    """One batch of signed records."""
    return [record(number * BATCH + each) for each in range(BATCH)]


def in_turn(folder: Path) -> Cost:
    """Build and sign a batch, append it, then the next; close."""
    wall, cpu = time.perf_counter(), time.process_time()
    with Ledger.create(folder / "ledger", [SIGNER]) as ledger:
        for number in range(BATCHES):
            ledger.append_many(batch_of(number))
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def overlapped(folder: Path) -> Cost:
    """The same, but a second thread signs the next batch while the disk is busy with one."""
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(1) as signing, Ledger.create(folder / "ledger", [SIGNER]) as ledger:
        following = signing.submit(batch_of, 0)
        for number in range(1, BATCHES + 1):
            batch = following.result()
            following = signing.submit(batch_of, number)
            ledger.append_many(batch)
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def theirs(roots: int) -> Callable[[Path], Cost]:
    """SqliteTree of pymerkle, durable as SQLite's defaults make it; with or without a root for each batch."""

    def run(folder: Path) -> Cost:
        python = peer("pymerkle")
        assert python is not None
        records = [record(number) for number in range(BATCH * BATCHES)]
        (folder / "records").write_bytes(b"".join(records))
        sizes = [str(len(records[0])), str(len(records)), str(BATCH), str(roots)]
        done = subprocess.run([python, "-c", PEER, folder, *sizes], check=True, capture_output=True, text=True)
        return Cost(*json.loads(done.stdout))

    return run


def bare(folder: Path) -> Cost:
    """The same bytes appended to one file with one fdatasync a batch: what the disk allows."""
    data = b"".join(record(number) for number in range(BATCH))
    descriptor = os.open(folder / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(BATCHES):
        os.write(descriptor, data)
        os.fdatasync(descriptor)
    cost = Cost(time.perf_counter() - wall, time.process_time() - cpu)
    os.close(descriptor)
    return cost


def main() -> None:
    runs: dict[str, Callable[[Path], Cost]] = {
        "casemate: build, sign, append, checkpoint, close; signing while syncing": overlapped,
        "casemate: the same, one after the other": in_turn,
    }
    if peer("pymerkle") is None:
        print("SKIPPED pymerkle: its environment is missing (make peers)\n")
    else:
        runs["pymerkle SqliteTree, bytes given, no root"] = theirs(0)
        runs["pymerkle SqliteTree, bytes given, a root a batch"] = theirs(1)
    runs["bare write + fdatasync"] = bare
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    scratch = os.environ.get("CASEMATE_BENCH_SCRATCH")
    for _ in range(ROUNDS):
        for name, run in runs.items():
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                costs[name].append(run(Path(folder)))
    total = BATCH * BATCHES
    print("## Ledger: durable appends\n")
    print(
        f"{total:,} records of {len(record(0)):,} bytes (statement {PAYLOAD:,}), batches of {BATCH}, {ROUNDS} rounds.\n"
    )
    print("| | records/s, median (range) | CPU us/record |\n|---|---|---|")
    for name, found in costs.items():
        rates = sorted(total / cost.wall for cost in found)
        cpu = statistics.median(cost.cpu for cost in found) / total * 1e6
        print(f"| {name} | {statistics.median(rates):,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f}) | {cpu:.1f} |")
    rate = total / statistics.median(cost.wall for cost in costs[next(iter(runs))])
    print(f"\nAcceptance: at least {FLOOR:,} records/s: {'shown' if rate >= FLOOR else 'NOT shown'}.")
    if rate < FLOOR:
        sys.exit(1)


if __name__ == "__main__":
    main()
