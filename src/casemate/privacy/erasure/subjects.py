"""Keyed commitments to subjects, and the shard of each: nobody without the key can tell whose they are.

    commitment = HMAC-SHA-256(key, "subject" 00 id), 32 bytes; the shard is taken from HMAC-SHA-256(key, "shard" 00 id)

A subject's shard depends on its id and the key alone, so it says nothing of anybody else, and does not move when others
come or go. Without the key, trying all ids does not help. A commitment never changes, so who holds the key can show
years later that a subject is, or is not, the one that was removed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from casemate.core.errors import DataError, UnreadableError, UsageError
from casemate.keys.files import LIMIT, create_private_file, open_private_file

SIZE: Final = 32
HEAD: Final = "casemate/subjects/1 "


class SubjectKey:
    """The secret behind commitments. It shows itself nowhere, and is never saved with a model.

    Args:
        secret: 32 random bytes.

    Raises:
        UsageError: they are not 32 bytes.

    Example:
        >>> key = SubjectKey(bytes(32))
        >>> key, key.commitment("patient 7")[:12]
        (<SubjectKey>, '5d4bb1cbb9b2')
    """

    def __init__(self, secret: bytes) -> None:
        if not isinstance(secret, bytes) or len(secret) != SIZE:
            raise UsageError(f"a subject key has {SIZE} bytes", next_step="make one with SubjectKey.create(path)")
        self._secret = secret

    def __repr__(self) -> str:
        return "<SubjectKey>"

    def __deepcopy__(self, memo: Any) -> SubjectKey:
        return self

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return no_key, ()  # what is saved, or sent to another process, is that there is no key

    @classmethod
    def create(cls, path: Path) -> SubjectKey:
        """Make a random key and keep it in a new file (0600).

        Raises:
            UsageError: the file exists, or others can write to its folder.
            StorageError: it cannot be written.
        """
        secret = secrets.token_bytes(SIZE)
        create_private_file(path, f"{HEAD}{secret.hex()}\n".encode())
        return cls(secret)

    @classmethod
    def open(cls, path: Path) -> SubjectKey:
        """The key in a file.

        Raises:
            UsageError: the file is missing, or others can read it.
            UnreadableError: it holds no subject key.
        """
        with os.fdopen(open_private_file(path), "rb") as stream:
            text = stream.read(LIMIT).decode("ascii", "replace")
        try:
            return cls(bytes.fromhex(text.removeprefix(HEAD)) if text.startswith(HEAD) else b"")
        except (UsageError, ValueError):
            raise UnreadableError(
                f"{path.name} holds no subject key", next_step="name the file that was made when the model was trained"
            ) from None

    def commitment(self, subject: object) -> str:
        """64 hexadecimal characters that stand for a subject."""
        return self.mac("subject", as_text(subject).encode()).hex()

    def shard(self, subject: object, shards: int) -> int:
        """Which of some shards a subject belongs to."""
        return int.from_bytes(self.mac("shard", as_text(subject).encode())[:8], "big") % shards

    def mac(self, purpose: str, content: bytes) -> bytes:
        """32 bytes that depend on the key, what they are for, and a content."""
        return hmac.digest(self._secret, purpose.encode() + b"\0" + content, hashlib.sha256)


def no_key() -> None:
    """What is left of a key that was saved: nothing."""


def as_text(subject: object) -> str:
    """A subject's id as it is hashed: text in NFC, whole numbers without a point.

    Raises:
        DataError: the id is missing.
    """
    value: Any = subject.item() if isinstance(subject, np.generic) else subject
    if (
        value is None
        or (not isinstance(value, str) and pd.api.types.is_scalar(value) and pd.isna(value))
        or value == ""
    ):
        raise DataError("a row has no subject", next_step="give every row the id of the subject it is about")
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return unicodedata.normalize("NFC", str(whole))


def named(subjects: Any) -> list[object]:
    """Subjects as a list without repetitions; one that stands alone is a list of one.

    Raises:
        UsageError: nobody is named.
    """
    many = isinstance(subjects, Iterable) and not isinstance(subjects, str | bytes)
    given = {as_text(each): each for each in (subjects if many else [subjects])}
    if not given:
        raise UsageError("nobody is to be removed", next_step="name one subject or more")
    return list(given.values())
