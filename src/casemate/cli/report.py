"""``casemate report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from casemate.audit.output import FORMATS, rebuild


def report(
    path: Path = Path("audit"),
    /,
    *,
    format: Literal["html", "json", "sarif", "junit", "markdown"] = "markdown",
    out: Path | None = None,
) -> int:
    """Write the report of a finished audit again, in any format, from its ledger alone.

    Examples:
      casemate report audit                                  a summary for a merge request
      casemate report audit --format html --out report.html

    Args:
        path: audit folder.
        format: which report.
        out: a file; stdout unless given.
    """
    content = FORMATS[format][1](rebuild(path))
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        out.write_bytes(content)
    return 0
