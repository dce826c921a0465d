"""A key-encryption key in a local file (0600), protected by a passphrase or by nothing but the file's mode.

The file is one line of JSON. It may hold several versions of the key, newest first: new wraps use the newest, old ones
still open, so that a key can be rotated without finding every file it ever sealed. With a passphrase, the versions are
encrypted with AES-256-GCM under a key that scrypt (RFC 7914) or Argon2id (RFC 9106) makes of it.

A wrap is ``salt (32) | AES-256-GCM(data key)``: each has a key of its own, HKDF-SHA256(version, salt), so that no nonce
is ever used twice, however many files are sealed.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from casemate.core.errors import LockedError, MissingPartError, StorageError, UnreadableError, UsageError
from casemate.keys.files import LIMIT, create_private_file, open_private_file, sync_folder
from casemate.keys.services import Context, Wrap, WrongKeyError, check_dek, encode_context, wrong_key

KIND: Final = "file"
SALT_SIZE: Final = 32
MOST_MEMORY: Final = 1 << 30
"""A key file may not make its reader spend more memory than this, in bytes."""
Passphrase = Callable[[], bytes]
"""Asked for the passphrase once, and only when the key file has one."""


class _Stretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the passphrase becomes a key: scrypt's N, r, p, or Argon2id's KiB of memory, passes, lanes."""

    algorithm: Literal["scrypt", "argon2id"]
    cost: int
    second: int
    lanes: int
    salt: bytes

    def key(self, passphrase: bytes) -> bytes:
        if self.algorithm == "scrypt":
            good = 2 <= self.cost <= 1 << 22 and not self.cost & (self.cost - 1)
            memory = 128 * self.cost * self.second
        else:
            good, memory = 8 * self.lanes <= self.cost, self.cost << 10
        if not (good and 0 < self.second <= 32 and 0 < self.lanes <= 16 and memory <= MOST_MEMORY):
            raise UnreadableError("the key file is damaged", cause="its passphrase parameters are out of bounds")
        if self.algorithm == "scrypt":
            return Scrypt(salt=self.salt, length=32, n=self.cost, r=self.second, p=self.lanes).derive(passphrase)
        try:
            stretch = Argon2id(
                salt=self.salt, length=32, iterations=self.second, lanes=self.lanes, memory_cost=self.cost
            )
        except UnsupportedAlgorithm as error:
            raise MissingPartError(
                "this build of the package 'cryptography' has no Argon2id", cause=str(error), next_step="use scrypt"
            ) from error
        return stretch.derive(passphrase)


def _scrypt() -> _Stretch:
    return _Stretch("scrypt", 1 << 17, 8, 1, secrets.token_bytes(16))


def _argon2id() -> _Stretch:
    return _Stretch("argon2id", 1 << 16, 3, 4, secrets.token_bytes(16))


STRETCHES: Final = {"scrypt": _scrypt, "argon2id": _argon2id}
"""scrypt with N = 2^17, r = 8, p = 1 (128 MiB); Argon2id by RFC 9106's second choice (64 MiB, 3 passes, 4 lanes)."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    casemate: Literal["kek/1"]
    id: str
    versions: bytes
    passphrase: _Stretch | None = None


_decoder = msgspec.json.Decoder(_File)


class FileKey:
    """The key service ``file:PATH``.

    Args:
        path: the key file, made by `create_kek`.
        passphrase: called when the file has a passphrase.

    Raises:
        UsageError: the file is missing, others can read it, or its passphrase was not given.
        UnreadableError: it holds no key.
        WrongKeyError: the passphrase is not the right one.
    """

    kind = KIND

    def __init__(self, path: Path, passphrase: Passphrase | None = None) -> None:
        stored = _read(path)
        self._id = stored.id
        self._versions = _open(path, stored, passphrase)

    @property
    def name(self) -> str:
        """``file:`` and the key's id, which is random and written in the file."""
        return f"{KIND}:{self._id}"

    def __repr__(self) -> str:
        return f"<FileKey {self.name}>"

    def opens(self, wrap: Wrap) -> bool:
        """Whether ``wrap`` names this key."""
        return wrap.kind == KIND and wrap.key == self._id

    def wrap(self, dek: bytes, context: Context) -> Wrap:
        """Encrypt a data key with the newest version."""
        salt = secrets.token_bytes(SALT_SIZE)
        sealed = AESGCM(_derive(self._versions[0], salt)).encrypt(bytes(12), check_dek(dek), encode_context(context))
        return Wrap(KIND, self._id, salt + sealed)

    def unwrap(self, wrap: Wrap, context: Context) -> bytes:
        """The data key, with whichever version wrapped it."""
        salt, sealed = wrap.data[:SALT_SIZE], wrap.data[SALT_SIZE:]
        for version in self._versions if len(sealed) == 48 else ():
            try:
                return AESGCM(_derive(version, salt)).decrypt(bytes(12), sealed, encode_context(context))
            except InvalidTag:
                continue
        raise wrong_key(self.name)

    def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        """The same data key under the newest version."""
        return self.wrap(self.unwrap(wrap, context), context)


