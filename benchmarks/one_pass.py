"""Hash and seal in one read of a file, beside hashing alone. Scanning and signing join when they take a stream.

SHA-256 and the sealing of one piece go on at the same time: `Sealer.submit` hands segments to other threads, the hash
is taken meanwhile, `Sealer.drain` waits before the buffer is used again.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from casemate.custody.envelope import Sealer, decrypt_file, encrypt_file
from casemate.keys.kek_file import FileKey, create_kek

SIZE, PIECE, ROUNDS, CEILING = 200 << 20, 8 << 20, 7, 1.3


def hashed(source: Path) -> str:
    """SHA-256 of the file, alone."""
    state, buffer = hashlib.sha256(), memoryview(bytearray(PIECE))
    with source.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            state.update(buffer[:count])
    return state.hexdigest()


def one_pass(source: Path, goal: Path, key: FileKey) -> str:
    """SHA-256 and the sealed file, the source read once."""
    state, buffers = hashlib.sha256(), [memoryview(bytearray(PIECE)) for _ in range(2)]
    with source.open("rb", buffering=0) as stream:
        length = os.fstat(stream.fileno()).st_size
        with Sealer(goal, [key], length=length, name=source.name, overwrite=True) as sealer:
            turn = 0
            while count := stream.readinto(buffers[turn]):
                sealer.drain()  # the piece before, which lies in the other buffer
                sealer.submit(buffers[turn][:count])
                state.update(buffers[turn][:count])
                turn = 1 - turn
            sealer.finish()
    return state.hexdigest()


def one_after_the_other(source: Path, goal: Path, key: FileKey) -> str:
    """The same, the source read twice."""
    found = hashed(source)
    encrypt_file(source, goal, [key], overwrite=True)
    return found


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("CASEMATE_BENCH_TMPFS", "/dev/shm")) as folder:
        base = Path(folder)
        key = create_kek(base / "a.kek")
        (base / "m").write_bytes(np.random.default_rng(0).bytes(SIZE))
        runs: dict[str, Callable[[], str]] = {
            "SHA-256 alone": lambda: hashed(base / "m"),
            "SHA-256 and sealing, one read": lambda: one_pass(base / "m", base / "s", key),
            "SHA-256, then sealing": lambda: one_after_the_other(base / "m", base / "s", key),
        }
        walls: dict[str, list[float]] = {name: [] for name in runs}
        cpus: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            answers = set()
            for name, run in runs.items():
                wall, cpu = time.perf_counter(), time.process_time()
                answers.add(run())
                walls[name].append(time.perf_counter() - wall)
                cpus[name].append(time.process_time() - cpu)
            assert len(answers) == 1
        decrypt_file(base / "s", base / "o", [key])
        assert hashed(base / "o") in answers
    print("## One read: hash and seal\n")
    print(f"{SIZE >> 20} MiB on tmpfs, {ROUNDS} rounds, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")
    print("| | seconds, median (range) | CPU seconds | to hashing alone |\n|---|---|---|---|")
    alone = walls["SHA-256 alone"]
    for name, found in walls.items():
        ratio = statistics.median(one / other for one, other in zip(found, alone, strict=True))
        print(
            f"| {name} | {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f}) "
            f"| {statistics.median(cpus[name]):.3f} | {ratio:.2f} |"
        )
    ratio = statistics.median(
        one / other for one, other in zip(walls["SHA-256 and sealing, one read"], alone, strict=True)
    )
    print(f"\nHash and seal within {CEILING} of hashing alone: {'shown' if ratio <= CEILING else 'NOT shown'}.")
    if ratio > CEILING:
        sys.exit(1)


if __name__ == "__main__":
    main()
