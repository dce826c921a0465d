"""Private keys in files that only their owner can read, in a folder that is never the audit folder."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from casemate.core.errors import StorageError, UnreadableError, UsageError
from casemate.keys.signing import Signer, vkey
from casemate.keys.text import format_private, make_signer, parse_private

LIMIT = 1 << 16


def default_home() -> Path:
    """Where keys live: ``$CASEMATE_HOME``, else ``$XDG_CONFIG_HOME/casemate``, else ``~/.config/casemate``."""
    if home := os.environ.get("CASEMATE_HOME"):
        return Path(home)
    if config := os.environ.get("XDG_CONFIG_HOME"):
        return Path(config) / "casemate"
    return Path.home() / ".config" / "casemate"


def require_outside(secret: Path, folder: Path) -> None:
    """Refuse a secret that would lie inside the folder it protects: whoever copies the folder would have both.

    Raises:
        UsageError: ``secret`` is inside ``folder``, symbolic links resolved.
    """
    if secret.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"the key file {secret.name} would lie inside the audit folder",
            cause="whoever gets the folder would get the key with it",
            next_step=f"keep keys elsewhere, for example in {default_home()}",
        )


def create_private_file(path: Path, data: bytes) -> None:
    """Create a file that only its owner can read or write (0600, in a 0700 folder), and make it durable.

    Raises:
        UsageError: the file exists already, or its folder can be written by others.
        StorageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_shared_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} exists already", cause="a key file is never overwritten", next_step="use it, or choose a new name"
        ) from None
    except OSError as error:
        raise StorageError(f"{path} cannot be created", cause=str(error)) from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise StorageError(f"{path} cannot be made durable", cause=str(error)) from error


def open_private_file(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a secret file and return its descriptor, checked after opening so that it cannot be swapped in between.

    Raises:
        UsageError: it is missing, is not a plain file, or others can read or write it.
    """
    try:
        _refuse_shared_folder(path.parent)
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(
            f"the secret file {path} cannot be opened", cause=error.strerror or str(error), next_step="check the path"
        ) from None
    state = os.fstat(descriptor)
    problem = ""
    if not stat.S_ISREG(state.st_mode):
        problem = "it is not a plain file"
    elif state.st_mode & 0o077:
        problem = f"others may read or write it (mode {stat.S_IMODE(state.st_mode):04o})"
    elif state.st_uid != os.geteuid():
        problem = "it belongs to another user"
    if problem:
        os.close(descriptor)
        raise UsageError(f"the secret file {path} is refused", cause=problem, next_step=f"chmod 600 {path}")
    return descriptor


def _refuse_shared_folder(folder: Path) -> None:
    mode = folder.stat().st_mode
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise UsageError(
            f"the key folder {folder} is refused",
            cause=f"others may write in it (mode {stat.S_IMODE(mode):04o})",
            next_step=f"chmod 700 {folder}",
        )


def create_key(path: Path, name: str, algorithm: str = "ed25519") -> Signer:
    """Make a new key and keep it: the private half at ``path`` (0600), the public half at ``path`` + ".vkey".

    Args:
        path: where to write; missing folders are made with mode 0700.
        name: whose key it is, for example "example.org/audits".
        algorithm: "ed25519", "ecdsa-p256" or "ml-dsa-65".

    Raises:
        UsageError: a file is there already, or the folder can be written by others.
        StorageError: it cannot be written.
    """
    seed = secrets.token_bytes(32)
    signer = make_signer(name, seed, algorithm)
    create_private_file(path, format_private(signer, seed).encode() + b"\n")
    path.with_name(path.name + ".vkey").write_text(vkey(signer.verifier) + "\n", "utf-8")
    return signer


def load_key(path: Path) -> Signer:
    """Load a private key.

    Raises:
        UsageError: the file is missing, or others can read it.
        UnreadableError: it holds no key.
    """
    with os.fdopen(open_private_file(path), "rb") as stream:
        data = stream.read(LIMIT)
    try:
        return parse_private(data.decode("ascii"))
    except UnicodeDecodeError:
        raise UnreadableError(
            f"the key file {path} is not text", next_step="give the file that keeps the key"
        ) from None


def load_or_create_key(path: Path, name: str, algorithm: str = "ed25519") -> Signer:
    """Load the key at ``path``, or make it when nothing is there."""
    return load_key(path) if path.exists() else create_key(path, name, algorithm)


def sync_folder(folder: Path) -> None:
    """Make names created in, renamed in or removed from ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
