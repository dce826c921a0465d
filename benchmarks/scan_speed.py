"""How fast the scanner is (row 5): per file beside picklescan and modelaudit, alternating; large arrays; the command.

Each scanner runs in a process of its own and scans each batch twice; the second time counts, when everything is
imported. Batches go to the scanners in turn, so that what else the machine does meets all of them. Only files that both
sides can parse are compared: those neither calls unreadable, and for picklescan only pickles and archives, since it
reads nothing else. Hashing is off on our side; picklescan hashes nothing, modelaudit's cache is off.
"""

from __future__ import annotations

import hashlib
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks._corpus import corpus
from benchmarks._peers import Said, ask, present

BATCH = 40
MOST = 160
"""Files compared: modelaudit takes about a second for each, so every n-th of the corpora is taken."""
ROUNDS = 5
PEERS = ("picklescan", "modelaudit")
GOALS = {"picklescan": 2.0, "modelaudit": 20.0}


def is_pickled(path: Path) -> bool:
    """Whether picklescan looks into a file of this name."""
    return path.suffix in {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".bin", ".npy", ".npz", ".zip", ".dat"}


def ratios(peer: str, mine: dict[Path, Said], theirs: dict[Path, Said]) -> tuple[float, float, float, int]:
    """Median and total ratio of CPU time, total ratio of wall time, over the files that both parse."""
    both = [path for path in mine if "error" not in (mine[path].verdict, theirs[path].verdict)]
    both = [path for path in both if peer != "picklescan" or is_pickled(path)]
    median = statistics.median(theirs[path].cpu / max(mine[path].cpu, 1e-9) for path in both)
    total = sum(theirs[path].cpu for path in both) / sum(mine[path].cpu for path in both)
    wall = sum(theirs[path].wall for path in both) / sum(mine[path].wall for path in both)
    return median, total, wall, len(both)


def compare(files: Sequence[Path], peers: Sequence[str]) -> None:
    """Print a line a peer."""
    said: dict[str, dict[Path, Said]] = {name: {} for name in ("casemate", *peers)}
    for start in range(0, len(files), BATCH):
        for name, found in said.items():
            found.update(ask(name, files[start : start + BATCH], twice=True))
    print("| peer | files both parse | CPU, median of ratios | CPU, total | wall, total | goal |")
    print("|---|---|---|---|---|---|")
    for peer in peers:
        median, total, wall, count = ratios(peer, said["casemate"], said[peer])
        print(f"| {peer} | {count} | **{median:.1f}x** | **{total:.1f}x** | {wall:.1f}x | {GOALS[peer]:.0f}x |")
    print()


def large(folder: Path) -> None:
    """A pickle of 200 MB of arrays: parsing alone, and end to end against SHA-256 alone."""
    path = folder / "arrays.pkl"
    rng = np.random.default_rng(0)
    arrays = {f"layer{i}": rng.standard_normal(3_125_000) for i in range(8)}
    with path.open("wb") as stream:
        pickle.dump(arrays, stream, protocol=5)
    parse = min(ask("casemate", [path], twice=True)[path].wall for _ in range(ROUNDS))
    hashes, whole = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with path.open("rb") as stream:
            hashlib.file_digest(stream, "sha256")
        hashes.append(time.perf_counter() - start)
        whole.append(ask("casemate-hashed", [path], twice=True)[path].wall)
    ratio = statistics.median(whole) / statistics.median(hashes)
    print(
        f"Pickle of {path.stat().st_size / 1e6:.0f} MB of arrays: parsing {1e3 * parse:.1f} ms wall, child included "
        "(goal 50 CPU); "
        f"scan with SHA-256 {statistics.median(whole):.3f} s, SHA-256 alone {statistics.median(hashes):.3f} s: "
        f"{ratio:.2f}x (goal 1.1x)."
    )


def command(folder: Path) -> None:
    """The command from start to end on one small pickle."""
    path = folder / "one.pkl"
    path.write_bytes(pickle.dumps({"weights": [0.5] * 100}))
    took = []
    for _ in range(3 * ROUNDS):
        start = time.perf_counter()
        subprocess.run(
            [str(Path(sys.executable).parent / "casemate"), "scan", str(path)], check=True, capture_output=True
        )
        took.append(time.perf_counter() - start)
    print(f"\n`casemate scan one.pkl`: {1e3 * statistics.median(took):.0f} ms wall, start included (goal 300).")


def main() -> None:
    """Print the section."""
    print("## Speed of the scanner\n")
    samples, honest, absent = corpus()
    peers = present(PEERS)
    if not honest or not peers:
        print("SKIPPED: CASEMATE_BENCH_DATA or the peers' environments are absent.\n")
    else:
        every = [each.path for each in (*samples, *honest)]
        chosen = every[:: -(-len(every) // MOST)]
        print(f"{len(chosen)} of {len(every)} files, {absent} listed files absent.\n")
        compare(chosen, peers)
    with tempfile.TemporaryDirectory() as folder:
        large(Path(folder))
        command(Path(folder))


if __name__ == "__main__":
    main()
