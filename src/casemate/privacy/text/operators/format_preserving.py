"""FF1: digits stay digits where they stand, letters and digits stay such, and the key brings them back."""

from __future__ import annotations

from casemate.patterns.validators import luhn
from casemate.privacy.text.ff1 import FF1, LEAST, tweak
from casemate.privacy.text.operators.base import Keyed
from casemate.privacy.text.spans import Span


class FormatPreserving:
    """A value of the same form: what stands between letters and digits stays, capitals stay, cards pass Luhn's check.

    Under AES-256, with a key for each type and a tweak of type, field and tenant. What has fewer than a million values,
    or letters beyond ASCII, becomes its type: nothing is left as it was. This is pseudonymization, not anonymization.

    Args:
        secret: at least 16 random bytes.
        field: a column or a use; values agree within it.
        tenant: whose they are.

    Raises:
        UsageError: the secret is too short.

    Example:
        >>> cipher, span = FormatPreserving(bytes(32), "card"), Span(0, 19, "CREDIT_CARD", 0.9, "card")
        >>> made = cipher("4111 1111 1111 1111", span)
        >>> [len(each) for each in made.split()], cipher.restore(made, "CREDIT_CARD")
        ([4, 4, 4, 4], '4111 1111 1111 1111')
    """

    def __init__(self, secret: bytes, field: str = "", tenant: str = "") -> None:
        self._keys, self._field, self._tenant = Keyed(secret, "ff1", tenant), field, tenant
        self._ciphers: dict[tuple[str, int], FF1] = {}

    def __call__(self, text: str, span: Span) -> str:
        """See above."""
        return self._made(text, span.type, forward=True) or f"[{span.type}]"

    def restore(self, text: str, type: str) -> str:
        """What became ``text``, if this operator made it of a value of this type."""
        return self._made(text, type, forward=False) or text

    def _made(self, text: str, type: str, *, forward: bool) -> str:
        places = [at for at, each in enumerate(text) if each.isalnum()]
        said = "".join(text[at] for at in places)
        radix = 10 if said.isdecimal() else 36
        if not said.isascii() or radix ** len(said) < LEAST:
            return ""
        cipher = self._cipher(type, radix)
        accept = _card if type == "CREDIT_CARD" and _card(said) else None
        made = (cipher.encrypt if forward else cipher.decrypt)(said.lower(), accept)
        if radix == 36 and not said.islower():
            made = made.upper() if said.isupper() else ""  # a mixture of capitals does not come back
        letters = dict(zip(places, made, strict=False))
        return "".join(letters.get(at, each) for at, each in enumerate(text)) if made else ""

    def _cipher(self, type: str, radix: int) -> FF1:
        if (type, radix) not in self._ciphers:
            self._ciphers[type, radix] = FF1(self._keys.key(type), radix, tweak(type, self._field, self._tenant))
        return self._ciphers[type, radix]


def _card(text: str) -> bool:
    return bool(luhn(text))
