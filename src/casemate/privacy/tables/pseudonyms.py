"""Keyed pseudonyms: the same person gets the same one in every table, and nobody without the key can tell whose it is.

A pseudonym is ``base32(HMAC-SHA-256(K, value))`` in lower case, cut to 128 bits (26 characters) unless asked otherwise:

    K      = HKDF-SHA-256(key, salt none, info "casemate/pseudonyms/1" 00 "pseudonym" 00 context), 32 bytes
    value  = the cell as text in UTF-8, normalized to NFC; whole numbers without a point, dates in ISO 8601

The context is the name of the column unless another is given; columns of several tables that hold the same kind of
identifier get one context, so that rows can be joined. Without the key, trying all values does not help, as it does
against a plain hash (see ``attacks.dictionary``). Of n values, two share a pseudonym of b bits with a chance below
``n (n - 1) / 2^(b + 1)``: 1.5e-27 for a million and 128 bits.

The key is random, and kept in a file in which one or more key services have wrapped it. Nothing turns a pseudonym back
into its value but a table of both, which is made only when asked for, and sealed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
import pandas as pd
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from casemate.core.errors import DataError, UnreadableError, UsageError
from casemate.keys.files import LIMIT, create_private_file, open_private_file
from casemate.keys.services import DEK_SIZE, KeyService, Wrap, wrong_key
from casemate.privacy.tables.inference import as_text

INFO: Final = b"casemate/pseudonyms/1"
LEAST_BITS: Final = 80
MOST_BITS: Final = 256


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A random id, which is not secret, and the wraps of the key."""

    casemate: Literal["pseudonyms/1"]
    id: str
    wraps: tuple[Wrap, ...]


class PseudonymKey:
    """The secret behind pseudonyms and date shifts. Make one with ``create``, and get it back with ``open``.

    Args:
        identity: what it is called; not secret.
        secret: 32 random bytes.
    """

    def __init__(self, identity: str, secret: bytes) -> None:
        if len(secret) != DEK_SIZE:
            raise UsageError(f"a pseudonym key has {DEK_SIZE} bytes", next_step="make one with PseudonymKey.create")
        self.identity, self._secret = identity, bytes(secret)

    def __repr__(self) -> str:
        return f"<PseudonymKey {self.identity}>"

    @classmethod
    def create(cls, path: Path, services: Sequence[KeyService]) -> PseudonymKey:
        """Make a key, wrap it with each of some key services, and keep the wraps in a new file (0600).

        Raises:
            UsageError: there is no service, or the file exists.
            KeyServiceError: a service cannot be reached, or refuses.
            StorageError: the file cannot be written.
        """
        if not services:
            raise UsageError("nothing would keep the pseudonym key", next_step="name a key service, as file:PATH")
        identity, secret = secrets.token_hex(8), secrets.token_bytes(DEK_SIZE)
        wraps = tuple(each.wrap(secret, _context(identity)) for each in services)
        create_private_file(path, msgspec.json.encode(_File("pseudonyms/1", identity, wraps)) + b"\n")
        return cls(identity, secret)

    @classmethod
    def open(cls, path: Path, services: Sequence[KeyService]) -> PseudonymKey:
        """The key in a file, by whichever of some services wrapped it.

        Raises:
            UsageError: the file is missing, or others can read it.
            UnreadableError: it holds no pseudonym key.
            WrongKeyError: none of the services wrapped it.
            KeyServiceError: a service cannot be reached, or refuses.
        """
        with os.fdopen(open_private_file(path), "rb") as stream:
            data = stream.read(LIMIT)
        try:
            stored = msgspec.json.decode(data, type=_File)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise UnreadableError(
                f"{path.name} holds no pseudonym key", next_step="name another file; it is made at first use"
            ) from None
        for service in services:
            for wrap in stored.wraps:
                if service.opens(wrap):
                    return cls(stored.id, service.unwrap(wrap, _context(stored.id)))
        raise wrong_key(" and ".join(each.name for each in services) or "that is not there", "it did not wrap this key")

    def derive(self, purpose: str, context: str) -> bytes:
        """32 bytes that depend on the key, what they are for, and a context, and tell nothing of each other."""
        info = b"\0".join([INFO, purpose.encode(), context.encode()])
        return HKDF(SHA256(), 32, None, info).derive(self._secret)


def _context(identity: str) -> Mapping[str, str]:
    return {"purpose": INFO.decode(), "key": identity}


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms of one kind of identifier.

    Example:
        >>> key = PseudonymKey("example", bytes(32))
        >>> people = pd.Series(["ada", "bob", "ada"])
        >>> made = Pseudonyms(key, "patient").apply(people)
        >>> made[0] == made[2] != made[1], len(made[0])
        (True, 26)

    Attributes:
        key: the secret.
        context: what the values identify; the same in all tables that are to be joined.
        bits: length; 80 to 256.
    """

    key: PseudonymKey
    context: str
    bits: int = 128

    def __post_init__(self) -> None:
        if not LEAST_BITS <= self.bits <= MOST_BITS or self.bits % 8:
            raise UsageError(
                f"{self.bits} bits are no length of a pseudonym",
                cause="two people would share one too easily" if self.bits < LEAST_BITS else "",
                next_step=f"give a multiple of 8 from {LEAST_BITS} to {MOST_BITS}",
            )

    def apply(self, column: pd.Series) -> pd.Series:
        """(n,) the pseudonym of each value; missing ones stay missing.

        Raises:
            DataError: two values got the same pseudonym.
        """
        codes, uniques = pd.factorize(column, use_na_sentinel=False)
        texts = [canonical(value) for value in uniques]
        made = self._made([text for text in texts if text])
        if len(set(made.values())) < len(made):
            raise DataError("two values have one pseudonym", next_step="ask for more bits")
        words = np.array([made.get(text) for text in texts], dtype=object)
        return pd.Series(words[codes], index=column.index, name=column.name, dtype=object)

    def lookup(self, column: pd.Series) -> dict[str, str]:
        """The value of each pseudonym, as text: what turns them back. Keep it sealed, apart from what was released."""
        texts = {canonical(value) for value in pd.unique(column)} - {""}
        return {pseudonym: text for text, pseudonym in self._made(sorted(texts)).items()}

    def collision(self, values: int) -> float:
        """Upper bound on the chance that any two of some values share a pseudonym."""
        return min(1.0, values * (values - 1) / 2.0 ** (self.bits + 1))

    @property
    def statement(self) -> str:
        """What holds, and what does not."""
        return (
            f"keyed pseudonyms of {self.bits} bits (context {self.context!r}, key {self.key.identity}): whoever has "
            "the key can make them again, and rows of one person can still be joined"
        )

    def _made(self, texts: Sequence[str]) -> dict[str, str]:
        secret = self.key.derive("pseudonym", self.context)
        return {text: _pseudonym(secret, text, self.bits) for text in texts}


def canonical(value: object) -> str:
    """A value as it is hashed; empty where it is missing."""
    return unicodedata.normalize("NFC", as_text(value))


def _pseudonym(secret: bytes, text: str, bits: int) -> str:
    mac = hmac.digest(secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.b32encode(mac[: bits // 8]).decode("ascii").rstrip("=").lower()
