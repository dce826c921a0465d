"""Make ``.peers/NAME`` from every ``NAME.txt`` (pip) and ``NAME.npm`` here that changed since it was made.

A first line ``# pip: OPTIONS`` gives pip more options, for peers whose dependencies are too many.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
GOAL = HERE.parents[1] / ".peers"


def make(requirements: Path) -> None:
    """Create one environment and install the pinned peer in it; npm is asked for only where it is there."""
    folder = GOAL / requirements.stem
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if requirements.suffix == ".npm" and shutil.which("npm") is None:
        print(f"no npm: .peers/{requirements.stem} is not made; the tests that need it will be skipped")
        return
    print(f"making .peers/{requirements.stem}", flush=True)
    if requirements.suffix == ".npm":
        packages = requirements.read_text().split()
        subprocess.run(["npm", "install", "--silent", "--prefix", folder, *packages], check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        first = requirements.read_text().partition("\n")[0]
        options = first.removeprefix("# pip: ").split() if first.startswith("# pip: ") else []
        subprocess.run([*pip, *options, "--requirement", requirements], check=True)
    stamp.write_text(wanted)


if __name__ == "__main__":
    for path in sorted([*HERE.glob("*.txt"), *HERE.glob("*.npm")]):
        make(path)
