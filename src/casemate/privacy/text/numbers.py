"""Plans of numbers that have no checksum, or a checksum that is not enough: cards, telephones, dates."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from casemate.patterns.validators import luhn

_CARDS: Final = (
    ("4", (13, 16, 19)), ("51-55", (16,)), ("2221-2720", (16,)), ("34", (15,)), ("37", (15,)),
    ("6011", (16, 19)), ("644-649", (16, 19)), ("65", (16, 19)), ("622126-622925", (16, 19)), ("62", (16, 17, 18, 19)),
    ("300-305", (14, 16, 19)), ("3095", (14, 16, 19)), ("36", (14, 16, 19)), ("38-39", (14, 16, 19)),
    ("3528-3589", (16, 19)), ("2131", (15,)), ("1800", (15,)), ("5018", tuple(range(12, 20))),
    ("5020", tuple(range(12, 20))), ("5038", tuple(range(12, 20))), ("5893", tuple(range(12, 20))),
    ("6304", tuple(range(12, 20))), ("6759", tuple(range(12, 20))), ("6761-6763", tuple(range(12, 20))),
    ("0604", tuple(range(12, 20))), ("2200-2204", (16, 17, 18, 19)), ("9792", (16,)), ("60", (16,)), ("508", (16,)),
)  # fmt: skip
"""Ranges of issuers and lengths (ISO/IEC 7812; the networks' own publications)."""
_WIDE: Final = (
    ("50", tuple(range(12, 20))),
    ("56-69", tuple(range(12, 20))),
    ("1", (15,)),
    ("35", (16,)),
    ("81-82", (16, 17, 18, 19)),
)
_DIGITS: Final = re.compile(r"\d")
_GROUPS: Final = re.compile(r"\d+")
_DATED: Final = re.compile(r"\(?\d{1,2}([/ .-])\d{1,2}\1(?:19|20)\d\d(?!\d)")
_VEHICLE: Final = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", map(int, "12345678123457923456789" + "0123456789"), strict=True)
)
"""Values of letters (49 CFR 565.15, table III)."""
_COUNTRIES: Final = (
    "1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86"
    " 90 91 92 93 94 95 98 211 212 213 216 218 220-269 290 291 297-299 350-359 370-378 379 380-383 385-387 389 420 421"
    " 423 500-509 590-599 670 672-679 680-683 685-692 800 808 850 852 853 855 856 870 878 880-883 886 888 960-968"
    " 970-977 979 992-996 998"
)
"""Country codes that are assigned (ITU-T E.164, list of 2016 and its amendments)."""
_PLANS: Final = {
    "1": (10, 10), "7": (10, 10), "31": (9, 9), "32": (8, 9), "33": (9, 9), "34": (9, 9), "39": (6, 11), "40": (9, 9),
    "41": (9, 9), "43": (5, 13), "44": (9, 10), "45": (8, 8), "46": (7, 10), "47": (5, 8), "48": (9, 9), "49": (5, 12),
    "52": (10, 11), "55": (10, 11), "61": (9, 10), "81": (9, 10), "82": (8, 11), "86": (9, 11), "91": (10, 10),
    "351": (9, 9), "352": (5, 11), "353": (7, 10), "358": (5, 12), "420": (9, 9),
}  # fmt: skip
"""Digits after the country code."""


_OTHERS: Final = re.compile("[^0-9]+")


def digits(text: str) -> str:
    """Only the digits of ASCII."""
    return _OTHERS.sub("", text)


