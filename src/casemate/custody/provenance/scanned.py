"""The scan of a model as an attestation: the result ``casemate.scan/1``, and which scanner and rules made it.

Each file is read or mapped once; the bytes that are hashed are the bytes that are scanned. A policy compares the
digests with the signed ones, so a scan of other bytes counts for nothing.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from casemate import __version__
from casemate.core.digests import Digest
from casemate.custody.signing.names import SINGLE
from casemate.custody.signing.tree import opened
from casemate.threats.supply_chain.engine import scan_view
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.rules import rules
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View

MOST_COPIED: Final = 256 << 20
"""Larger files are mapped; a file that shrinks under a map ends the process, so smaller ones are copied."""
WORST_FIRST: Final = (Verdict.MALICIOUS, Verdict.SUSPICIOUS, Verdict.UNREADABLE, Verdict.CLEAN)


def scan_files(
    root: Path,
    names: Sequence[str],
    time: str,
    allow: Iterable[str] = (),
    done: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Scan the files of a model; the predicate ``urn:casemate:scan:1``.

    Args:
        root: the model's file or folder.
        names: its files, from ``signing.tree.list_files``.
        time: when, in ISO 8601.
        allow: classes of your own, as for the load guard.
        done: called with the number of bytes after each file.

    Raises:
        UnreadableError: a file cannot be opened.
    """
    known, own = extended(allow)
    settings = Settings(allow=known)
    artifacts = []
    for name in names:
        artifacts.append(_scan(root, name, settings))
        if done is not None:
            done(artifacts[-1]["bytes"])
    said = {artifact["verdict"] for artifact in artifacts}
    return {
        "schema": "casemate.scan/1",
        "artifacts": artifacts,
        "verdict": next((str(verdict) for verdict in WORST_FIRST if verdict in said), str(Verdict.UNREADABLE)),
        "scanned": time,
        "scanner": {"name": "casemate", "version": __version__},
        "rules": {"version": __version__, "sha256": Digest.of_value(list(rules())).hex},
        "allowed": list(own),
    }


def _scan(root: Path, name: str, settings: Settings) -> dict[str, Any]:
    label = root.name if name == SINGLE else name
    with opened(root, name) as descriptor:
        size = os.fstat(descriptor).st_size
        data = _content(descriptor, size)
        try:
            with memoryview(data) as window:
                digest = Digest.of(window)
            outcome = scan_view(View(data, where=label), settings)
        finally:
            if isinstance(data, mmap.mmap):
                data.close()
    return {
        "path": label,
        "format": outcome.formats[0] if outcome.formats else "unknown",
        "sha256": digest.hex,
        "bytes": size,
        "verdict": str(outcome.verdict),
        "coverage": outcome.coverage,
        "findings": [msgspec.to_builtins(finding) for finding in outcome.findings],
    }


def _content(descriptor: int, size: int) -> bytes | mmap.mmap:
    if size > MOST_COPIED:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        return stream.read(size)
