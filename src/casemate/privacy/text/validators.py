"""Checks that an expression cannot make: True is proof, False is proof of the contrary, None is neither."""

from __future__ import annotations

import functools
import importlib
import ipaddress
import itertools
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from casemate.core.errors import UsageError
from casemate.patterns.validators import iban, luhn
from casemate.privacy.text import checksums, national, numbers, places, wallets

Validator = Callable[[str], bool | None]
MIXED: Final = 3
"""Turns between digits and others from which on no word with a number behind is meant."""
_SIGNS = str.maketrans("", "", " .-/")


def address(text: str) -> bool | None:
    """An IP address (RFC 791, RFC 4291).

    Example:
        >>> address("192.168.1.1"), address("1.2.3.400")
        (True, False)
    """
    try:
        ipaddress.ip_address(text.partition("/")[0].strip("[]"))
    except ValueError:
        return False
    return True


def address6(text: str) -> bool | None:
    """An IPv6 address that is no name in C++ and no slice in Python: it has three groups, or says otherwise what it is.

    Otherwise: a prefix length or a zone, a block that is in use (RFC 4291, section 2.4: 2000::/3 in four digits,
    fc00::/7, fe80::/10, ff00::/8), or the loopback address.

    Example:
        >>> address6("2001:db8::1"), address6("::1"), address6("fe80::/10"), address6("a::b"), address6("12:30:55")
        (True, True, True, False, False)
    """
    bare = text.partition("/")[0].partition("%")[0]
    groups = [each for each in bare.split(":") if each]
    block = groups[0].lower() if groups and not bare.startswith(":") else ""
    used = len(block) == 4 and (block[0] in "23" or block[:2] in ("fc", "fd", "fe", "ff"))
    says = (
        (bare != text and bool(block))
        or used
        or bare == "::1"
        or (bare.startswith("::") and (len(groups) > 1 or "." in bare))
    )
    plain = any(map(str.isdigit, text)) and (len(groups) >= 3 or says)
    return plain and address(bare)


def hardware(text: str) -> bool | None:
    """A MAC address of one device: neither all zeros nor the broadcast address.

    Example:
        >>> hardware("00:00:5E:00:53:AF"), hardware("ff:ff:ff:ff:ff:ff")
        (None, False)
    """
    letters = {letter for letter in text.lower() if letter.isalnum()}
    return False if letters in ({"0"}, {"f"}) else None


def bitcoin(text: str) -> bool | None:
    """A Bitcoin address: base58check, or bech32 and bech32m (BIP 173, BIP 350)."""
    return _stdnum("bitcoin")(text) if text[0] in "13" else wallets.bech32(text)


def bic(text: str) -> bool | None:
    """A bank's code: its country exists; there is no checksum.

    Example:
        >>> bic("DEUTDEFF"), bic("ABCDZZ2L")
        (None, False)
    """
    return None if _stdnum("bic")(text) else False


def temporary_fi(text: str) -> bool | None:
    """A personal identity code of Finland for those who have none yet: 900 and above.

    Example:
        >>> temporary_fi("010594Y9032"), temporary_fi("131052-308T")
        (True, False)
    """
    return text[7] == "9" and bool(_module("fi.hetu").is_valid(text, allow_temporary=True))


def verhoeff(text: str) -> bool | None:
    """True if Verhoeff's check digit holds; None if not: for issuers who do not publish whether they have one.

    Example:
        >>> verhoeff("2363"), verhoeff("2364")
        (True, None)
    """
    return True if _module("verhoeff").is_valid(numbers.digits(text)) else None


def password(text: str) -> bool | None:
    """True for what nobody writes but as a password: capitals, small letters and digits, with a sign or in turn.

    Example:
        >>> password("Paw3w9c5rp!"), password("obligatoria"), password("os.environ1"), password("Version20")
        (True, False, False, False)
    """
    kinds = [str.isupper, str.islower, str.isdigit]
    mixed = all(any(map(kind, text)) for kind in kinds)
    signs = any(not letter.isalnum() for letter in text)
    turns = sum(one.isdigit() != two.isdigit() for one, two in itertools.pairwise(text))
    code = any(each in text for each in "()[]{}<>") or "://" in text
    return mixed and not code and (signs or turns >= MIXED)


