"""The file of a vault: wrapped keys of subjects, and values encrypted under them. SQLite, 0600, one writer at a time.

Nothing in it can be read without a key service: subjects are named by a keyed hash. What is deleted is overwritten with
zeros (``secure_delete``); copies of the file, and blocks that a disk has moved, still hold wrapped keys, so a backup
has to forget too.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from casemate.core.errors import StorageError, UnreadableError
from casemate.keys.files import create_private_file, open_private_file
from casemate.keys.services import Wrap

_TABLES = """
CREATE TABLE vault (format TEXT NOT NULL, id TEXT NOT NULL, wraps BLOB NOT NULL) STRICT;
CREATE TABLE subjects (id TEXT PRIMARY KEY, tag BLOB NOT NULL UNIQUE, wraps BLOB NOT NULL) STRICT;
CREATE TABLE sessions (nonce TEXT PRIMARY KEY) STRICT;
CREATE TABLE entries (nonce TEXT NOT NULL, number INTEGER NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (nonce, number)) STRICT, WITHOUT ROWID;
CREATE INDEX entries_of_subjects ON entries (subject);
"""
FORMAT = "casemate/vault/1"
Wraps = tuple[Wrap, ...]


class Entry(NamedTuple):
    """One value, encrypted."""

    nonce: str
    number: int
    type: str
    subject: str
    sealed: bytes


class VaultFile:
    """Rows, in transactions that are durable when they end. Safe from any thread and process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, identity: str, wraps: Wraps) -> VaultFile:
        """A new one; nothing is left where that fails.

        Raises:
            UsageError: the file exists.
            StorageError: it cannot be written.
        """
        create_private_file(path, b"")
        try:
            with cls(path).transaction() as rows:
                for each in _TABLES.strip().split(";\n"):
                    rows.execute(each)
                rows.execute("INSERT INTO vault VALUES (?, ?, ?)", (FORMAT, identity, msgspec.json.encode(wraps)))
        except StorageError:
            path.unlink(missing_ok=True)
            raise
        return cls(path)

    def head(self) -> tuple[str, Wraps]:
        """Id, and wraps of the root key.

        Raises:
            UsageError: the file is missing, or others can read it.
            UnreadableError: it holds no vault.
        """
        os.close(open_private_file(self.path))
        try:
            with self.transaction(write=False) as rows:
                (kind, identity, wraps), *_ = rows.execute("SELECT * FROM vault").fetchall()
        except (StorageError, ValueError) as error:
            raise UnreadableError(f"{self.path.name} holds no vault", cause=str(error)[:200]) from error
        if kind != FORMAT:
            raise UnreadableError(f"{self.path.name} holds no vault of this version", next_step="update casemate")
        return str(identity), _wraps(wraps)

    @contextlib.contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """All of it, or nothing. Readers do not wait for a writer that waits for a key service.

        Raises:
            StorageError: the database cannot be read or written.
        """
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as rows:
                rows.execute("PRAGMA synchronous=EXTRA")
                rows.execute("PRAGMA secure_delete=ON")
                rows.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield rows
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        rows.execute("ROLLBACK")
                    raise
                rows.execute("COMMIT")
        except sqlite3.Error as error:
            raise StorageError(
                f"the vault {self.path.name} cannot be read or written",
                cause=str(error),
                next_step="check the disk; nothing was given away",
            ) from error


def subject(rows: sqlite3.Connection, tag: bytes) -> tuple[str, Wraps] | None:
    """Id and wrapped key of a subject, if there is one."""
    row = rows.execute("SELECT id, wraps FROM subjects WHERE tag = ?", (tag,)).fetchone()
    return None if row is None else (row[0], _wraps(row[1]))


def add_subject(rows: sqlite3.Connection, identity: str, tag: bytes, wraps: Sequence[Wrap]) -> None:
    """A new one."""
    rows.execute("INSERT INTO subjects VALUES (?, ?, ?)", (identity, tag, msgspec.json.encode(wraps)))


def entry(rows: sqlite3.Connection, nonce: str, number: int) -> tuple[Entry, Wraps] | None:
    """A value and the wrapped key it is under, if both are there."""
    row = rows.execute(
        "SELECT entries.*, wraps FROM entries JOIN subjects ON subject = subjects.id WHERE nonce = ? AND number = ?",
        (nonce, number),
    ).fetchone()
    return None if row is None else (Entry(*row[:5]), _wraps(row[5]))


def types(rows: sqlite3.Connection, nonce: str) -> set[str]:
    """Types of the values of a session, or of all if empty."""
    return {each for (each,) in rows.execute("SELECT DISTINCT type FROM entries WHERE ? IN ('', nonce)", (nonce,))}


def delete(rows: sqlite3.Connection, identity: str) -> int:
    """A subject's key and values. Returns how many values."""
    count = rows.execute("DELETE FROM entries WHERE subject = ?", (identity,)).rowcount
    rows.execute("DELETE FROM subjects WHERE id = ?", (identity,))
    return count


def _wraps(data: bytes) -> Wraps:
    try:
        return msgspec.json.decode(data, type=Wraps)
    except (msgspec.MsgspecError, ValueError) as error:
        raise UnreadableError("a wrapped key in the vault cannot be read", cause=str(error)[:200]) from None