def create_kek(path: Path, passphrase: bytes | None = None, stretch: str = "scrypt") -> FileKey:
    """Make a key file (0600) with a new random key.

    Args:
        path: where to write; never overwritten.
        passphrase: protects the file's content, besides its mode.
        stretch: "scrypt" or "argon2id".

    Raises:
        UsageError: the file exists, its folder can be written by others, or ``stretch`` is unknown.
        StorageError: it cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     key = create_kek(Path(folder) / "models.kek")
        ...     key.unwrap(key.wrap(bytes(32), {"name": "m"}), {"name": "m"}) == bytes(32)
        True
    """
    stored = _encode(secrets.token_hex(8), [secrets.token_bytes(32)], passphrase, stretch)
    create_private_file(path, stored)
    return FileKey(path, None if passphrase is None else lambda: passphrase)


def renew_kek(path: Path, passphrase: Passphrase | None = None, *, keep: int = 8) -> FileKey:
    """Add a new version to a key file, atomically; older versions still open what they sealed.

    Args:
        path: the key file.
        passphrase: called when the file has one; it stays the same.
        keep: how many older versions stay. 0 makes every file that was not rotated unreadable for ever.

    Raises:
        UsageError: the file is missing, or others can read it.
        WrongKeyError: the passphrase is not the right one.
        LockedError: another process renews it.
        StorageError: the new file cannot be made durable; the old one is still there.
    """
    given: list[bytes] = []

    def ask() -> bytes:
        given.append(_passphrase(path, passphrase))
        return given[0]

    descriptor = _locked(path)
    try:
        stored = _read(path)
        versions = [secrets.token_bytes(32), *_open(path, stored, ask)[:keep]]
        stretch = stored.passphrase.algorithm if stored.passphrase else "scrypt"
        new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        create_private_file(new, _encode(stored.id, versions, given[0] if given else None, stretch))
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"{path} cannot be replaced", cause=error.strerror or str(error)) from error
    finally:
        os.close(descriptor)
    return FileKey(path, (lambda: given[0]) if given else None)


def _locked(path: Path) -> int:
    """Lock the file that is at the path now: of two renewals at once, the second has to see what the first wrote.

    Ends when no other process replaces the file between opening and locking.
    """
    while True:
        descriptor = open_private_file(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise LockedError(
                f"the key file {path} is being renewed", cause="another process does it", next_step="try again"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise StorageError(f"{path} cannot be locked", cause=error.strerror or str(error)) from error
        os.close(descriptor)


def _derive(version: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, b"casemate/kek/1").derive(version)


def _encode(identity: str, versions: list[bytes], passphrase: bytes | None, stretch: str) -> bytes:
    content = b"".join(versions)
    if passphrase is None:
        return msgspec.json.encode(_File("kek/1", identity, content)) + b"\n"
    if stretch not in STRETCHES:
        raise UsageError(f"no passphrase algorithm {stretch!r}", next_step=f"use one of {', '.join(STRETCHES)}")
    if not passphrase:
        raise UsageError("the passphrase is empty", next_step="give one, or ask for a key file without a passphrase")
    parameters = STRETCHES[stretch]()
    nonce = os.urandom(12)
    sealed = nonce + AESGCM(parameters.key(passphrase)).encrypt(nonce, content, identity.encode())
    return msgspec.json.encode(_File("kek/1", identity, sealed, parameters)) + b"\n"


def _read(path: Path) -> _File:
    with os.fdopen(open_private_file(path), "rb") as stream:
        data = stream.read(LIMIT)
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise UnreadableError(
            f"{path} holds no key-encryption key", next_step="make one: casemate key create file:PATH"
        ) from None


def _open(path: Path, stored: _File, passphrase: Passphrase | None) -> list[bytes]:
    content = stored.versions
    if stored.passphrase is not None:
        key = stored.passphrase.key(_passphrase(path, passphrase))
        try:
            content = AESGCM(key).decrypt(content[:12], content[12:], stored.id.encode())
        except (InvalidTag, ValueError):
            raise WrongKeyError(
                f"the key file {path} does not open",
                cause="the passphrase is not the right one, or the file was changed",
                next_step="type the passphrase again",
            ) from None
    if not content or len(content) % 32:
        raise UnreadableError(f"the key file {path} is damaged", cause="its key has a wrong length")
    return [content[at : at + 32] for at in range(0, len(content), 32)]


def _passphrase(path: Path, passphrase: Passphrase | None) -> bytes:
    if passphrase is None:
        raise UsageError(
            f"the key file {path} has a passphrase",
            next_step="give it in a file named by CASEMATE_PASSPHRASE_FILE, or where a terminal asks for it",
        )
    return passphrase()
