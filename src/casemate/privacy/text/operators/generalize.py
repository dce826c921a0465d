"""Less of it: the year of a date, the network of an address, the region of a postal code."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from casemate.privacy.text.spans import Span

_YEAR: Final = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")
_NUMBER: Final = re.compile(r"\d+")


class Generalize:
    """A coarser value, or the type where there is none.

    Dates keep the year, ages the decade (90 and over are one, as in 45 CFR 164.514(b)), IP addresses the network (/24,
    /48), e-mail addresses and URLs the host, postal codes and telephone numbers their first three characters.

    Example:
        >>> less = Generalize()
        >>> less("1987-03-14", Span(0, 10, "DATE_TIME", 0.9, "date"))
        '[1987]'
        >>> less("192.168.7.9", Span(0, 11, "IP_ADDRESS", 0.9, "ip"))
        '[192.168.7.0/24]'
        >>> less("Ada", Span(0, 3, "PERSON", 0.9, "names"))
        '[PERSON]'
    """

    def __call__(self, text: str, span: Span) -> str:
        """See above."""
        return f"[{_less(text.strip(), span.type) or span.type}]"


def _less(text: str, type: str) -> str:
    if type in ("DATE_TIME", "DATE_OF_BIRTH"):
        found = _YEAR.search(text)
        return found[0] if found else ""
    if type == "AGE":
        found = _NUMBER.search(text)
        years = int(found[0][:4]) if found else -1
        return "" if years < 0 else "90 or more" if years >= 90 else f"{years // 10 * 10} to {years // 10 * 10 + 9}"
    if type == "IP_ADDRESS":
        try:
            at = ipaddress.ip_address(text)
        except ValueError:
            return ""
        return str(ipaddress.ip_network((at, 24 if at.version == 4 else 48), strict=False))
    if type == "EMAIL_ADDRESS":
        return text.rpartition("@")[2].lower()
    if type == "URL":
        try:
            return urlsplit(text if "://" in text else f"//{text}").hostname or ""
        except ValueError:
            return ""
    if type in ("ZIP_CODE", "UK_POSTCODE", "CA_POSTAL_CODE", "PHONE_NUMBER") and len(text) >= 5:
        return text[:3] + "…"
    return ""