VALIDATORS: dict[str, Validator] = {
    "au-medicare": national.medicare_au,
    "bic": bic,
    "bitcoin": bitcoin,
    "base58check": wallets.base58check,
    "card": numbers.card,
    "card-wide": numbers.card_wide,
    "date": numbers.calendar,
    "de-document": national.document,
    "de-doctor": national.doctor_de,
    "de-health": national.health_de,
    "de-insurance": national.insurance_de,
    "de-postal": national.postal_de,
    "dea": numbers.dea,
    "es-short": national.short_es,
    "ethereum": wallets.ethereum,
    "fi-temporary": temporary_fi,
    "iban": lambda text: iban(text.translate(_SIGNS)),
    "ip": address,
    "ipv6": address6,
    "itin": numbers.itin,
    "kr-resident": national.resident_kr,
    "luhn": luhn,
    "mac": hardware,
    "nino": numbers.nino,
    "no-address": lambda text: False if text.count(".") == 3 and address(text) else None,
    "no-label": national.unlabelled,
    "npi": numbers.npi,
    "password": password,
    "phone-iberia": numbers.phone_iberia,
    "phone-international": numbers.phone_international,
    "phone-near": numbers.phone_near,
    "phone-north-american": numbers.phone_north_american,
    "phone-trunk": numbers.phone_trunk,
    "place-behind": places.place_behind,
    "place-code": places.place_code,
    "sg-registration": national.registration_sg,
    "ssn": numbers.ssn,
    "street": places.street,
    "th-province": national.province_th,
    "verhoeff": verhoeff,
    "vin": numbers.vehicle,
}
"""By the name that packs use; ``stdnum:de.idnr`` names a module of python-stdnum."""


@cache
def validator(name: str) -> Validator:
    """One validator.

    Raises:
        UsageError: there is none of that name.
    """
    kind, _, module = name.partition(":")
    if kind == "stdnum":
        return _stdnum(module)
    if name not in VALIDATORS:
        raise UsageError(f"there is no validator {name!r}", next_step=f"use one of: {', '.join(sorted(VALIDATORS))}")
    return VALIDATORS[name]


def judge(names: tuple[str, ...], text: str) -> bool | None:
    """False if any validator says no; else True if any says yes; else None."""
    proven = None
    for name in names:
        answer = validator(name)(text)
        if answer is False:
            return False
        proven = proven or answer
    return proven


def _clean(original: Callable[[str, str], str], number: str, deletechars: str = "") -> str:
    """What python-stdnum's ``clean`` makes of a number, for text of ASCII without a loop over its letters in Python.

    Every check begins with it, and spends half of its time there; so the modules that are loaded here use this one.
    """
    return number.translate(_without(deletechars)) if number.isascii() else original(number, deletechars)


@cache
def _without(letters: str) -> dict[int, str | None]:
    return {**dict.fromkeys(map(ord, letters)), ord("`"): None if "'" in letters else "'"}


def _stdnum(name: str) -> Validator:
    module = _module(name)

    original = getattr(module, "clean", None)
    if original is importlib.import_module("stdnum.util").clean:
        module.clean = functools.partial(_clean, original)

    def valid(text: str) -> bool | None:
        bare = text.translate(_SIGNS)
        if checksums.fails(name, bare):
            return False
        try:
            return bool(module.is_valid(bare) or (bare != text and module.is_valid(text)))
        except (LookupError, TypeError, ValueError):  # some modules look parts up in tables that lack them
            return False

    return valid


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"stdnum.{name}")
    except ImportError as error:
        raise UsageError(
            f"python-stdnum has no module {name!r}", next_step="pip install 'casemate[text]', or mend the name"
        ) from error
