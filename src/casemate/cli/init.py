"""``casemate init``."""

from __future__ import annotations

from pathlib import Path

from casemate.audit.initial import write_initial
from casemate.cli.terminal import console


def init(path: Path = Path(), /, *, overwrite: bool = False) -> int:
    """Look at the models and tables below PATH and write a commented casemate.toml there.

    Model files go through the load guard: nothing is loaded that is not known to be harmless.

    Examples:
      casemate init examples/clinical

    Args:
        path: folder with model files and tables.
        overwrite: replace a casemate.toml that is there.
    """
    written = write_initial(path, overwrite=overwrite)
    console().print(f"wrote {written}: read it, set the tolerances, then run: casemate audit {path}")
    return 0
