"""``casemate audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from casemate.audit.audit import audit as run_audit
from casemate.audit.config import read_config
from casemate.cli.show import show_outcome
from casemate.cli.terminal import watching


def audit(
    config: Path = Path("casemate.toml"),
    /,
    *,
    out: str | None = None,
    only: list[str] | None = None,
    skip: list[str] | None = None,
    seed: int | None = None,
    effort: Literal["quick", "standard", "thorough"] | None = None,
    workers: int | None = None,
    format: Literal["text", "json", "sarif", "junit", "markdown"] = "text",
) -> int:
    """Run every assessment that fits the models in CONFIG, judge the figures, write report and ledger.

    Killed or interrupted, it goes on where it stopped when it is run again: no finished trial is repeated.

    Examples:
      casemate audit examples/clinical
      casemate audit --only inversion.membership --effort thorough
      casemate audit --format sarif > results.sarif

    Args:
        config: configuration file, or the folder it lies in.
        out: audit folder, instead of the one in the file.
        only: run only these assessments (may be given several times).
        skip: leave these out.
        seed: root of all randomness.
        effort: how hard to try.
        workers: processes.
        format: what goes to stdout; files are written in any case.
    """
    settings = read_config(config, out=out, only=only, skip=skip, seed=seed, effort=effort, workers=workers)
    with watching() as observer:
        outcome = run_audit(settings, observer=observer)
    show_outcome(outcome, format)
    return outcome.exit_code
