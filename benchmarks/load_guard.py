"""What the load guard costs: 200 MB through ``casemate.custody.load``, beside the library alone and SHA-256 alone.

Rounds alternate between the three. The guard hashes every byte, which the library alone does not; the overhead without
the hash says what the rest costs: sealed memory, the scan, and a confined loader, less what the loader no longer has to
copy. Libraries that map a file instead of reading it do nothing until their tensors are used, which the guard cannot
match, because it has to read the file before it trusts it; each tensor is summed, so that this shows. Before each run
memory is touched and given back, so that none pays for pages that a hypervisor took away since the last.
"""

from __future__ import annotations

import gc
import hashlib
import mmap
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

from casemate.core.errors import CasemateError
from casemate.custody import load

SIZE, ROUNDS, GOAL = 200 << 20, 7, 0.03


class Cost(NamedTuple):
    """Seconds of one run."""

    wall: float
    cpu: float


def timed(run: Callable[[], Any], use: Callable[[Any], Iterable[Any]]) -> Cost:
    """Run once, and look at every number that came of it."""
    gc.collect()
    touched = mmap.mmap(-1, 3 * SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    touched.madvise(mmap.MADV_HUGEPAGE)
    np.frombuffer(touched, np.uint8)[::4096] = 1
    touched.close()
    wall, cpu = time.perf_counter(), time.process_time()
    for each in use(run()):
        each.sum()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def hashed(path: Path) -> Callable[[], list[Any]]:
    """SHA-256 of a file, read in pieces of 1 MiB."""

    def run() -> list[Any]:
        state, room = hashlib.sha256(), bytearray(1 << 20)
        with path.open("rb", buffering=0) as stream:
            while count := stream.readinto(room):
                state.update(memoryview(room)[:count])
        return []

    return run


def middle(costs: list[Cost]) -> Cost:
    """The median of each."""
    return Cost(statistics.median(each.wall for each in costs), statistics.median(each.cpu for each in costs))


def measure(name: str, path: Path, alone: Callable[[], Any], guarded: Callable[[], Any]) -> str:
    """One row of the table."""
    runs: dict[str, tuple[Callable[[], Any], Callable[[Any], Iterable[Any]]]] = {
        "alone": (alone, lambda found: found.values()),
        "hash": (hashed(path), lambda found: found),
        "guard": (guarded, lambda found: found.model.values()),
    }
    costs: dict[str, list[Cost]] = {each: [] for each in runs}
    for turn in range(ROUNDS + 1):
        for each, (run, use) in runs.items():
            cost = timed(run, use)
            if turn:  # the first round warms the page cache
                costs[each].append(cost)
    found = {each: middle(kept) for each, kept in costs.items()}
    rest = (found["guard"].cpu - found["hash"].cpu) / found["alone"].cpu - 1
    cells = [f"{found[each].wall * 1e3:.0f} / {found[each].cpu * 1e3:.0f}" for each in ("alone", "hash", "guard")]
    met = "met" if rest < GOAL else "not met"
    return f"| {name} | {' | '.join(cells)} | {rest:+.1%} | {met} |"


def main() -> None:
    """Print the section."""
    values = np.random.default_rng(0).standard_normal(SIZE // 8)
    arrays = {f"layer{at}": part.copy() for at, part in enumerate(np.array_split(values, 8))}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    print("## The load guard\n")
    print(
        f"{SIZE >> 20} MB of float64 in 8 arrays, warm page cache, {ROUNDS} alternating rounds, medians, wall / CPU ms."
    )
    print(f"The goal is an overhead below {GOAL:.0%} of the library's own CPU time, beyond the hash.\n")
    print("| file | library alone | SHA-256 alone | guard | CPU beyond the hash | goal |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        joblib.dump(arrays, folder / "m.joblib")
        torch.save(tensors, folder / "m.pt")
        safetensors.numpy.save_file(arrays, folder / "m.safetensors")
        rows: list[tuple[str, str, Callable[[Path], Any], Callable[[Path], Any]]] = [
            ("joblib.load", "m.joblib", joblib.load, load),  # noqa: TID251 - the peer
            ("torch.load, weights only", "m.pt", lambda path: torch.load(path, weights_only=True), load),  # noqa: TID251
            ("torch.load, mapped", "m.pt", lambda path: torch.load(path, weights_only=True, mmap=True), load),  # noqa: TID251
            ("safetensors.numpy", "m.safetensors", safetensors.numpy.load_file, load),
            (
                "safetensors.torch, which maps",
                "m.safetensors",
                safetensors.torch.load_file,
                lambda path: load(path, framework="torch"),
            ),
        ]
        for name, file, alone, guarded in rows:
            path = folder / file
            try:
                print(measure(name, path, lambda a=alone, p=path: a(p), lambda g=guarded, p=path: g(p)), flush=True)
            except CasemateError as error:
                print(f"| {name} | SKIPPED: {error} | | | | |", flush=True)


if __name__ == "__main__":
    main()
