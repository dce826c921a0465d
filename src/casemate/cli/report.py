"""``casemate report``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from casemate.audit.notebook import LEDGER
from casemate.audit.output import FORMATS, rebuild
from casemate.core.errors import UsageError
from casemate.custody.bom.cyclonedx import cyclonedx
from casemate.custody.bom.facts import gather
from casemate.custody.bom.spdx import spdx
from casemate.custody.provenance.about import About, read_about
from casemate.custody.signing.place import place_of
from casemate.custody.signing.sign import survey

BILLS = {"cyclonedx": cyclonedx, "spdx": spdx}


def report(
    path: Path = Path("audit"),
    /,
    *,
    format: Literal["html", "json", "sarif", "junit", "markdown", "cyclonedx", "spdx"] = "markdown",
    about: Path | None = None,
    out: Path | None = None,
) -> int:
    """Write the report of a finished audit again, in any format, from its ledger alone; or a model's bill of materials.

    Examples:
      casemate report audit                                  a summary for a merge request
      casemate report audit --format html --out report.html
      casemate report model/ --format cyclonedx --about about.toml

    Args:
        path: audit folder; for a bill of materials, the model's file or folder.
        format: which report.
        about: what the model's owner declares (TOML), for a bill of materials.
        out: a file; stdout unless given.
    """
    content = FORMATS[format][1](rebuild(path)) if format in FORMATS else bill(path, format, about)
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        out.write_bytes(content)
    return 0


def bill(path: Path, format: str, about: Path | None) -> bytes:
    """The bill of materials of a model, from its files and its owner's declaration.

    Raises:
        UsageError: the path is an audit folder.
    """
    if (path / LEDGER).is_dir():
        raise UsageError(
            f"{path.name} is an audit folder",
            cause="a bill of materials describes a model",
            next_step="give the model's file or folder, and name the audit's results.json in --about",
        )
    told = read_about(about) if about is not None else About()
    time = datetime.now(UTC).replace(microsecond=0).isoformat()
    return BILLS[format](gather(survey(place_of(path)), told, time))
