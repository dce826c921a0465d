"""Invented people, companies, places and numbers of a language, for the slots of templates.

Lists and formats are data (``data/text_templates/values``): ``#`` is a digit, ``!`` one from 1 to 9, ``@`` a capital
letter, ``~`` a letter or digit. Numbers with a check digit are drawn until python-stdnum holds them for valid. Nobody's
data: whoever bears such a name or number does so by chance.
"""

from __future__ import annotations

import random
import re
import tomllib
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path

PLACE = Path(__file__).parent / "data" / "text_templates"
TYPES = {
    **dict.fromkeys(("first", "last", "person", "lastfirst", "initial"), "PERSON"),
    "org": "ORGANIZATION", "city": "LOCATION", "street": "STREET_ADDRESS", "address": "STREET_ADDRESS",
    "postcode": "ZIP_CODE", "phone": "PHONE_NUMBER", "email": "EMAIL_ADDRESS", "url": "URL", "ip": "IP_ADDRESS",
    "iban": "IBAN_CODE", "bic": "SWIFT_CODE", "card": "CREDIT_CARD", "dob": "DATE_OF_BIRTH", "date": "DATE_TIME",
    "time": "-", "plate": "LICENSE_PLATE", "passport": "PASSPORT", "idcard": "ID_CARD", "mrn": "MEDICAL_RECORD_NUMBER",
    "insurance": "HEALTH_INSURANCE_NUMBER", "vat": "EU_VAT_NUMBER", "imei": "IMEI", "mac": "MAC_ADDRESS", "vin": "VIN",
    "password": "SECRET", "de_health_insurance": "HEALTH_INSURANCE_NUMBER",
}  # fmt: skip
"""Type of each slot; a slot of none of these names is an identifier, and its type is its name in upper case."""
LETTERS, SERIAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "CFGHJKLMNPRTVWXYZ0123456789"
CARDS = ("4###############", "51##############", "55##############", "2221############", "37#############")
SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "ł": "l"})


@cache
def lists(language: str) -> dict[str, list[str]]:
    """Names and formats of a language."""
    raw = tomllib.loads((PLACE / "values" / f"{language}.toml").read_text(encoding="utf-8"))
    return {key: _items(value) for key, value in raw.items()}


