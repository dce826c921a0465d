"""One key for each blob, in a file outside the audit folder: whoever destroys the key destroys the content.

The file is an append-only list of lines of JSON, synced before a key is used; erasing rewrites it without the key and
replaces it atomically. A line that a crash cut short belongs to a blob that nobody was told of.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from casemate.core.errors import StorageError, UnreadableError
from casemate.keys.files import create_private_file, open_private_file, sync_folder

KEY_SIZE = 32


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    blob: str
    key: bytes


_decoder = msgspec.json.Decoder(_Line)


class Keyring:
    """The keys of blobs, by blob digest. The file has mode 0600 and is made when missing.

    Args:
        path: where it is kept.

    Raises:
        UsageError: others can read the file.
        UnreadableError: a line that is not the last does not read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            create_private_file(path, b"")
        descriptor = self._locked()
        try:
            self._keys = self._load(descriptor)
        finally:
            os.close(descriptor)

    def __contains__(self, blob: object) -> bool:
        return blob in self._keys

    def get(self, blob: str) -> bytes | None:
        """The key of a blob, or None: never had here, or erased."""
        return self._keys.get(blob)

    def add(self, keys: Mapping[str, bytes]) -> None:
        """Add keys; they are durable when this returns.

        Raises:
            StorageError: they are not.
        """
        lines = b"".join(msgspec.json.encode(_Line(blob, key)) + b"\n" for blob, key in keys.items())
        descriptor = self._locked()
        try:
            self._keys = self._load(descriptor)
            size = os.fstat(descriptor).st_size
            try:
                if os.write(descriptor, lines) != len(lines):
                    raise OSError("short write")
                os.fdatasync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        except OSError as error:
            raise StorageError("the keyring could not be made durable", cause=str(error)) from error
        finally:
            os.close(descriptor)
        self._keys.update(keys)

    def erase(self, blobs: Collection[str]) -> int:
        """Destroy the keys of blobs; returns how many there were. What they encrypted can never be read again.

        The old file's bytes are overwritten before they are freed. A flash disk or a snapshot may keep a copy for a
        while; copies made of the keyring have to be erased too.

        Raises:
            StorageError: the keyring could not be rewritten; the keys are still there.
        """
        descriptor = self._locked()
        try:
            keys = self._load(descriptor)
            kept = {blob: key for blob, key in keys.items() if blob not in blobs}
            new = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
            create_private_file(
                new, b"".join(msgspec.json.encode(_Line(blob, key)) + b"\n" for blob, key in kept.items())
            )
            size = os.fstat(descriptor).st_size
            new.replace(self.path)
            sync_folder(self.path.parent)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, bytes(size))
            os.fsync(descriptor)
        except OSError as error:
            raise StorageError("the keyring could not be rewritten", cause=str(error)) from error
        finally:
            os.close(descriptor)
        self._keys = kept
        return len(keys) - len(kept)

    def _locked(self) -> int:
        """Open and lock the file that is at the path now, even when another process just replaced it."""
        while True:
            descriptor = open_private_file(self.path, os.O_RDWR | os.O_APPEND)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(descriptor), self.path.stat()):
                    return descriptor
            except OSError as error:
                os.close(descriptor)
                raise StorageError("the keyring cannot be locked", cause=str(error)) from error
            os.close(descriptor)

    def _load(self, descriptor: int) -> dict[str, bytes]:
        data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            os.ftruncate(descriptor, whole)
        keys = {}
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                entry = _decoder.decode(line)
            except (msgspec.MsgspecError, ValueError) as error:
                raise UnreadableError(
                    f"line {number} of the keyring {self.path} does not read", cause=str(error)
                ) from None
            keys[entry.blob] = entry.key
        return keys
