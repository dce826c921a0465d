"""What a load has to satisfy beside a clean scan: whose statement stands behind the bytes, and of which kind they are.

A verifier is shown digests, never files: it can vouch for the bytes that will be loaded and for nothing else, so it has
no moment at which the file could be swapped under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from casemate.core.digests import Digest
from casemate.core.errors import TamperedError

MOST_BYTES = 4 << 30
"""Largest file, and largest decompressed content, that is read unless the caller says otherwise."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a verifier is asked about.

    Attributes:
        path: the model's, as the caller gave it; good for finding a signature beside it, never for reading it again.
        files: SHA-256 of the bytes in sealed memory, by path relative to the model's folder; the model's file first,
            then the external data it uses.
    """

    path: Path
    files: Mapping[str, Digest]


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a verifier found out, for the record of the load.

    Attributes:
        method: "pinned digest", "signature", "sealed manifest".
        by: whose word it is: the name of a key or a person.
        statement: digest of the signature or manifest, if there is one.
    """

    method: str
    by: str = ""
    statement: Digest | None = None


class Verifier(Protocol):
    """Vouches for bytes, or raises."""

    def verify(self, subject: Subject) -> Verified:
        """Say whose statement covers every file of ``subject``.

        Raises:
            TamperedError: there is no such statement, or it names other bytes.
            UnreadableError: there is one that cannot be understood.
            UnsafeArtifactError: there is one, and the verifier asks for more than it says.
        """


@dataclass(frozen=True, slots=True)
class Policy:
    """What is asked of a file before it is loaded. The scan must be clean in any case.

    Attributes:
        allow: classes of your own that the file may contain, as "package.module:Class".
        verifiers: all must vouch for the file.
        kinds: the kinds of file that may be loaded ("safetensors", "onnx"); None for every kind the guard knows.
        most: bytes that the file, its decompressed content, and each external file may have.
    """

    allow: tuple[str, ...] = ()
    verifiers: tuple[Verifier, ...] = ()
    kinds: frozenset[str] | None = None
    most: int = MOST_BYTES


class Pinned:
    """Vouches for known digests: the simplest verifier.

    Args:
        digests: SHA-256 in hexadecimal, of every file that may be loaded.

    Example:
        >>> subject = Subject(Path("m.npy"), {"m.npy": Digest.of(b"weights")})
        >>> Pinned([Digest.of(b"weights").hex]).verify(subject).method
        'pinned digest'
    """

    def __init__(self, digests: Iterable[str]) -> None:
        self.digests = frozenset(Digest(each) for each in digests)

    def verify(self, subject: Subject) -> Verified:
        """Vouch if every file's digest is known."""
        for name, digest in subject.files.items():
            if digest not in self.digests:
                raise TamperedError(
                    f"{name} is not the file that was pinned",
                    cause=f"its digest is {digest}",
                    next_step="find out who changed it; if it was you, pin the new digest",
                )
        return Verified(method="pinned digest")
