"""Checksums of identifiers, at once: most digits in a text are no identifier, and python-stdnum takes long to say so.

What fails here fails in python-stdnum; what holds here is judged there, by its dates, regions and lengths too. Each
checksum is digits times weights, whose sum leaves one of a few rests: with the check digits among the weights, the rest
is 0, and another one where two values of a check digit are written alike.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import mul
from typing import Final

from casemate.patterns.validators import luhn

Check = Callable[[str], bool | None]
"""Of digits and nothing else."""
_VALUES: Final = bytes.maketrans(b"0123456789", bytes(range(10)))


def weighted(modulus: int, weights: tuple[int, ...], *rests: int) -> Check:
    """A check of as many digits as there are weights: the sum leaves one of ``rests``.

    Example:
        >>> weighted(11, (9, 8, 7, 6, 5, 4, 3, 2, -1), 0)("111222333")  # a BSN of the Netherlands
        True
    """
    return lambda number: sum(map(mul, weights, number.encode().translate(_VALUES))) % modulus in rests


def hybrid(number: str) -> bool:
    """A check digit modulo 11 and 10 (ISO/IEC 7064, section 9).

    Example:
        >>> hybrid("794623"), hybrid("794624")
        (True, False)
    """
    *digits, last = number.encode().translate(_VALUES)
    rest = 10
    for digit in digits:
        rest = 2 * ((rest + digit) % 10 or 10) % 11
    return (rest + last) % 10 == 1


def _powers(base: int, count: int) -> tuple[int, ...]:
    return tuple(base**each for each in reversed(range(count)))


_BRAZIL: Final = tuple(range(10, 1, -1))
_COLOMBIA: Final = (41, 37, 29, 23, 19, 17, 13, 7, 3)
CHECKS: Final[dict[str, dict[int, Check]]] = {
    "ar.cuit": {11: weighted(11, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 0, 10)},
    "au.abn": {11: weighted(89, (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19), 10)},
    "be.ssn": {11: weighted(97, (*_powers(10, 9), 10, 1), 0, -2 * 10**9 % 97)},
    "br.cnpj": {14: weighted(11, (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), 0, 1)},
    "br.cpf": {11: weighted(11, (*_BRAZIL, 1, 0), 0, 1)},
    "cl.rut": {
        8: weighted(11, (9, 4, 5, 6, 7, 8, 9, -1), 0),
        9: weighted(11, (8, 9, 4, 5, 6, 7, 8, 9, -1), 0),
    },
    "cn.ric": {18: weighted(11, _powers(2, 18), 1)},
    "co.nit": {10: weighted(11, (*_COLOMBIA, 1), 0, 2), 9: weighted(11, (*_COLOMBIA[1:], 1), 0, 2)},
    "de.idnr": {11: hybrid},
    "fi.hetu": {10: weighted(31, (*_powers(10, 9), -1), 0)},
    "fr.nif": {13: weighted(511, (*_powers(10, 10), -100, -10, -1), 0)},
    "fr.nir": {15: weighted(97, (*_powers(10, 13), 10, 1), 0)},
    "gr.amka": {11: luhn},
    "hr.oib": {11: hybrid},
    "is_.kennitala": {10: weighted(11, (3, 2, 7, 6, 5, 4, 3, 2, 1, 0), 0)},
    "it.iva": {11: luhn},
    "kr.rrn": {13: weighted(11, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 1), 0, 1)},
    "nl.bsn": {9: weighted(11, (9, 8, 7, 6, 5, 4, 3, 2, -1), 0)},
    "nl.onderwijsnummer": {9: weighted(11, (9, 8, 7, 6, 5, 4, 3, 2, -1), 5)},
    "no.fodselsnummer": {11: weighted(11, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0), 0)},
    "pl.pesel": {11: weighted(10, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 0)},
    "ro.cnp": {13: weighted(11, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9, -1), 0, 9)},
    "se.personnummer": {10: luhn},
    "tr.tckimlik": {11: weighted(10, (*[1] * 10, -1), 0)},
    "za.idnr": {13: luhn},
}
"""By module of python-stdnum and number of digits; numbers of other lengths, or with letters, are judged there alone.

Sources are those that the modules name; for the sums themselves, see `tests/privacy/text/test_checksums.py`.
"""


def fails(module: str, number: str) -> bool:
    """Whether a number is none of a kind, for its checksum alone.

    Args:
        module: of python-stdnum, "de.idnr".
        number: without what separates its groups.

    Example:
        >>> fails("de.idnr", "36574261890"), fails("de.idnr", "36574261809"), fails("de.idnr", "3657426180X")
        (True, False, False)
    """
    check = CHECKS[module].get(len(number)) if module in CHECKS else None
    return check is not None and number.isascii() and number.isdigit() and not check(number)
