"""Databases of expressions, compiled once for a user and a machine: hundreds of expressions take seconds.

A file is the digest of a database and the database. It is only read from a folder, and as a file, that belongs to the
user and that nobody else may write to; what does not fit (another CPU, another version, a torn file) is compiled again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any, Final

LONG: Final = 0.1
"""Seconds of compiling from which on the result is kept."""


def database(hyperscan: ModuleType, expressions: list[bytes]) -> Any:
    """A database in block mode whose ids are the numbers of the expressions."""
    parts = [hyperscan.__version__.encode(), platform.machine().encode(), *expressions]
    key = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()
    path = folder() / f"{key[:32]}.hs"
    raw = _read(path)
    if raw is not None:
        with contextlib.suppress(Exception):  # of another CPU: hyperscan says so in several ways
            found = hyperscan.loadb(raw, mode=hyperscan.HS_MODE_BLOCK)
            found.scratch = hyperscan.Scratch(found)
            return found
    began = time.process_time()
    made = hyperscan.Database()
    made.compile(expressions=expressions, ids=[*range(len(expressions))], flags=[0] * len(expressions))
    if time.process_time() - began > LONG:
        with contextlib.suppress(OSError):  # a cache that cannot be written is none
            _write(path, hyperscan.dumpb(made))
    return made


def folder() -> Path:
    """Where databases are kept: ``CASEMATE_CACHE``, ``XDG_CACHE_HOME`` or ``~/.cache``."""
    named = os.environ.get("CASEMATE_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "casemate"
    return base / "patterns"


def _read(path: Path) -> bytes | None:
    try:
        if not (_own(path.parent) and _own(path)):
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None


def _own(path: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True
    found = path.lstat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(hashlib.sha256(raw).digest() + raw)
    Path(file.name).replace(path)
