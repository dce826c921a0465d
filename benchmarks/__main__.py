"""Run every benchmark and write docs/benchmarks.md: date, versions, command and figures.

Each script prints a Markdown section. A script whose peer or data is missing prints SKIPPED and why, and counts as not
shown. Give names to run only some: ``python -m benchmarks ledger_append interval_coverage``; the other sections stay.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
REPORT = HERE.parent / "docs" / "benchmarks.md"
PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "torch", "cryptography")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def sections() -> dict[str, str]:
    """The sections of the report as it is, by script name."""
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    parts = re.split(r"^<!-- (\w+) -->\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def run(name: str) -> str:
    """Run one script and return its section; a failure is a section too."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    print(f"running {name}", flush=True)
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=HERE.parent, env={**os.environ, **ONE_THREAD}, check=False
    )
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    body = done.stdout.strip() or f"## {name}"
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        body += f"\n\nFAILED with exit code {done.returncode}: `{last[0][:300]}`"
    return f"{body}\n\nMeasured {when} with `python -m benchmarks.{name}`.\n\n"


def header() -> str:
    """What the figures were measured on."""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        "# Benchmarks\n\nWritten by `make bench`; nothing here is typed by hand. Ratios are taken within one run, "
        "alternating between ours and the peer, one thread each.\n\n"
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{versions}.\n\n"
    )


def main() -> None:
    """Run what was asked for, or everything, and write the report."""
    known = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
    chosen = sys.argv[1:] or known
    for name in chosen:
        if name not in known:
            sys.exit(f"there is no benchmark {name!r}; there are: {', '.join(known)}")
        made = run(name)
        found = sections() | {name: made}  # read again: another run may have written meanwhile
        text = header() + "".join(f"<!-- {each} -->\n{found[each]}" for each in sorted(found))
        REPORT.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(f"wrote {REPORT.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
