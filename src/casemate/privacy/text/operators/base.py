"""What an operator that keeps something can say besides what stands in a place; plain functions need none of it."""

from __future__ import annotations

import abc
import functools
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from casemate.core.errors import UsageError
from casemate.privacy.text.spans import Span

LEAST_SECRET: Final = 16
"""Bytes below which a secret could be guessed."""
_INFO: Final = b"casemate/text/1"
_BETWEEN: Final = re.compile(r"[\W_]+")


class Stateful(abc.ABC):
    """An operator with a memory, or with words of its own that a text must not already hold."""

    @abc.abstractmethod
    def __call__(self, text: str, span: Span) -> str:
        """What stands in the place of ``text``, which is what ``span`` covers."""

    def document(self) -> Self:
        """The operator for one document; itself where it remembers nothing, or for all of a corpus."""
        return self

    def reserved(self, text: str) -> Iterable[Span]:
        """Stretches that would be taken for the operator's own work, and have to be replaced too."""
        del text
        return ()

    def commit(self) -> None:  # noqa: B027  # most have nothing to do
        """Make durable what is needed to go back, before anything is given away.

        Raises:
            StorageError: it is not durable; what was redacted must not be used.
        """


def canonical(text: str, type: str) -> str:
    """A value as it is compared: two ways of writing one thing are the same.

    Example:
        >>> canonical("+1 (415) 555-0123", "PHONE_NUMBER") == canonical("+1.415.555.0123", "PHONE_NUMBER")
        True
        >>> canonical(" Jane  DOE", "PERSON")
        'jane doe'
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if type in ("EMAIL_ADDRESS", "URL", "IP_ADDRESS", "SECRET", "DATE_TIME"):
        return folded if type != "SECRET" else text
    letters = _BETWEEN.sub("", folded)
    return letters if sum(map(str.isdigit, letters)) * 2 > len(letters) else folded


class Keyed:
    """HMAC-SHA-256 of values, under a key of its own for each purpose, scope and type.

    ``HMAC(K, canonical value)`` with ``K = HKDF-SHA-256(secret, info "casemate/text/1" 00 purpose 00 scope 00 type)``:
    what one tenant, purpose or type has tells nothing of another.

    Args:
        secret: at least 16 random bytes.
        purpose: what for.
        scope: a tenant, a project; pseudonyms agree within it.

    Raises:
        UsageError: the secret is too short.
    """

    def __init__(self, secret: bytes, purpose: str, scope: str = "") -> None:
        if len(secret) < LEAST_SECRET:
            raise UsageError(
                f"a secret of {len(secret)} bytes is too short",
                cause="who guesses it knows whose pseudonym is whose",
                next_step="give 32 random bytes: secrets.token_bytes(32)",
            )
        self._secret, self._purpose, self._scope = bytes(secret), purpose, scope
        self._key = functools.lru_cache(maxsize=512)(self._derived)

    def __call__(self, type: str, text: str) -> bytes:
        """32 bytes."""
        return hmac.digest(self._key(type), canonical(text, type).encode("utf-8", "surrogatepass"), hashlib.sha256)

    def key(self, type: str) -> bytes:
        """The 32 bytes of K."""
        return self._key(type)

    def _derived(self, type: str) -> bytes:
        info = b"\0".join([_INFO, *(each.encode() for each in (self._purpose, self._scope, type))])
        return HKDF(SHA256(), 32, None, info).derive(self._secret)