def _ranges(table: tuple[tuple[str, tuple[int, ...]], ...]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for names, lengths in table:
        low, _, high = names.partition("-")
        for number in range(int(low), int(high or low) + 1):
            key = str(number).rjust(len(low), "0")
            found[key] = tuple({*found.get(key, ()), *lengths})
    return found


_NARROW, _BROAD = _ranges(_CARDS), _ranges(_WIDE)


def card(text: str) -> bool | None:
    """A payment card: the issuer's range and length, and the check digit.

    Example:
        >>> card("2223 0031 2200 3222"), card("4111 1111 1111 1112"), card("0000 0000 0000 0000")
        (True, False, False)
    """
    return _card(digits(text), _NARROW)


def card_wide(text: str) -> bool | None:
    """A payment card of the ranges that are so wide that a tenth of all numbers pass."""
    return _card(digits(text), _BROAD)


def _card(number: str, ranges: dict[str, tuple[int, ...]]) -> bool:
    if luhn(number) is not True or len(set(number)) == 1:
        return False
    return any(len(number) in ranges.get(number[:length], ()) for length in range(1, 7))


def _country_codes() -> frozenset[str]:
    codes = set()
    for each in _COUNTRIES.split():
        low, _, high = each.partition("-")
        codes |= {str(number) for number in range(int(low), int(high or low) + 1)}
    return frozenset(codes)


_ASSIGNED: Final = _country_codes()


def phone_international(text: str) -> bool | None:
    """A number with a country code that is assigned, as long as the country's numbers are.

    None where two zeros stand for the plus and nothing separates: a number that was padded with zeros looks the same.

    Source: ITU-T E.164.

    Example:
        >>> phone_international("+49 30 901820"), phone_international("+999 123456"), phone_international("+35236450.6")
        (True, False, False)
        >>> phone_international("0049 30 901820"), phone_international("004930901820")
        (True, None)
    """
    if text[-2:-1] == ".":  # a decimal
        return False
    body = re.split(r"[xX#]|ext|Durchwahl", text)[0].replace("(0)", "")
    number = digits(body)
    if not body.lstrip().startswith("+"):
        number = number.removeprefix("011") if number.startswith("011") else number.removeprefix("00")
    if not 7 <= len(number) <= 15:
        return False
    for length in (1, 2, 3):
        if number[:length] in _ASSIGNED:
            low, high = _PLANS.get(number[:length], (6, 12))
            fits = low <= len(number) - length <= high
            return None if fits and body.startswith("00") and body.isdigit() else fits
    return False


def phone_north_american(text: str) -> bool | None:
    """True where area and exchange may be (NANP); None where not: people write such numbers all the same.

    Example:
        >>> phone_north_american("(212) 555-0123"), phone_north_american("012-345-6789")
        (True, None)
    """
    number = digits(re.split(r"[xX#]|ext", text)[0])
    number = number.removeprefix("001") if number.startswith("001") else number
    number = number[1:] if len(number) == 11 and number[0] == "1" else number
    if len(number) != 10 or len(set(number)) == 1:
        return False
    return True if number[0] in "23456789" and number[3] in "23456789" and number[1:3] != "11" else None


def phone_trunk(text: str) -> bool | None:
    """Nine to twelve digits behind a trunk prefix of 0, or eight behind an area in brackets; no date, no ZIP code.

    Example:
        >>> phone_trunk("030 9018 2000"), phone_trunk("(32) 960-001")
        (None, None)
        >>> phone_trunk("01-02-2020"), phone_trunk("02110-1301")
        (False, False)
        >>> phone_trunk("08-11-2021 138")
        False
    """
    number = digits(text)
    postal = len(text) == 10 and text[5] == "-"
    other = postal or _DATED.match(text) is not None
    least = 8 if text.startswith("(") and number[0] != "0" else 9
    return None if least <= len(number) <= 12 and number[1] != "0" and len(set(number)) > 2 and not other else False


def phone_iberia(text: str) -> bool | None:
    """Nine or ten digits that are no round number, which is written in the same groups.

    Source: CNMC, "Plan nacional de numeración telefónica"; ANACOM, "Plano Nacional de Numeração"; AGCOM, 8/15/CIR.

    Example:
        >>> phone_iberia("612 345 678"), phone_iberia("612 345 600"), phone_iberia("612 612 612")
        (None, False, False)
    """
    number = digits(text)
    return None if not number.endswith("00") and len(set(number)) > 3 else False


def phone_near(text: str) -> bool | None:
    """Seven to thirteen digits, or three pairs, and no date: enough where a word near speaks of a telephone.

    Example:
        >>> phone_near("555-0123"), phone_near("85 97 44"), phone_near("12/12/2020"), phone_near("13 2021")
        (None, None, False, False)
    """
    number = digits(text)
    groups = _GROUPS.findall(text)
    dated = (len(groups) == 3 and calendar(text) and text[2:3] != " ") or _DATED.match(text) is not None
    long = 7 <= len(number) <= 13 or (text[2:3] == " " and [*map(len, groups)] == [2, 2, 2])
    return None if long and not dated and len(set(number)) > 1 else False


def calendar(text: str) -> bool | None:
    """A day that exists, in any order of day, month and year.

    Example:
        >>> calendar("31/12/1999"), calendar("12/31/99"), calendar("2001-02-30"), calendar("31/31/2000")
        (True, True, False, False)
    """
    parts = _GROUPS.findall(text)[:3]
    if len(parts) < 3:
        return False
    if len(parts[0]) == 4:
        orders = [(parts[0], parts[1], parts[2])]
    else:
        orders = [(parts[2], parts[1], parts[0]), (parts[2], parts[0], parts[1])]
    return any(_day(int(year), int(month), int(day)) for year, month, day in orders)


def _day(year: int, month: int, day: int) -> bool:
    try:
        date(year if year > 99 else 2000 + year, month, day)
    except (OverflowError, ValueError):  # a year of twelve digits is none
        return False
    return True


def vehicle(text: str) -> bool | None:
    """A vehicle identification number: True if the check digit holds, which only North America demands.

    Source: ISO 3779; 49 CFR 565.15.

    Example:
        >>> vehicle("1M8GDM9AXKP042788"), vehicle("WVWZZZ1JZ3W386752"), vehicle("11111111111111112")
        (True, None, False)
    """
    if text.isdigit() or text.isalpha() or not _VEHICLE.keys() >= set(text):
        return False
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    rest = sum(_VEHICLE[letter] * weight for letter, weight in zip(text, weights, strict=True)) % 11
    return True if text[8] == "0123456789X"[rest] else None if text[0] not in "145" else False


def dea(text: str) -> bool | None:
    """The check digit of the US Drug Enforcement Administration's numbers.

    Example:
        >>> dea("BB1388568"), dea("BB1388567")
        (True, False)
    """
    number = [int(digit) for digit in digits(text)]
    return (number[0] + number[2] + number[4] + 2 * (number[1] + number[3] + number[5])) % 10 == number[6]


def npi(text: str) -> bool | None:
    """National provider identifier of the USA: Luhn behind 80840 (45 CFR 162.406).

    Example:
        >>> npi("1234567893"), npi("1234567890"), npi("1111111112")
        (True, False, False)
    """
    number = digits(text)
    return len(set(number[:9])) > 1 and luhn("80840" + number)


def ssn(text: str) -> bool | None:
    """A social security number that may have been issued; there is no checksum.

    Source: SSA, "Social Security number randomization" (areas 000, 666 and 900 on are never issued).

    Example:
        >>> ssn("219-09-9998"), ssn("666-09-9998"), ssn("123-45-6789")
        (None, False, False)
    """
    number = digits(text)
    known = number in ("078051120", "123456789", "987654321")  # printed in wallets and in examples
    good = number[:3] not in ("000", "666") and number[0] != "9" and number[3:5] != "00" and number[5:] != "0000"
    return None if good and not known and len(set(number)) > 1 else False


def itin(text: str) -> bool | None:
    """A taxpayer number whose group is one of those in use (IRS, Publication 1915).

    Example:
        >>> itin("912-90-3456"), itin("912903456"), itin("912-93-3456")
        (True, None, False)
    """
    number = digits(text)
    group = int(number[3:5])
    if not (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99):
        return False
    return True if text[3] in "- " and text[6] in "- " else None


def nino(text: str) -> bool | None:
    """A national insurance number with a prefix in use (HMRC, NIM39110).

    Example:
        >>> nino("AB 12 34 56 C"), nino("BG123456A")
        (None, False)
    """
    return False if text[:2].upper() in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ") else None
