"""Realistic values that nobody has: from ranges that are reserved for examples, so that a fake is never a real one.

telephone   +1 NXX 555 01xx, kept for fiction (ATIS-0300115)       e-mail, URL   example.com (RFC 2606)
IPv4        TEST-NET-1, -2, -3 (RFC 5737)                          IPv6          2001:db8::/32 (RFC 3849)
card        9999..., given to no issuer (ISO/IEC 7812-1: 9 and a    IBAN          XX, given to no country (ISO 3166-1)
            country code in user-assigned space)                   SSN           area 666, never assigned
names       made of syllables, none of which is in use as a name; places and organizations likewise

`known` tells a surrogate from anything else, so that it is seen for what it is on the way back.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final

from casemate.patterns.validators import iban, luhn
from casemate.privacy.text.operators.base import Keyed, Stateful, canonical
from casemate.privacy.text.spans import Span

_NETS: Final = tuple(map(ipaddress.IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))
_DOC6: Final = ipaddress.IPv6Network("2001:db8::/32")
_FIRST: Final = ("Bre", "Cal", "Dro", "Fen", "Gal", "Hul", "Jor", "Kel", "Lum", "Mor", "Nev", "Pol", "Quo", "Rud", "Sel", "Tov")  # noqa: E501  # fmt: skip
_MIDDLE: Final = ("vu", "zi", "qua", "xo", "wy", "phe", "dzo", "kya")
_GIVEN: Final = ("ndrix", "lqua", "rvyn", "sklo", "ntaz", "mbrix", "lzeth", "rquin")
_FAMILY: Final = ("brixley", "quarvo", "zandrel", "vexholm", "thwynd", "zorby", "qilmar", "draxen")
_PLACE: Final = ("quastead", "zobridge", "vexford", "wyxham")
_MANY: Final = len(_FIRST) * len(_MIDDLE)
_WORDS: Final = re.compile(
    rf"(?:{'|'.join(_FIRST)})(?:{'|'.join(_MIDDLE)})(?:{'|'.join((*_GIVEN, *_FAMILY, *_PLACE))})"
)
_PHONE: Final = re.compile(r"\+1 [2-9]\d\d 555 01\d\d")


class Surrogate(Stateful):
    """The same value has the same surrogate, by HMAC-SHA-256 under the secret; two of one document never share one.

    Where two would, the second gets the next that is free, so across documents agreement is almost, not quite, sure:
    there are 79,000 telephone numbers, 768 IPv4 addresses and about a million names.

    Args:
        secret: at least 16 random bytes.
        scope: a tenant, a project.

    Raises:
        UsageError: the secret is too short.

    Example:
        >>> made = Surrogate(bytes(32))("jane@acme.org", Span(0, 13, "EMAIL_ADDRESS", 0.9, "email"))
        >>> made.endswith("@example.com"), known(made, "EMAIL_ADDRESS")
        (True, True)
    """

    def __init__(self, secret: bytes, scope: str = "") -> None:
        self._given = secret, scope
        self._mac = Keyed(secret, "surrogate", scope)
        self._of: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()

    def document(self) -> Surrogate:
        """One that has given nothing away yet."""
        return Surrogate(*self._given)

    def __call__(self, text: str, span: Span) -> str:
        """See above; of a type that has no reserved range, the type."""
        make = _ipv6 if span.type == "IP_ADDRESS" and ":" in text else _MAKERS.get(span.type)
        if make is None:
            return f"[{span.type}]"
        key = span.type, canonical(text, span.type)
        if key not in self._of:
            number = int.from_bytes(self._mac(span.type, text)[:16], "big")
            made = make(number)
            for more in range(1, 10_000):
                if made not in self._taken:
                    break
                made = make(number + more)
            self._taken.add(made)
            self._of[key] = made
        return self._of[key]


def known(text: str, type: str) -> bool:
    """Whether a value is one that a surrogate can be, and nobody's.

    Example:
        >>> known("+1 212 555 0147", "PHONE_NUMBER"), known("+1 212 736 5000", "PHONE_NUMBER")
        (True, False)
    """
    said = text.strip()
    digits = "".join(each for each in said if each.isdigit())
    if type in ("EMAIL_ADDRESS", "URL"):
        return bool(re.search(r"(?:@|//)example\.com(?:/|$)", said, re.IGNORECASE))
    if type == "PHONE_NUMBER":
        return bool(_PHONE.fullmatch(said))
    if type == "CREDIT_CARD":
        return digits.startswith("9999") and bool(luhn(digits))
    if type == "US_SSN":
        return digits.startswith("666")
    if type == "IBAN_CODE":
        return said.startswith("XX") and bool(iban(said))
    if type == "IP_ADDRESS":
        try:
            at = ipaddress.ip_address(said)
        except ValueError:
            return False
        return at in _DOC6 if isinstance(at, ipaddress.IPv6Address) else any(at in net for net in _NETS)
    return bool(_WORDS.search(said))


def _word(number: int, ends: tuple[str, ...]) -> tuple[str, int]:
    number, first = divmod(number, len(_FIRST))
    number, middle = divmod(number, len(_MIDDLE))
    number, end = divmod(number, len(ends))
    return _FIRST[first] + _MIDDLE[middle] + ends[end], number


def _person(number: int) -> str:
    given, rest = _word(number, _GIVEN)
    return f"{given} {_word(rest, _FAMILY)[0]}"


def _phone(number: int) -> str:
    rest, last = divmod(number, 100)
    return f"+1 {200 + rest % 790} 555 01{last:02d}"


def _email(number: int) -> str:
    given, rest = _word(number, _GIVEN)
    return f"{given}.{rest % 1_000_000:06d}@example.com".lower()


def _ipv4(number: int) -> str:
    rest, last = divmod(number, 256)
    return str(_NETS[rest % 3][last])


def _ipv6(number: int) -> str:
    return str(_DOC6[number % 2**64])


def _card(number: int) -> str:
    body = f"9999{number % 10**11:011d}"
    return next(body + check for check in "0123456789" if luhn(body + check))


def _ssn(number: int) -> str:
    rest, last = divmod(number, 9999)
    return f"666-{1 + rest % 99:02d}-{1 + last:04d}"


def _iban(number: int) -> str:
    body = f"{number % 10**18:018d}"
    return f"XX{98 - int(body + '333300') % 97:02d}{body}"


_MAKERS: Final[dict[str, Callable[[int], str]]] = {
    "PERSON": _person,
    "LOCATION": lambda number: _word(number, _PLACE)[0],
    "ORGANIZATION": lambda number: f"{_word(number, _FAMILY)[0]} Ltd",
    "PHONE_NUMBER": _phone,
    "EMAIL_ADDRESS": _email,
    "URL": lambda number: f"https://example.com/{number % 16**10:010x}",
    "IP_ADDRESS": _ipv4,
    "CREDIT_CARD": _card,
    "US_SSN": _ssn,
    "IBAN_CODE": _iban,
}
