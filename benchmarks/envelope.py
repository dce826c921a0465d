"""Sealed files on tmpfs, file to file, beside age (pyrage) and Tink's streaming AEAD; one tensor; rotation.

Rounds alternate between all of them, in the same folder and on the same bytes. Wall time depends on what else the
machine does; CPU time hardly does, so each figure is also given for each second of CPU.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks._tables import peer
from casemate.custody.envelope import (
    decrypt_file,
    encrypt_file,
    open_encrypted,
    open_encrypted_safetensors,
    rotate,
)
from casemate.keys.hpke import create_recipient
from casemate.keys.kek_file import FileKey, create_kek

SIZE, ROUNDS = 512 << 20, 5
MODEL, TENSOR = 1 << 30, 4 << 20
FLOOR, TENSOR_MS, ROTATE_MS = 1.5, 20, 100
THEIR_ROUNDS = 2

PYRAGE = """
import json, sys, time, pyrage
source, sealed, goal = sys.argv[1:4]
key = pyrage.x25519.Identity.generate()
cost = []
def seal():
    pyrage.encrypt_file(source, sealed, [key.to_public()])
def unseal():
    pyrage.decrypt_file(sealed, goal, [key])
for work in (seal, unseal):
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cost.append([time.perf_counter() - wall, time.process_time() - cpu])
print(json.dumps(cost))
"""
TINK = """
import json, sys, time, tink
from tink import streaming_aead
source, sealed, goal = sys.argv[1:4]
streaming_aead.register()
handle = tink.new_keyset_handle(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB)
aead = handle.primitive(streaming_aead.StreamingAead)
def seal():
    with open(source, "rb") as given, aead.new_encrypting_stream(open(sealed, "wb"), b"") as out:
        while piece := given.read(1 << 20):
            out.write(piece)
def unseal():
    with aead.new_decrypting_stream(open(sealed, "rb"), b"") as given, open(goal, "wb") as out:
        while piece := given.read(1 << 20):
            out.write(piece)
