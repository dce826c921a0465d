"""What records say about files: blobs named by digest, and everything in the audit folder bound by the last record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from casemate.core.errors import TamperedError
from casemate.ledger.disk import Disk
from casemate.ledger.layout import BLOBS
from casemate.ledger.statement import Record


def blobs_named(records: Sequence[Record]) -> dict[str, int]:
    """Blob -> index of the first record that names it as its ``blob``."""
    named: dict[str, int] = {}
    for record in records:
        blob = record.predicate.get("blob")
        if isinstance(blob, str) and record.kind != "erasure":
            named.setdefault(blob, record.index)
    return named


def check_blobs(disk: Disk, names: set[str], records: Sequence[Record]) -> tuple[set[str], int]:
    """Check that every blob a record names is there and unchanged, or that its erasure is recorded.

    Returns:
        Paths of the blobs present, and how many erasures are recorded.

    Raises:
        TamperedError: a blob is missing or was changed; the record that names it is named.
    """
    erased = {str(record.predicate.get("blob")) for record in records if record.kind == "erasure"}
    present = set()
    for blob, index in blobs_named(records).items():
        path = f"{BLOBS}/{blob}"
        if path not in names:
            if blob not in erased:
                raise TamperedError(f"record {index}: blob {blob} is missing, and no record says it was erased")
            continue
        if _sha256(disk, path) != blob:
            raise TamperedError(f"record {index}: blob {blob} was changed")
        present.add(path)
    return present, len(erased)


def last_binding(records: Sequence[Record]) -> Record | None:
    """The last binding record."""
    return next((record for record in reversed(records) if record.kind == "binding"), None)


def check_files(disk: Disk, names: set[str], records: Sequence[Record]) -> tuple[dict[str, str], list[str]]:
    """Check that the last binding record binds exactly the files in the audit folder.

    Returns:
        Path -> SHA-256 as bound, and caveats.

    Raises:
        TamperedError: a file is missing, was changed, or is bound by no record.
    """
    binding = last_binding(records)
    index = binding.index if binding else -1
    files = dict(_bound(binding)) if binding else {}
    for name, digest in files.items():
        if name not in names:
            raise TamperedError(f"record {index}: {name}, which it binds, is missing")
        if _sha256(disk, name) != digest:
            raise TamperedError(f"record {index}: {name}, which it binds, was changed")
    for name in sorted(names - files.keys()):
        raise TamperedError(
            f"{name} is bound by no record", cause="it was added after the audit ended, or it never ended"
        )
    after = len(records) - 1 - index
    if binding and after:
        return files, [f"{after} records follow the last binding record: a later run did not end"]
    return files, []


def _bound(binding: Record) -> Iterator[tuple[str, str]]:
    files = binding.predicate.get("files")
    if not isinstance(files, Mapping):
        raise TamperedError(f"record {binding.index}: a binding without files")
    for name, digest in files.items():
        if not isinstance(name, str) or not isinstance(digest, str):
            raise TamperedError(f"record {binding.index}: a binding that does not map files to digests")
        yield name, digest


def _sha256(disk: Disk, path: str) -> str:
    try:
        return hashlib.sha256(disk.read(path)).hexdigest()
    except OSError as error:
        raise TamperedError(f"{path} cannot be read", cause=error.strerror or str(error)) from None