def _items(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [each.strip() for each in value.split(";") if each.strip()]


class Values:
    """What fills the slots of one text: the same slot of the same person, company or place is the same each time.

    Args:
        language: one of those in ``data/text_templates/values``.
        rng: decides everything.
    """

    def __init__(self, language: str, rng: random.Random) -> None:
        self._language, self._lists, self._rng = language, lists(language), rng
        self._known: dict[tuple[str, str], str] = {}

    def __call__(self, slot: str, who: str = "") -> str:
        """The value of a slot of the one who is called so."""
        if (slot, who) not in self._known:
            self._known[slot, who] = self._made(slot, who)
        return self._known[slot, who]

    def _made(self, slot: str, who: str) -> str:
        own = getattr(self, f"_{slot}", None)
        if own is not None:
            return str(own(who))
        if slot in ("second", "other"):  # a name besides first and last
            return self._pick("first" if slot == "second" else "last")
        if slot in self._lists:
            return self._filled(self._pick(slot), who)
        return CHECKED[slot](self._rng)

    def _pick(self, name: str) -> str:
        return self._rng.choice(self._lists[name])

    def _filled(self, pattern: str, who: str) -> str:
        made = re.sub(r"\{([a-z]+)\}", lambda at: self(at[1], who), pattern)
        return drawn(made, self._rng) if pattern != made or any(each in pattern for each in "#!@~") else made

    def _lastfirst(self, who: str) -> str:
        return f"{self('last', who)}, {self('first', who)}"

    def _initial(self, who: str) -> str:
        return f"{self('first', who)[0]}. {self('last', who)}"

    def _domain(self, who: str) -> str:
        return self._pick("domain")

    def _email(self, who: str) -> str:
        first, last = (slug(self(each, who)) for each in ("first", "last"))
        number = self._rng.randint(1, 99)
        made = self._rng.choice((f"{first}.{last}", f"{first[0]}.{last}", f"{first}_{last}{number}", f"{last}{number}",
                                 f"{first}{last}", f"{first}-{last}"))  # fmt: skip
        return f"{made}@{self._pick('domain')}"

    def _url(self, who: str) -> str:
        head, path = self._rng.choice(("https://www.", "http://", "www.", "https://")), self._rng.choice(
            ("", f"/{slug(self._pick('stem'))}", f"/kd/{self._rng.randint(100, 99_999)}", f"/{slug(self('last', who))}")
        )  # fmt: skip
        return f"{head}{slug(self._pick('stem'))}-{self._pick('domain')}{path}"

    def _ip(self, who: str) -> str:
        if self._rng.random() < 0.2:
            return ":".join(f"{self._rng.randrange(65_536):x}" for _ in range(8))
        return ".".join(str(self._rng.randint(1, 254)) for _ in range(4))

    def _iban(self, who: str) -> str:
        iban = import_module("stdnum.iban")
        while True:
            country, _, account = drawn(self._pick("account"), self._rng).partition(" ")
            made = country + str(iban.calc_check_digits(f"{country}00{account}")) + account
            if iban.is_valid(made):
                break
        return made if self._rng.random() < 0.4 else str(iban.format(made))

    def _card(self, who: str) -> str:
        made = _until("luhn", lambda: drawn(self._rng.choice(CARDS), self._rng))
        mark = self._rng.choice((" ", "-", ""))
        parts = (made[:4], made[4:10], made[10:]) if len(made) == 15 else [made[at : at + 4] for at in range(0, 16, 4)]
        return mark.join(parts)

    def _dob(self, who: str) -> str:
        return self._day(1938, 2012)

    def _date(self, who: str) -> str:
        return self._day(2019, 2026)

    def _day(self, first: int, last: int) -> str:
        day, month, year = self._rng.randint(1, 28), self._rng.randint(1, 12), self._rng.randint(first, last)
        return self._pick("day").format(d=day, dd=f"{day:02}", m=month, mm=f"{month:02}", y=year, yy=f"{year % 100:02}",
                                        month=self._lists["month"][month - 1])  # fmt: skip

    def _time(self, who: str) -> str:
        return f"{self._rng.randint(7, 19)}:{self._rng.randrange(0, 60, 5):02}"

    def _imei(self, who: str) -> str:
        return _until("imei", lambda: drawn("35#############", self._rng))

    def _mac(self, who: str) -> str:
        return self._rng.choice(":-").join(f"{self._rng.randrange(256):02X}" for _ in range(6))

    def _vin(self, who: str) -> str:
        made = "".join(self._rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(8))
        return self._rng.choice(("WVW", "VF1", "ZFA", "WBA", "VSS", "TMB")) + made + drawn("######", self._rng)

    def _password(self, who: str) -> str:
        return drawn("@", self._rng) + "".join(self._rng.choice("abcdefghkmnpqrstuvwxyz23456789") for _ in range(9)) + (
            self._rng.choice("!?#$%+"))  # fmt: skip

    def _vat(self, who: str) -> str:
        module, pattern = VAT[self._language]
        return _until(module, lambda: drawn(pattern, self._rng))


def drawn(pattern: str, rng: random.Random) -> str:
    """A pattern with its digits and letters drawn."""
    kinds = {"#": "0123456789", "!": "123456789", "@": LETTERS, "~": SERIAL}
    return "".join(rng.choice(kinds[each]) if each in kinds else each for each in pattern)


def slug(name: str) -> str:
    """A name as it stands in an address of mail."""
    plain = unicodedata.normalize("NFKD", name.lower().translate(SPELLED)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "", plain)


def _until(module: str, draw: Callable[[], str]) -> str:
    valid = import_module(f"stdnum.{module}").is_valid
    return next(each for each in iter(draw, None) if valid(each))


def _checked(module: str, *patterns: str) -> Callable[[random.Random], str]:
    """Draws numbers of these patterns until one is valid."""
    return lambda rng: _until(module, lambda: drawn(rng.choice(patterns), rng))


def _birth(rng: random.Random, order: str) -> str:
    """The day of birth inside of a number, with its fields in this order."""
    fields = {"d": f"{rng.randint(1, 28):02}", "m": f"{rng.randint(1, 12):02}", "y": f"{rng.randint(40, 99):02}"}
    return "".join(fields[each] for each in order)


def _de_tax_id(rng: random.Random) -> str:
    while True:  # one digit twice, one not at all
        digits = rng.sample("0123456789", 9)
        digits.append(rng.choice(digits))
        rng.shuffle(digits)
        made = "".join(digits) + str(rng.randrange(10))
        if made[0] != "0" and import_module("stdnum.de.idnr").is_valid(made):
            return rng.choice((made, f"{made[:2]} {made[2:5]} {made[5:8]} {made[8:]}"))


def _weighted(body: str, weights: str) -> int:
    """Sum of the digit sums of weighted digits; a letter counts as its two-digit place in the alphabet."""
    digits = "".join(each if each.isdigit() else f"{LETTERS.index(each) + 1:02}" for each in body)
    return sum(sum(divmod(int(a) * int(b), 10)) for a, b in zip(digits, weights, strict=True))


def _de_social_security(rng: random.Random) -> str:
    """Versicherungsnummer, VKVV section 4."""
    area, letter, serial = rng.choice(("12", "15", "23", "53", "65")), rng.choice(LETTERS), f"{rng.randrange(100):02}"
    body = area + _birth(rng, "dmy") + letter + serial
    made = body + str(_weighted(body, "212571212121") % 10)
    return rng.choice((made, f"{made[:2]} {made[2:8]} {made[8]} {made[9:]}"))


def _de_health_insurance(rng: random.Random) -> str:
    """Krankenversichertennummer, SGB V section 290."""
    body = drawn("@########", rng)
    return body + str(_weighted(body, "1212121212") % 10)


def _fr_nir(rng: random.Random) -> str:
    nir = import_module("stdnum.fr.nir")
    body = rng.choice("12") + _birth(rng, "ym") + drawn(rng.choice(("75", "13", "69", "33", "59")) + "!##0##", rng)
    made = body + nir.calc_check_digits(body)
    return rng.choice((made, f"{made[0]} {made[1:3]} {made[3:5]} {made[5:7]} {made[7:10]} {made[10:13]} {made[13:]}"))


def _fr_tax_id(rng: random.Random) -> str:
    body = rng.choice("0123") + drawn("#########", rng)
    made = f"{body}{int(body) % 511:03}"
    return rng.choice((made, f"{made[:2]} {made[2:4]} {made[4:7]} {made[7:10]} {made[10:]}"))


def _it_fiscal_code(rng: random.Random) -> str:
    code = import_module("stdnum.it.codicefiscale")
    day = rng.randint(1, 28) + rng.choice((0, 40))
    names = "".join(rng.choice("BCDFGLMNPRSTVZ") for _ in range(6))
    body = (
        f"{names}{rng.randint(40, 99)}{rng.choice('ABCDEHLMPRST')}{day:02}{drawn(rng.choice('ABCDEFGHL') + '!##', rng)}"
    )
    made = body + code.calc_check_digit(body)
    return _it_fiscal_code(rng) if not code.is_valid(made) else made


def _spaced(draw: Callable[[random.Random], str], *cuts: int) -> Callable[[random.Random], str]:
    """Half of the time in groups, cut at these places."""

    def made(rng: random.Random) -> str:
        text = draw(rng)
        edges = (0, *cuts, len(text))
        return text if rng.random() < 0.5 else " ".join(text[a:b] for a, b in pairwise(edges))

    return made


def _dated(module: str, order: str, before: str, after: str, mark: str = "") -> Callable[[random.Random], str]:
    """A day of birth between two patterns."""
    return lambda rng: _until(module, lambda: drawn(before, rng) + _birth(rng, order) + mark + drawn(after, rng))


CHECKED: dict[str, Callable[[random.Random], str]] = {
    "de_tax_id": _de_tax_id,
    "de_tax_number": _checked("de.stnr", "1##/###/#####", "2##/###/#####"),
    "de_social_security": _de_social_security,
    "de_health_insurance": _de_health_insurance,
    "at_social_security": _dated("at.vnr", "dmy", "!###", ""),
    "ch_ahv": _checked("ch.ssn", "756.####.####.##"),
    "fr_nir": _fr_nir,
    "fr_tax_id": _fr_tax_id,
    "es_nif": _checked("es.dni", "########@", "########@", "########-@"),
    "es_nie": _checked("es.nie", "X#######@", "Y#######@", "X-#######-@"),
    "es_cif": _checked("es.cif", "A########", "B########"),
    "mx_curp": lambda rng: _until("mx.curp", lambda: drawn("@E@@", rng) + _birth(rng, "ymd") + drawn(
        rng.choice(("HDF", "MJC", "HNL", "MVZ")) + rng.choice(("RRS", "LPN", "GNZ")) + "0#", rng)),
    "ar_cuit": _checked("ar.cuit", "20-########-#", "27-########-#"),
    "cl_rut": _checked("cl.rut", "1#.###.###-#", "!.###.###-K"),
    "it_fiscal_code": _it_fiscal_code,
    "it_vat_code": _checked("it.iva", "0####0#####", "1####0#####"),
    "pt_nif": _spaced(_checked("pt.nif", "1########", "2########"), 3, 6),
    "pt_citizen_card": _checked("pt.cc", "######## # @@#", "#########@@#"),
    "br_cpf": _checked("br.cpf", "###.###.###-##", "###########"),
    "br_cnpj": _checked("br.cnpj", "##.###.###/0001-##"),
    "nl_bsn": _spaced(_checked("nl.bsn", "!########"), 4, 6),
    "nl_education_number": _checked("nl.onderwijsnummer", "10#######"),
    "be_national_number": lambda rng: "{0[0]}{0[1]}.{0[2]}{0[3]}.{0[4]}{0[5]}-{0[6]}{0[7]}{0[8]}.{0[9]}{0[10]}".format(
        _dated("be.nn", "ymd", "", "#####")(rng)),
}  # fmt: skip
"""Identifiers by the name of their type."""

VAT = {
    "de": ("de.vat", "DE!########"), "fr": ("fr.tva", "FR###########"), "es": ("es.nif", "ESB########"),
    "it": ("it.iva", "IT0####0#####"), "pt": ("pt.nif", "PT5########"), "nl": ("nl.btw", "NL#########B0!"),
}  # fmt: skip
