"""Run the fuzz targets, ``tests/fuzz/fuzz_*.py``, and print what they found: ``make fuzz``.

    python tools/fuzz.py [--minutes M] [--fresh] [--engine auto|atheris|mutate] [NAME...]

With atheris (``.peers/atheris``, made by ``make peers``) inputs are chosen by the coverage they reach; without it they
are mutations of the seeds and the corpus, blind to coverage, and the table says so. Each target is a process of its
own. What it has run is kept in ``.fuzz/NAME``: an interrupted run goes on where it stopped; once the minutes are used
up for this state of the code, only ``--fresh`` or changed code begins anew. Exit code 1 if there is any crash, hang, or
input that needs more than 300 MB beyond what the target's imports need.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import struct
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ROOT / "tests" / "fuzz"
STORE = ROOT / ".fuzz"
MINUTES = 3.0
HUNG = 120.0
"""Seconds on one input after which the process is killed; its own limit is shorter, but needs the interpreter."""
MOST_RESTARTS = 30


class Row(NamedTuple):
    """What is known about one target."""

    name: str
    engine: str
    runs: int
    seconds: float
    corpus: int
    crashes: int
    peak: int


def minutes_of(path: Path) -> float:
    """The ``MINUTES`` that a target asks for, read without importing it."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "MINUTES":
            return float(ast.literal_eval(node.value))
    return MINUTES


def code() -> str:
    """A digest of everything that is fuzzed."""
    state = hashlib.sha256()
    for path in sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.toml"), *TARGETS.rglob("*.py")]):
        state.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def interpreter(engine: str) -> tuple[str, str]:
    """The engine that will be used, and the interpreter that has it."""
    python = Path(os.environ.get("CASEMATE_PEERS", ROOT / ".peers")) / "atheris" / "bin" / "python"
    if engine != "mutate" and python.exists():
        return "atheris", str(python)
    if engine == "atheris":
        sys.exit("atheris is not installed: run `make peers`")
    return "mutate", sys.executable


class Watched:
    """A worker, and what it says in the file ``now``."""

    def __init__(self, name: str, folder: Path, engine: str, python: str, seconds: float, seed: int) -> None:
        self.folder = folder
        self.runs = self.base = 0
        (folder / "now").write_bytes(bytes(24))
        command = [python, "-m", "tests.fuzz.worker", name, str(folder), engine, str(seconds), str(seed)]
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT), sysconfig.get_path("purelib")])  # what targets import
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, stdout=log, stderr=subprocess.STDOUT
            )

    def now(self) -> tuple[int, bytes]:
        """Inputs that were run, and the one that is being run."""
        with (self.folder / "now").open("rb") as stream:
            runs, size, self.base = struct.unpack("<QQQ", stream.read(24))
            return runs, stream.read(size)

    def wait(self) -> tuple[int, int]:
        """Until it ends, or hangs and is killed: its exit status, and its peak memory beyond its imports, in bytes."""
        since = time.monotonic()
        while True:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            runs, _ = self.now()
            if pid:
                self.runs = runs
                self.process.returncode = os.waitstatus_to_exitcode(status)
                return self.process.returncode, max(0, (usage.ru_maxrss << 10) - self.base)
            if runs != self.runs:
                self.runs, since = runs, time.monotonic()
            elif time.monotonic() - since > HUNG:
                self.process.kill()
            time.sleep(0.2)


def fuzz(name: str, seconds: float, engine: str, python: str, *, fresh: bool, digest: str) -> Row:
    """Run one target until its time is used up, starting it again when it dies."""
    folder = STORE / name.removeprefix("fuzz_")
    for each in ("corpus", "crashes"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    store = folder / "state.json"
    state = json.loads(store.read_text()) if store.exists() and not fresh else {}
    if state.get("code") != digest:
        state = {"code": digest, "runs": 0, "seconds": 0.0, "peak": 0, "engine": engine}
    for turn in range(MOST_RESTARTS):
        left = seconds - state["seconds"]
        if left < 1:
            break
        start = time.monotonic()
        worker = Watched(name, folder, engine, python, left, state["runs"] + turn + 1)
        code, peak = worker.wait()
        state["runs"] += worker.runs
        state["seconds"] += time.monotonic() - start
        state["peak"] = max(state["peak"], peak)
        state["engine"] = engine
        store.write_text(json.dumps(state))
        if code == 1 and not worker.runs and engine == "atheris":
            print(f"{name} cannot be imported beside atheris (see {folder / 'log'}); mutations instead", flush=True)
            engine, python = "mutate", sys.executable
        elif code == 1 and not worker.runs:
            keep(folder, "start", (folder / "log").read_bytes())
            break
        elif code not in (0, 3):
            keep(folder, f"died-{code}", worker.now()[1])
    crashes = [path for path in (folder / "crashes").iterdir() if path.suffix != ".txt"]
    return Row(
        name.removeprefix("fuzz_"), state["engine"], state["runs"], state["seconds"],
        len(list((folder / "corpus").iterdir())), len(crashes), state["peak"],
    )  # fmt: skip


def keep(folder: Path, kind: str, data: bytes) -> None:
    """Keep the input that a worker died of."""
    (folder / "crashes" / f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}.bin").write_bytes(data)


def main() -> None:
    """Run the targets that were asked for, or all."""
    parser = argparse.ArgumentParser(description="Fuzz the parsers.")
    parser.add_argument("names", nargs="*", help="targets, without fuzz_")
    parser.add_argument("--minutes", type=float, help="for each target, instead of what it asks for")
    parser.add_argument("--fresh", action="store_true", help="begin anew; the corpus is kept")
    parser.add_argument("--engine", choices=["auto", "atheris", "mutate"], default="auto")
    given = parser.parse_args()
    paths = {path.stem.removeprefix("fuzz_"): path for path in sorted(TARGETS.glob("fuzz_*.py"))}
    if unknown := set(given.names) - set(paths):
        sys.exit(f"there is no target {', '.join(sorted(unknown))}; there are: {', '.join(paths)}")
    engine, python = interpreter(given.engine)
    digest, rows = code(), []
    for name in given.names or paths:
        seconds = 60 * (minutes_of(paths[name]) if given.minutes is None else given.minutes)
        print(f"{name}: {seconds / 60:g} minutes with {engine}", flush=True)
        rows.append(fuzz(paths[name].stem, seconds, engine, python, fresh=given.fresh, digest=digest))
    print("\n| target | engine | runs | seconds | corpus | crashes | peak memory |\n|---|---|---|---|---|---|---|")
    for row in rows:
        how = row.engine if row.engine == "atheris" else "mutations, no coverage"
        print(f"| {row.name} | {how} | {row.runs:,} | {row.seconds:.0f} | {row.corpus} | {row.crashes} | ", end="")
        print(f"{row.peak >> 20} MB |")
    for row in rows:
        for path in sorted((STORE / row.name / "crashes").iterdir()):
            print(
                f"crash: {path.relative_to(ROOT)}"
                + ("" if path.suffix == ".txt" else f" ({path.stat().st_size} bytes)")
            )
    sys.exit(1 if any(row.crashes or row.peak > 300 << 20 for row in rows) else 0)


if __name__ == "__main__":
    main()
