"""Checks of countries' identifiers that python-stdnum does not have, or has in part."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_ALL_DIGITS: Final = re.compile(r"\d")


def _digits(text: str) -> list[int]:
    return [int(digit) for digit in _ALL_DIGITS.findall(text)]


def _solid(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text).upper()


def _crossed(products: list[int]) -> int:
    return sum(product // 10 + product % 10 for product in products)


def health_de(text: str) -> bool | None:
    """The number of an insured person in Germany (KVNR): the letter as two digits, weights 1 and 2, modulo 10.

    Source: section 290 SGB V; GKV-Spitzenverband, "Richtlinie zum Aufbau und zur Vergabe einer
    Krankenversichertennummer".

    Example:
        >>> health_de("A000500015"), health_de("A000500010")
        (True, False)
    """
    number = _solid(text)
    digits = [*divmod(ord(number[0]) - 64, 10), *map(int, number[1:])]
    return _crossed([digit * (1 + at % 2) for at, digit in enumerate(digits[:-1])]) % 10 == digits[-1]


def insurance_de(text: str) -> bool | None:
    """The social insurance number of Germany: a day (above 50 where two people were born on it), a check digit.

    Source: VKVV, section 2.

    Example:
        >>> insurance_de("15 070649 C 103"), insurance_de("15 070649 C 104")
        (True, False)
    """
    number = _solid(text)
    letter = f"{ord(number[8]) - 64:02}"
    digits = [int(each) for each in number[:8] + letter + number[9:]]
    day, month = int(number[2:4]), int(number[4:6])
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    rest = _crossed([digit * weight for digit, weight in zip(digits, weights, strict=False)]) % 10
    return 1 <= (day - 50 if day > 50 else day) <= 31 and 1 <= month <= 12 and rest == digits[-1]


def doctor_de(text: str) -> bool | None:
    """The number of a doctor in Germany for life (LANR): weights 4 and 9, modulo 10, in the seventh place.

    Source: Kassenärztliche Bundesvereinigung, "Richtlinie nach section 75 Absatz 7 SGB V".

    Example:
        >>> doctor_de("123456601"), doctor_de("123456701")
        (True, False)
    """
    digits = _digits(text)
    rest = sum(digit * (4, 9)[at % 2] for at, digit in enumerate(digits[:6])) % 10
    return (10 - rest) % 10 == digits[6]


def document(text: str) -> bool | None:
    """The number of a German identity card or passport: nine characters, and on the card itself a check digit.

    Source: ICAO Doc 9303, part 3, section 4.9: weights 7, 3, 1.

    Example:
        >>> document("L01X00T471"), document("L01X00T472"), document("C01X00T47")
        (True, False, None)
    """
    number = _solid(text)
    if not any(letter.isdigit() for letter in number):
        return False
    if len(number) < 10:
        return None
    values = [int(letter, 36) for letter in number]
    return sum(value * (7, 3, 1)[at % 3] for at, value in enumerate(values[:9])) % 10 == values[9]


def postal_de(text: str) -> bool | None:
    """A postal code between the first and the last that Germany has given.

    Example:
        >>> postal_de("01067"), postal_de("01000"), postal_de("99999")
        (None, False, False)
    """
    return None if 1001 <= int(text) <= 99998 else False


def medicare_au(text: str) -> bool | None:
    """The number of a Medicare card of Australia: weights 1, 3, 7, 9, modulo 10, in the ninth place.

    Source: Australian Government, METeOR 270101.

    Example:
        >>> medicare_au("2123 45670 1"), medicare_au("2123 45671 1")
        (True, False)
    """
    digits = _digits(text)
    return sum(digit * (1, 3, 7, 9)[at % 4] for at, digit in enumerate(digits[:8])) % 10 == digits[8]


def registration_sg(text: str) -> bool | None:
    """A registration number of Singapore (NRIC, FIN): weights 2, 7, 6, 5, 4, 3, 2, a letter.

    Source: as published by many who reversed it; ICA confirms the form only.

    Example:
        >>> registration_sg("S1234567D"), registration_sg("G1234567X"), registration_sg("S1234567A")
        (True, True, False)
    """
    number = text.upper()
    total = sum(digit * weight for digit, weight in zip(_digits(number), (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += {"T": 4, "G": 4, "M": 3}.get(number[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "XWUTRQPNJLK"}.get(number[0], "XWUTRQPNMLK")
    return letters[total % 11] == number[-1]


def resident_kr(text: str) -> bool | None:
    """A resident's or foreigner's number of Korea: a day; a check digit, which numbers since October 2020 lack.

    Source: Enforcement Rule of the Resident Registration Act, article 2.

    Example:
        >>> resident_kr("960121-1021413"), resident_kr("960121-1234567"), resident_kr("001332-1234567")
        (True, None, False)
    """
    digits = _digits(text)
    century = {9: 1800, 0: 1800, 3: 2000, 4: 2000, 7: 2000, 8: 2000}.get(digits[6], 1900)
    year, month, day = (10 * digits[at] + digits[at + 1] for at in (0, 2, 4))
    try:
        date(century + year, month, day)
    except ValueError:
        return False
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
    rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=False)) % 11
    expected = (13 if 5 <= digits[6] <= 8 else 11) - rest
    return True if expected % 10 == digits[12] else None


def province_th(text: str) -> bool | None:
    """An identity number of Thailand that names a province which exists (ISO 3166-2:TH); see python-stdnum, too.

    Example:
        >>> province_th("1234545678781"), province_th("1984567890124")
        (None, False)
    """
    place = int("".join(map(str, _digits(text)[1:3])))
    ranges = ((10, 27), (30, 58), (60, 67), (70, 77), (80, 86), (90, 96))
    return None if any(low <= place <= high for low, high in ranges) else False


def short_es(text: str) -> bool | None:
    """An identity number of Spain that is written without its leading zero.

    Example:
        >>> short_es("1111111-G"), short_es("1111111-H")
        (True, False)
    """
    number = _solid(text)
    return number[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number[:-1]) % 23]


_LABELS: Final = frozenset({
    "ABN", "ACN", "BSN", "BTW", "CIF", "CNP", "CPF", "DNI", "EIN", "IVA", "MRN", "MST", "NHS", "NIE", "NIF", "NIN",
    "NIR", "NIT", "NPI", "PAN", "RFC", "RUN", "RUT", "SSN", "TFN", "TIN", "TVA", "UEN", "UST", "VAT",
})  # fmt: skip


def unlabelled(text: str) -> bool | None:
    """A number whose letters are not the name of another one, as in "NIF 23030924N".

    Example:
        >>> unlabelled("NIF 23030924N"), unlabelled("BSN 111222333"), unlabelled("GODE 561231 GR8")
        (False, False, None)
    """
    first = text.partition(" ")[0].upper()
    return False if first in _LABELS else None
