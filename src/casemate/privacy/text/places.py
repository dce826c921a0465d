"""What stands beside numbers in addresses, and what only looks like it: counted things, months, versions."""

from __future__ import annotations

import re
from typing import Final

_COUNTED: Final = (
    "euro euros eur usd chf dollar dollars pfund kronen franken francs menschen einwohner besucher mitarbeiter "
    "personen leute teilnehmer zuschauer stück kilometer km meter jahre tage stunden minuten zeilen exemplare "
    "bytes mb people users items lines files rows records tests points words"
)
"""Of these there may be so many that the number looks like a postal code."""
_NUMBERED: Final = (
    "windows version page pages seite chapter section figure fig table tabelle line zeile step level room gate flight "
    "boeing airbus python ubuntu ios android iphone ipad galaxy pentium world war article artikel art part band volume "
    "vol no nr number type class grade round week year day unit item phase covid top in on at the of by for box "
    "kapitel absatz chapitre capítulo capitolo artículo articolo artigo hoofdstuk pagina página"
)
_MONTHS: Final = (
    "january february march april may june july august september october november december jan feb mar apr jun jul aug "
    "sep sept oct nov dec januar jänner februar märz mai juni juli oktober dezember janvier février mars avril juin "
    "juillet août septembre octobre novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre "
    "setiembre octubre noviembre diciembre gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre "
    "janeiro fevereiro março maio junho julho setembro outubro novembro dezembro januari februari maart mei augustus"
)
_NO_PLACES: Final = frozenset(_COUNTED.split())
_NO_STREETS: Final = frozenset((*_NUMBERED.split(), *_MONTHS.split()))
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_WORD: Final = re.compile(r"[\w'-]+")
_PLACE: Final = re.compile(r"\d{4,5}(?:-\d{3}| ?[A-Z]{2})? (?:[-–] )?[^\W\d_].*$")


def place_code(text: str) -> bool | None:
    """A postal code with a place behind it: what is counted or priced is no place, and a year is no code.

    Example:
        >>> place_code("50832 Agrigento"), place_code("1017 GL Goes")
        (None, None)
        >>> place_code("12000 Euro"), place_code("2019 Report")
        (False, False)
    """
    code, _, place = text.partition(" ")
    year = code.isdigit() and len(code) == 4 and code[:2] in ("18", "19", "20") and not place[:2].isupper()
    first = _WORD.search(place.lstrip("-– "))
    return False if year or (first is not None and first[0].lower() in _NO_PLACES) else None


def place_behind(text: str) -> bool | None:
    """An address whose postal code has a place behind it; see ``place_code``.

    Example:
        >>> place_behind("Zeil 60a, 09885 Hannover"), place_behind("Version 3, 12000 Euro")
        (None, False)
    """
    found = _PLACE.search(text)
    return place_code(found[0]) if found else None


def street(text: str) -> bool | None:
    """A name with a number behind it in which no word is a month, or something with versions and pages.

    Example:
        >>> street("Laat 217"), street("May 3"), street("Windows 10")
        (None, False, False)
    """
    return None if _NO_STREETS.isdisjoint(map(str.casefold, _LETTERS.findall(text))) else False
