"""Keyed pseudonyms: the same in every document, and nobody without the key can try values out."""

from __future__ import annotations

import base64
from typing import Final

from casemate.core.errors import UsageError
from casemate.privacy.text.operators.base import Keyed
from casemate.privacy.text.spans import Span

LEAST_BITS: Final = 40
"""Below it two of a million values would share a pseudonym more often than not."""


class Pseudonym:
    """``[PERSON_4x7k2m...]``: HMAC-SHA-256 of the canonical value (see ``base.Keyed``) in base 32.

    A frequent name stays a frequent pseudonym: whoever knows how often each name occurs can guess the frequent ones.

    Args:
        secret: at least 16 random bytes.
        scope: a tenant, a project; pseudonyms agree within it and nowhere else.
        bits: length, 40 to 256, a multiple of 5; of n values two share one with a chance below n^2 / 2^(bits + 1).
        form: with ``{type}`` and ``{pseudonym}``.

    Raises:
        UsageError: the secret or the length is too short.

    Example:
        >>> made = Pseudonym(bytes(32), "clinic")
        >>> span = Span(0, 3, "PERSON", 0.9, "names")
        >>> made("Ada", span) == made("ADA", span) != made("Bob", span)
        True
    """

    def __init__(self, secret: bytes, scope: str = "", *, bits: int = 80, form: str = "[{type}_{pseudonym}]") -> None:
        if not LEAST_BITS <= bits <= 256 or bits % 5:
            raise UsageError(
                f"{bits} bits are no length of a pseudonym", next_step="give a multiple of 5 from 40 to 255"
            )
        self._mac, self._letters, self._form = Keyed(secret, "pseudonym", scope), bits // 5, form

    def __call__(self, text: str, span: Span) -> str:
        """See above."""
        word = base64.b32encode(self._mac(span.type, text)).decode("ascii").lower()[: self._letters]
        return self._form.replace("{type}", span.type).replace("{pseudonym}", word)
