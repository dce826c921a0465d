"""Large or personal content, encrypted beside the ledger and named by digest.

``blobs/<sha256 of the file>`` holds ``nonce(12) | AES-256-GCM(content) | tag(16)`` under a key of its own, which lies
in a keyring outside the folder. Records name blobs by digest, so the log proves them without holding them; destroying a
key erases the content while every proof stays valid.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from casemate.core.errors import StorageError, TamperedError, UsageError
from casemate.keys.files import require_outside
from casemate.ledger.disk import Disk, FolderDisk
from casemate.ledger.keyring import KEY_SIZE, Keyring
from casemate.ledger.layout import BLOBS

NONCE_SIZE = 12


class Blobs:
    """The encrypted content that belongs to a ledger.

    Args:
        folder: the ledger's folder; the blobs lie in its folder "blobs".
        keyring: their keys, or None to check blobs without reading them.
        disk: where to write instead of the file system (tests).

    Raises:
        UsageError: the keyring lies inside the audit folder.
    """

    def __init__(self, folder: Path, keyring: Keyring | None, *, disk: Disk | None = None) -> None:
        self._disk = disk or FolderDisk(folder)
        self._keyring = keyring
        if keyring is not None:
            require_outside(keyring.path, folder.parent if folder.name == "ledger" else folder)

    def put(self, content: bytes) -> str:
        """Encrypt and keep one piece of content; returns its name. See ``put_many``."""
        return self.put_many([content])[0]

    def put_many(self, contents: Sequence[bytes]) -> list[str]:
        """Encrypt and keep content; when this returns, it and its keys are durable.

        Returns:
            The blobs' names: SHA-256 of each ciphertext in hexadecimal.

        Raises:
            StorageError: something could not be made durable; nothing is kept.
        """
        keyring = self._need_keyring()
        keys: dict[str, bytes] = {}
        files: dict[str, bytes] = {}
        for content in contents:
            key, nonce = os.urandom(KEY_SIZE), os.urandom(NONCE_SIZE)
            data = nonce + AESGCM(key).encrypt(nonce, content, None)
            name = hashlib.sha256(data).hexdigest()
            keys[name], files[f"{BLOBS}/{name}"] = key, data
        try:
            for path, data in files.items():
                self._disk.write(path, data)
            self._disk.sync(files)
            keyring.add(keys)
        except (OSError, StorageError) as error:
            for path in files:
                self._disk.remove(path)
            raise StorageError(
                "a blob could not be made durable", cause=str(error), next_step="check the disk, then run again"
            ) from error
        return list(keys)

    def read(self, name: str) -> bytes:
        """The ciphertext of a blob.

        Raises:
            TamperedError: it is missing, or is not the one that was recorded.
        """
        try:
            data = self._disk.read(f"{BLOBS}/{name}")
        except OSError as error:
            raise TamperedError(f"blob {name} cannot be read", cause=error.strerror or str(error)) from None
        if hashlib.sha256(data).hexdigest() != name:
            raise TamperedError(f"blob {name} was changed")
        return data

    def get(self, name: str) -> bytes:
        """The content of a blob.

        Raises:
            UsageError: its key is not in the keyring: it was erased, or lies in another one.
            TamperedError: the blob is missing or was changed.
        """
        key = self._need_keyring().get(name)
        if key is None:
            raise UsageError(
                f"blob {name[:12]} cannot be decrypted",
                cause="its key is not in the keyring; it was erased, or belongs to another keyring",
                next_step="give the keyring that was used when the blob was written",
            )
        data = self.read(name)
        try:
            return AESGCM(key).decrypt(data[:NONCE_SIZE], data[NONCE_SIZE:], None)
        except (InvalidTag, ValueError):
            raise TamperedError(f"blob {name} does not decrypt with its key") from None

    def erase(self, names: Collection[str]) -> int:
        """Destroy the keys of blobs: their content is gone, the ciphertext stays so that every digest still verifies.

        Returns:
            How many keys there were.
        """
        return self._need_keyring().erase(names)

    def names(self) -> Iterator[str]:
        """Names of all blobs there are, in no order."""
        for path in self._disk.walk():
            folder, _, name = path.partition("/")
            if folder == BLOBS:
                yield name

    def prune(self, recorded: Collection[str]) -> list[str]:
        """Remove blobs that no record names: a crash came between writing them and recording them.

        Returns:
            The names removed. Verification reports blobs that no record names, so call this when resuming.
        """
        orphans = sorted(set(self.names()) - set(recorded))
        for name in orphans:
            self._disk.remove(f"{BLOBS}/{name}")
        if orphans and self._keyring is not None:
            self._keyring.erase(orphans)
        return orphans

    def _need_keyring(self) -> Keyring:
        if self._keyring is None:
            raise UsageError("the blobs are encrypted", next_step="give the keyring that holds their keys")
        return self._keyring
