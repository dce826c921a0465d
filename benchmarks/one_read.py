"""Issue 3, row 11: scan, hash, sign and encrypt 200 MB in one read, beside hashing the same file alone.

The sink is the one of ``casemate seal``; the sealed file is published, and opened again at the end to see that it is
the same. All files lie on tmpfs.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from casemate.custody.envelope import Sealer, decrypt_file
from casemate.custody.onepass import one_pass
from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.kek_file import FileKey, create_kek

SIZE, ROUNDS, GOAL = 200 << 20, 9, 1.3


def alone(path: Path) -> None:
    """SHA-256 of a file, as ``hashlib`` does it."""
    with path.open("rb") as stream:
        hashlib.file_digest(stream, "sha256")


def everything(path: Path, key: FileKey) -> None:
    """Scan, hash, encrypt in one read; sign the digest."""
    with Sealer(path.with_suffix(".sealed"), [key], length=path.stat().st_size, name=path.name) as sealer:
        found = one_pass(path, [sealer])
        sealer.finish()
    Ed25519Signer("example.org/bench", bytes(32)).sign(found.digest.hex.encode())


def timed(run: Callable[[], None]) -> tuple[float, float]:
    """Wall and CPU seconds, on memory that was touched just before."""
    touched = mmap.mmap(-1, 2 * SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    touched.madvise(mmap.MADV_HUGEPAGE)
    np.frombuffer(touched, np.uint8)[::4096] = 1
    touched.close()
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Print the section."""
    costs: dict[str, list[tuple[float, float]]] = {"SHA-256 alone": [], "scan + hash + sign + encrypt": []}
    with tempfile.TemporaryDirectory(dir=os.environ.get("CASEMATE_BENCH_TMPFS", "/dev/shm")) as scratch:
        path = Path(scratch) / "m.npy"
        key = create_kek(Path(scratch) / "a.kek")
        np.save(path, np.random.default_rng(0).standard_normal(SIZE // 8))
        for turn in range(ROUNDS + 1):
            for name, run in zip(costs, (lambda: alone(path), lambda: everything(path, key)), strict=True):
                path.with_suffix(".sealed").unlink(missing_ok=True)  # to free the pages of the last is no part of this
                cost = timed(run)
                if turn:
                    costs[name].append(cost)
        verdict = one_pass(path).outcome.verdict
        decrypt_file(path.with_suffix(".sealed"), path.with_suffix(".opened"), [key])
        assert path.with_suffix(".opened").read_bytes() == path.read_bytes()
    base, ours = costs.values()
    ratio = statistics.median(each[0] / other[0] for each, other in zip(ours, base, strict=True))
    print("## One read\n")
    print(f"{SIZE >> 20} MB (.npy, scanned as {verdict}), {ROUNDS} alternating rounds, warm page cache, ms.\n")
    print("| | wall, median | wall, least | CPU, median |\n|---|---|---|---|")
    for name, found in costs.items():
        walls = [each[0] * 1e3 for each in found]
        cpu = statistics.median(each[1] * 1e3 for each in found)
        print(f"| {name} | {statistics.median(walls):.0f} | {min(walls):.0f} | {cpu:.0f} |")
    least = min(each[0] for each in ours) / min(each[0] for each in base)
    print(f"\nWall: {ratio:.2f} times (median of rounds), {least:.2f} times (least); goal {GOAL}: ", end="")
    print("met." if ratio <= GOAL else "not met.")


if __name__ == "__main__":
    main()
