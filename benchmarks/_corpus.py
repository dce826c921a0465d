"""The scanner's corpora: files below ``CASEMATE_BENCH_DATA``, known by their SHA-256 in ``benchmarks/data``.

Only digests and labels are committed; where a file lies below the folder, and what it is called, does not matter.

samples.csv   sha256, origin, family (pickle or other), label: payload (runs code when loaded), frame (malformed frames,
              no payload), data (a payload that nothing runs), benign, other (not decided by the peer itself)
benign.csv    sha256, source (a package, or made-LIBRARY), half (seen while rules were written, or unseen)
"""

from __future__ import annotations

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Sample:
    """A file of a corpus.

    Attributes:
        path: where it is.
        source: who made it.
        kind: family of a sample, half of a benign file.
        label: what it is.
    """

    path: Path
    source: str
    kind: str
    label: str


def folder() -> Path | None:
    """Where the data are, or None."""
    named = os.environ.get("CASEMATE_BENCH_DATA")
    return Path(named) if named and Path(named).is_dir() else None


def corpus() -> tuple[list[Sample], list[Sample], int]:
    """Samples, benign files, and how many of the listed ones are absent."""
    listed = {row[0]: (row[1], row[2], row[3]) for row in _rows("samples.csv")}
    listed |= {row[0]: (row[1], row[2], "honest") for row in _rows("benign.csv")}
    base = folder()
    found: dict[str, Sample] = {}
    for path in sorted(base.rglob("*")) if base else ():
        if path.is_file() and not path.is_symlink():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digest in listed and digest not in found:
                found[digest] = Sample(path, *listed[digest])
    samples = [each for each in found.values() if each.label != "honest"]
    return samples, [each for each in found.values() if each.label == "honest"], len(listed) - len(found)


def _rows(name: str) -> list[list[str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))[1:]
