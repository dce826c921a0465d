"""``casemate verify``."""

from __future__ import annotations

from pathlib import Path

from casemate.audit.config import read_config
from casemate.audit.verify import verify as check
from casemate.cli.terminal import console
from casemate.core.errors import UsageError
from casemate.keys.text import read_vkey


def verify(
    path: Path,
    /,
    *,
    key: list[str] | None = None,
    checkpoint: str | None = None,
    config: Path | None = None,
) -> int:
    """Check an audit folder: every signature, hash, file and verdict; exit code 4 when anything was changed.

    Examples:
      casemate verify audit --key casemate.local+... --checkpoint audit.checkpoint
      casemate verify audit --config casemate.toml      derive the figures again too

    Args:
        path: audit folder, or the folder of a ledger.
        key: public key that must have signed it, as text or in a file (may be given several times).
        checkpoint: a checkpoint kept elsewhere, as a file or its text.
        config: the audit's configuration; with it, every figure is derived again from the encrypted trials.
    """
    keys = [read_vkey(text) for text in key or ()]
    settings = read_config(config) if config is not None else None
    found = check(path, keys=keys, checkpoint=read_checkpoint(checkpoint), config=settings)
    out = console()
    out.print(f"verified  {len(found.log.records)} records, {len(found.log.files)} files, {found.log.blobs} blobs")
    if found.log.erased:
        out.print(f"          {found.log.erased} blobs were erased, and their erasure is recorded")
    out.print(f"          {found.verdicts} verdicts and {found.figures} figures derived again and found equal")
    for caveat in found.caveats:
        out.print(f"not excluded  {caveat}", soft_wrap=True)
    return 0


def read_checkpoint(given: str | None) -> str | None:
    """A checkpoint's text, from a file or as given."""
    if given is None:
        return None
    path = Path(given)
    try:
        return path.read_text(encoding="utf-8") if "\n" not in given and path.is_file() else given
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the checkpoint cannot be read", cause=str(error), next_step="give a file") from error
