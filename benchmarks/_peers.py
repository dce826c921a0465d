"""Peers' scanners, each run in its own environment over a list of files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SCANNERS = ("picklescan", "modelscan", "fickling", "modelaudit", "aisbom")


class Said(NamedTuple):
    """What a scanner said about one file: flag, soft, clean or error; and what it took."""

    verdict: str
    said: str
    wall: float
    cpu: float


def python(peer: str) -> Path:
    """The interpreter of a peer's environment, whether or not it is there."""
    return ROOT / ".peers" / peer / "bin" / "python"


def present(peers: Iterable[str] = SCANNERS) -> list[str]:
    """The peers whose environments are there."""
    return [peer for peer in peers if python(peer).exists()]


def ask(peer: str, files: Sequence[Path], seconds: float = 3600, *, twice: bool = False) -> dict[Path, Said]:
    """Scan the files with a peer, one process; files it did not get to in time are ``error``.

    ``twice``: scan all of them once before the clock runs, so that imports and tables are not measured.
    """
    interpreter = sys.executable if peer.startswith("casemate") else str(python(peer))
    command = [
        interpreter,
        "-W",
        "ignore",
        str(ROOT / "benchmarks" / "_scanners.py"),
        peer,
        *(["--twice"] if twice else []),
    ]
    lines = "".join(f"{path}\n" for path in files)
    try:
        done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=seconds, check=False)
        text = done.stdout
    except subprocess.TimeoutExpired as stop:
        text = (stop.stdout or b"").decode() if isinstance(stop.stdout, bytes) else stop.stdout or ""
    found = {path: Said("error", "not reached", 0.0, 0.0) for path in files}
    for line in text.splitlines():
        row = json.loads(line)
        found[Path(row["path"])] = Said(row["verdict"], row["said"], row["wall"], row["cpu"])
    return found
