"""``casemate harden``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from casemate.audit.config import read_config
from casemate.audit.harden import harden as run_harden
from casemate.cli.show import show_hardening
from casemate.cli.terminal import watching


def harden(
    config: Path = Path("casemate.toml"),
    /,
    *,
    against: str = "",
    out: str | None = None,
    seed: int | None = None,
    effort: Literal["quick", "standard", "thorough"] | None = None,
    workers: int | None = None,
    format: Literal["text", "json", "sarif", "junit", "markdown"] = "text",
) -> int:
    """Apply the defenses of CONFIG, attack again with attacks that know them, show what each costs and buys.

    Audits first what is not audited yet. Changed models are written beside the originals.

    Examples:
      casemate harden examples/clinical
      casemate harden --format markdown
      casemate harden --against evasion

    Args:
        config: configuration file, or the folder it lies in.
        against: a kind of threat (evasion, inversion, extraction, poisoning); only defenses against it are tried, all
            that there are if CONFIG names none of them.
        out: audit folder, instead of the one in the file.
        seed: root of all randomness.
        effort: how hard to try.
        workers: processes.
        format: what goes to stdout; files are written in any case.
    """
    settings = read_config(config, out=out, seed=seed, effort=effort, workers=workers)
    with watching() as observer:
        hardening = run_harden(settings, against=against, observer=observer)
    show_hardening(hardening, format)
    return hardening.exit_code