cost = []
for work in (seal, unseal):
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cost.append([time.perf_counter() - wall, time.process_time() - cpu])
print(json.dumps(cost))
"""


class Cost(NamedTuple):
    """Wall and CPU seconds."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Cost:
    """What one call costs."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def ours(folder: Path, key: FileKey, workers: int) -> tuple[Cost, Cost]:
    """Seal and unseal with so many threads; the plaintext is compared."""
    source, sealed, goal = folder / "m", folder / "s", folder / "o"
    costs = (
        timed(lambda: encrypt_file(source, sealed, [key], workers=workers)),
        timed(lambda: decrypt_file(sealed, goal, [key], workers=workers)),
    )
    assert goal.stat().st_size == source.stat().st_size
    return costs


def theirs(name: str, program: str, folder: Path) -> tuple[Cost, Cost]:
    """The peer, in its own environment."""
    paths = [str(folder / each) for each in ("m", "s", "o")]
    done = subprocess.run(
        [str(peer(name)), "-W", "ignore", "-c", program, *paths], check=True, capture_output=True, text=True
    )
    seal, unseal = (Cost(*cost) for cost in json.loads(done.stdout))
    return seal, unseal


def copied(folder: Path) -> tuple[Cost, Cost]:
    """The same bytes copied by two threads through buffers of 1 MiB: what the file system allows."""

    def copy() -> None:
        inside, outside = os.open(folder / "m", os.O_RDONLY), os.open(folder / "s", os.O_WRONLY | os.O_CREAT)
        numbers, lock = iter(range(SIZE >> 20)), threading.Lock()

        def run() -> None:
            buffer = memoryview(bytearray(1 << 20))
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                os.preadv(inside, [buffer], number << 20)
                os.pwrite(outside, buffer, number << 20)

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os.close(inside)
        os.close(outside)

    return timed(copy), timed(lambda: None)


def throughput(base: Path) -> bool:
    """The table of sealing and unsealing; whether ours reaches the floor."""
    key = create_kek(base / "a.kek")
    runs: dict[str, tuple[int, Callable[[Path], tuple[Cost, Cost]]]] = {
        "casemate, 2 threads": (ROUNDS, lambda folder: ours(folder, key, 2)),
        "casemate, 1 thread": (ROUNDS, lambda folder: ours(folder, key, 1)),
        "bare copy, 2 threads": (ROUNDS, copied),
    }
    for name, program in (("pyrage", PYRAGE), ("tink", TINK)):
        if peer(name) is None:
            print(f"SKIPPED {name}: its environment is missing (make peers)\n")
        else:
            runs[name] = THEIR_ROUNDS, lambda folder, name=name, program=program: theirs(name, program, folder)
    costs: dict[str, list[tuple[Cost, Cost]]] = {name: [] for name in runs}
    block = np.random.default_rng(0).bytes(1 << 20)
    with (base / "m").open("wb") as stream:
        for _ in range(SIZE >> 20):
            stream.write(block)
    for number in range(ROUNDS):
        for name, (rounds, run) in runs.items():
            if number < rounds:
                for left in ("s", "o"):
                    (base / left).unlink(missing_ok=True)
                costs[name].append(run(base))
    for left in ("m", "s", "o"):
        (base / left).unlink(missing_ok=True)
    print(f"{SIZE >> 20} MiB, file to file, {ROUNDS} rounds (peers {THEIR_ROUNDS}).\n")
    print("| | seal GB/s, median (range) | a second of CPU | unseal GB/s, median (range) | a second of CPU |")
    print("|---|---|---|---|---|")
    for name, found in costs.items():
        cells = []
        for way in (0, 1):
            if name.startswith("bare") and way:
                cells += ["", ""]
                continue
            rates = sorted(SIZE / cost[way].wall / 1e9 for cost in found)
            cpu = statistics.median(SIZE / cost[way].cpu / 1e9 for cost in found)
            cells += [f"{statistics.median(rates):.2f} ({rates[0]:.2f} to {rates[-1]:.2f})", f"{cpu:.2f}"]
        print(f"| {name} | {' | '.join(cells)} |")
    wall = [statistics.median(SIZE / cost[way].wall / 1e9 for cost in costs["casemate, 2 threads"]) for way in (0, 1)]
    shown = min(wall) >= FLOOR
    print(f"\nAcceptance: both at least {FLOOR} GB/s on 2 cores: {'shown' if shown else 'NOT shown'}.\n")
    return shown


def model(base: Path) -> None:
    """A safetensors file of 1 GiB, of tensors of 4 MiB."""
    count = MODEL // TENSOR
    entries = {
        f"layer.{number}": {
            "dtype": "F32",
            "shape": [1024, TENSOR // 4096],
            "data_offsets": [number * TENSOR, (number + 1) * TENSOR],
        }
        for number in range(count)
    }
    text = json.dumps(entries).encode()
    block = np.random.default_rng(1).random(TENSOR // 4, np.float32).tobytes()
    with (base / "m").open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for _ in range(count):
            stream.write(block)


def one_tensor(base: Path, key: FileKey) -> bool:
    """Open a sealed model of 1 GiB and read one tensor, and then another; whether it is fast enough."""
    rng = np.random.default_rng(2)
    cold, warm = list[Cost](), list[Cost]()
    for _ in range(20):
        first, second = (f"layer.{number}" for number in rng.integers(0, MODEL // TENSOR, 2))

        def work(name: str = first) -> None:
            with open_encrypted_safetensors(base / "s", [key]) as tensors:
                assert tensors[name].shape == (1024, 1024)

        cold.append(timed(work))
        with open_encrypted_safetensors(base / "s", [key]) as tensors:
            warm.append(timed(lambda name=second, tensors=tensors: tensors[name]))
    print("| one tensor of 4 MiB out of 1 GiB | ms, median (range) | ms of CPU |\n|---|---|---|")
    for what, found in (("open the file, read its header, the tensor", cold), ("the tensor alone", warm)):
        print(f"| {what} | {line(found)} |")
    shown = statistics.median(cost.wall for cost in cold) * 1000 < TENSOR_MS
    print(f"\nAcceptance: below {TENSOR_MS} ms, opening included: {'shown' if shown else 'NOT shown'}.\n")
    return shown


def rotation(base: Path, key: FileKey) -> bool:
    """Rotate the keys of the sealed model between a file and a post-quantum recipient; whether it is fast enough."""
    alice = create_recipient(base / "alice")
    pair, found = [key, alice], list[Cost]()
    for number in range(20):
        now, then = pair[number % 2], pair[1 - number % 2]
        found.append(timed(lambda now=now, then=then: rotate(base / "s", [now], [then])))
    with open_encrypted(base / "s", [key]) as opened:
        assert opened.sequence == 21
    print("| rotate the keys of 1 GiB | ms, median (range) | ms of CPU |\n|---|---|---|")
    print(f"| file key to MLKEM768-X25519 recipient and back, 5 fdatasync | {line(found)} |")
    shown = statistics.median(cost.wall for cost in found) * 1000 < ROTATE_MS
    print(f"\nAcceptance: below {ROTATE_MS} ms: {'shown' if shown else 'NOT shown'}.")
    return shown


def line(found: list[Cost]) -> str:
    """Median and range of the wall, median of the CPU, in milliseconds."""
    walls = sorted(cost.wall * 1000 for cost in found)
    cpu = statistics.median(cost.cpu for cost in found) * 1000
    return f"{statistics.median(walls):.1f} ({walls[0]:.1f} to {walls[-1]:.1f}) | {cpu:.1f}"


def main() -> None:
    scratch = os.environ.get("CASEMATE_BENCH_TMPFS", "/dev/shm")
    print("## Sealed files\n")
    print(f"Load average when it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        base = Path(folder)
        shown = throughput(base)
        key = FileKey(base / "a.kek")
        model(base)
        encrypt_file(base / "m", base / "s", [key])
        (base / "m").unlink()
        shown &= one_tensor(base, key)
    # on a disk, where fdatasync costs something
    with tempfile.TemporaryDirectory(dir=os.environ.get("CASEMATE_BENCH_SCRATCH")) as folder:
        base = Path(folder)
        key = create_kek(base / "a.kek")
        model(base)
        encrypt_file(base / "m", base / "s", [key])
        (base / "m").unlink()
        shown &= rotation(base, key)
    if not shown:
        sys.exit(1)


if __name__ == "__main__":
    main()
