"""Verify a ledger or an audit folder without writing to it. Every byte of it is accounted for.

    1  the folder holds files only, no journal           the last writer closed it
    2  the checkpoint is a note, signed by a given key    who vouches for it
    3  each record, in order: in a signed envelope, a     the first bad record is named
       statement, and its leaf hash is the one in the tile
    4  every tile and the root are those of the records   nothing was inserted, moved, replaced
    5  the given checkpoint lies on the log's way         nothing was cut off, no second history (fork)
    6  every plan precedes the trials that name it        tolerances came first
    7  every blob a record names is there, or its erasure is recorded; every other file is bound by the last binding
       record; nothing else is in the folder

What cannot be excluded, because no key or no checkpoint was given, is listed in ``VerifiedLog.caveats``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from casemate.core.digests import Digest
from casemate.core.errors import CasemateError, TamperedError, UsageError
from casemate.keys.signing import Verifier
from casemate.ledger.bound import check_blobs, check_files
from casemate.ledger.disk import FolderDisk
from casemate.ledger.layout import CHECKPOINT, ENTRIES, JOURNAL, WIDTH, expected_tiles, split, tile_path, tiles, widths
from casemate.ledger.merkle import HASH_SIZE, CompactRange, leaf_hash
from casemate.ledger.note import Checkpoint, open_checkpoint, parse_checkpoint
from casemate.ledger.statement import Record, open_record

NO_KEY = "no key was given: the whole log may have been replaced, signatures and all"
NO_CHECKPOINT = (
    "no checkpoint was given: the newest records may have been cut off, or the log forked by the key's holder"
)
NO_FOLDER = "only the ledger was checked: the files that its last record binds were not"


class VerifiedLog(msgspec.Struct, frozen=True):
    """A log that verified.

    Attributes:
        folder: the ledger's folder.
        checkpoint: its head.
        note: the head's signed text.
        records: every record, decoded.
        files: path -> SHA-256 of the files that the last binding record binds.
        blobs: number of encrypted blobs present and intact.
        erased: number of blobs whose erasure is recorded.
        caveats: what cannot be excluded, one sentence each.
    """

    folder: Path
    checkpoint: Checkpoint
    note: str
    records: list[Record]
    files: dict[str, str]
    blobs: int
    erased: int
    caveats: tuple[str, ...]

    def of_kind(self, kind: str) -> list[Record]:
        """The records of one kind, in order."""
        return [record for record in self.records if record.kind == kind]


def verify_folder(folder: Path, verifiers: Sequence[Verifier] = (), checkpoint: str | None = None) -> VerifiedLog:
    """Verify an audit folder (with a folder "ledger" in it) or a ledger's own folder.

    Args:
        folder: which.
        verifiers: the keys trusted to sign records and checkpoints; without one, signatures are not checked.
        checkpoint: the text of a checkpoint kept elsewhere, the last one or an earlier one.

    Raises:
        UsageError: there is no ledger.
        TamperedError: something was changed; the first bad record, or else the file, is named.
    """
    root = folder / "ledger" if (folder / "ledger").is_dir() else folder
    names = _regular_files(folder)
    inside = {name.removeprefix("ledger/") for name in names if name.startswith("ledger/")} if root != folder else names
    if CHECKPOINT not in inside and JOURNAL not in inside:
        if root == folder and not any(name.startswith("tile/") for name in inside):
            raise UsageError(f"there is no ledger in {folder}", next_step="check the path")
        raise TamperedError("the ledger's checkpoint is missing")
    if JOURNAL in inside:
        raise TamperedError(
            "the ledger is not closed: it has a journal",
            cause="its writer is still at work, or died",
            next_step="let the writer finish, or open the ledger once (casemate audit resumes), then verify",
        )
    log = _Log(FolderDisk(root), inside, verifiers)
    note = log.read_note()
    pin = None if checkpoint is None else log.read_pin(checkpoint)
    records = log.read_records(pin)
    log.check_tiles()
    caveats = [] if verifiers else [NO_KEY]
    if pin is None:
        caveats.append(NO_CHECKPOINT)
    elif pin.size < log.head.size:
        caveats.append(f"the given checkpoint is older: records after {pin.size - 1} may have been cut off or replaced")
    check_plans(records)
    blobs, erased = check_blobs(log.disk, inside, records)
    _refuse_foreign(inside - set(expected_tiles(log.head.size)) - {CHECKPOINT} - blobs, root)
    files: dict[str, str] = {}
    if root == folder:
        if any(record.kind == "binding" for record in records):
            caveats.append(NO_FOLDER)
    else:
        files, more = check_files(
            FolderDisk(folder), {name for name in names if not name.startswith("ledger/")}, records
        )
        caveats += more
    return VerifiedLog(root, log.head, note, records, files, len(blobs), erased, tuple(caveats))


def _regular_files(folder: Path) -> set[str]:
    names = set(FolderDisk(folder).walk())
    for name in sorted(names):
        if not stat.S_ISREG(os.lstat(folder / name).st_mode):
            raise TamperedError(f"{name} is not a plain file", cause="links and special files could show anything")
    return names


def _refuse_foreign(names: Iterable[str], root: Path) -> None:
    for name in sorted(names):
        raise TamperedError(f"{name} does not belong in the ledger {root.name}", cause="no record accounts for it")


class _Log:
    """The checks of one log, in the order of the module's list."""

    def __init__(self, disk: FolderDisk, names: set[str], verifiers: Sequence[Verifier]) -> None:
        self.disk = disk
        self.names = names
        self.verifiers = verifiers
        self.range = CompactRange()
        self.levels: dict[int, bytearray] = {}
        self.head = Checkpoint("", 0, b"")

    def read_note(self) -> str:
        data = self._read(CHECKPOINT)
        with _Naming("the ledger's checkpoint"):
            self.head = (
                open_checkpoint(data, self.verifiers, strict=True) if self.verifiers else parse_checkpoint(data)[0]
            )
        return data.decode()

    def read_records(self, pin: Checkpoint | None) -> list[Record]:
        records: list[Record] = []
        self._check_pin(pin)
        for index, width in tiles(self.head.size):
            path = tile_path(ENTRIES, index, width)
            first = index * WIDTH
            with _Naming(f"record {first}"):
                hashes = self._read(tile_path(0, index, width))
                data = self._read(path)
            entries, rest = split(data)
            for number, entry in enumerate(entries[:width], first):
                at = (number - first) * HASH_SIZE
                leaf = leaf_hash(entry)
                if leaf != hashes[at : at + HASH_SIZE]:
                    raise TamperedError(f"record {number} is not the one that was hashed", cause=f"see {path}")
                with _Naming(f"record {number}"):
                    records.append(open_record(number, entry, self.verifiers or None))
                self._add(leaf)
                self._check_pin(pin)
            if len(entries) != width or rest:
                bad = first + min(len(entries), width)
                raise TamperedError(f"record {bad}: {path} does not hold {width} records")
        return records

    def _add(self, leaf: bytes) -> None:
        for level, node in enumerate(self.range.append(leaf)[::8]):
            self.levels.setdefault(level, bytearray()).extend(node)

    def check_tiles(self) -> None:
        for level, count in widths(self.head.size):
            for index, width in tiles(count):
                path = tile_path(level, index, width)
                start = index * WIDTH * HASH_SIZE
                expected = self.levels[level][start : start + width * HASH_SIZE]
                found = self._read(path)
                if found != expected:
                    at = next(
                        (i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), len(expected)
                    )
                    first = (index * WIDTH + at // HASH_SIZE) * WIDTH**level
                    raise TamperedError(f"{path} has a wrong hash of the records from record {first} on")
        if self.range.root() != self.head.root:
            raise TamperedError(
                "the records do not give the root that the checkpoint signs",
                cause="a record was replaced, moved, inserted or left out, and the tiles were made to match",
            )

    def read_pin(self, given: str) -> Checkpoint:
        with _Naming("the given checkpoint"):
            pin = open_checkpoint(given, self.verifiers) if self.verifiers else parse_checkpoint(given)[0]
        if pin.origin != self.head.origin:
            raise TamperedError(f"the given checkpoint is of {pin.origin!r}, the ledger is {self.head.origin!r}")
        if pin.size > self.head.size:
            raise TamperedError(
                f"record {self.head.size} is missing: the given checkpoint covers {pin.size} records",
                cause="the log was cut off or replaced by an older copy",
            )
        if pin.size == self.head.size and pin.root != self.head.root:
            raise _fork(pin)
        return pin

    def _check_pin(self, pin: Checkpoint | None) -> None:
        if pin is not None and pin.size == self.range.size and pin.root != self.range.root():
            raise _fork(pin)

    def _read(self, path: str) -> bytes:
        if path not in self.names:
            raise TamperedError(f"{path} is missing")
        try:
            return self.disk.read(path)
        except OSError as error:
            raise TamperedError(f"{path} cannot be read", cause=error.strerror or str(error)) from None


def _fork(pin: Checkpoint) -> TamperedError:
    return TamperedError(
        f"the first {pin.size} records are not those of the given checkpoint",
        cause="history was rewritten and signed again (a fork)",
    )


def check_plans(records: Sequence[Record]) -> None:
    """Check that every record which names a plan comes after it.

    Raises:
        TamperedError: a record names a plan that is not recorded before it.
    """
    plans: set[str] = set()
    for record in records:
        if record.kind == "plan":
            plans.add(record.digest)
        elif record.kind in ("trial", "measurement", "pair") and record.predicate.get("plan") not in plans:
            raise TamperedError(
                f"record {record.index}: a {record.kind} names a plan that was not recorded before it",
                cause="tolerances have to be fixed before the first trial",
            )


class _Naming:
    """Turn any error of casemate inside into a TamperedError that begins with what was being read."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CasemateError):
            raise TamperedError(f"{self.what}: {error.message}", cause=error.cause) from error


def bind_files(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of every file in an audit folder outside its ledger: what a binding record says.

    Raises:
        TamperedError: something in the folder is not a plain file.
    """
    names = sorted(name for name in _regular_files(folder) if not name.startswith("ledger/"))
    return {name: Digest.of_file(folder / name).hex for name in names}
