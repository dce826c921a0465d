"""The scan of a model as an attestation: the result ``casemate.scan/1``, and which scanner and rules made it.

Each file is opened once; one that changes while it is hashed and scanned is not clean. A policy compares the digests
with the signed ones, so a scan of other bytes counts for nothing. Files are heard about each other as by ``casemate
scan``: external data of an ONNX model is accounted for by the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from casemate import __version__
from casemate.core.digests import Digest
from casemate.core.errors import UnreadableError
from casemate.custody.signing.names import SINGLE
from casemate.threats.supply_chain.artifact import Artifact
from casemate.threats.supply_chain.files import scan_names
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.rules import rules
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.walk import printable_path

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
        UnreadableError: a file cannot be read, or changes meanwhile.
    """
    known, own = extended(allow)
    found: dict[str, dict[str, Any]] = {}
    for artifact in _scanned(root, names, Settings(allow=known)):
        if not artifact.sha256:
            raise UnreadableError(
                f"{artifact.path} cannot be scanned", cause=artifact.reason, next_step="try again when it is written"
            )
        found[artifact.path] = msgspec.to_builtins(artifact)
        if done is not None:
            done(artifact.bytes)
    artifacts = [found[printable_path(root.name if name == SINGLE else name)] for name in names]
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


def _scanned(root: Path, names: Sequence[str], settings: Settings) -> Iterator[Artifact]:
    if list(names) == [SINGLE]:
        return scan_names(root.parent, [root.name], settings)
    return scan_names(root, names, settings)
