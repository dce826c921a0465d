"""Checksums computed at once against python-stdnum: nothing that it accepts fails, and random digits mostly do."""

from __future__ import annotations

import importlib
import itertools
import random
from collections.abc import Iterator

import pytest

from casemate.privacy.text import checksums
from casemate.privacy.text.recognizer import built_in
from casemate.privacy.text.validators import validator

MADE, RANDOM = 400, 3000
CASES = [(module, length) for module, checks in checksums.CHECKS.items() for length in checks]
SHARES = {"de.idnr": 0.1, "hr.oib": 0.1, "fi.hetu": 10 / 31, **dict.fromkeys(("br.cnpj", "br.cpf"), 2 / 11)}
"""Of random digits, how many pass at most, where it is more than a ninth; two check digits may be two rests."""


def accepts(module: str, number: str) -> bool:
    """What python-stdnum says; some of its tables lack parts."""
    try:
        return bool(importlib.import_module(f"stdnum.{module}").is_valid(number))
    except LookupError:
        return False


def written(module: str, digits: str) -> str:
    """With what cannot be left out."""
    return f"{digits[:6]}-{digits[6:]}" if module == "fi.hetu" else digits


def known(module: str, length: int) -> list[str]:
    """True examples of recognizers that ask the module."""
    examples = [text for each in built_in() if f"stdnum:{module}" in each.validators for text in each.true]
    runs = ["".join(filter(str.isdigit, each)) for each in examples]
    return [each for each in runs if len(each) == length] or ["0101901234567890"[:length]]


def made(module: str, length: int, by: random.Random) -> Iterator[str]:
    """Valid numbers: an example with one or two other digits, and the last two tried until python-stdnum accepts it."""
    examples = known(module, length)
    ends = ["".join(each) for each in itertools.product("0123456789", repeat=2)]
    for _ in range(MADE // 4):
        number = list(by.choice(examples))
        for at in by.sample(range(length), 2):
            number[at] = by.choice("0123456789")
        for end in ends:
            each = "".join(number[:-2]) + end
            if accepts(module, written(module, each)):
                yield each


@pytest.mark.parametrize(("module", "length"), CASES)
def test_what_python_stdnum_accepts_does_not_fail(module: str, length: int) -> None:
    numbers = set(made(module, length, random.Random(1)))
    assert len(numbers) >= 20
    assert not [each for each in numbers if checksums.fails(module, each)]


@pytest.mark.parametrize(("module", "length"), CASES)
def test_random_digits_are_judged_as_python_stdnum_does_and_mostly_fail_at_once(module: str, length: int) -> None:
    by = random.Random(2)
    numbers = ["".join(by.choices("0123456789", k=length)) for _ in range(RANDOM)]
    left = [each for each in numbers if not checksums.fails(module, each)]
    assert len(left) <= RANDOM * (SHARES.get(module, 2 / 11) + 0.03)  # four standard deviations of a share of 2/11
    for each in numbers[: RANDOM // 10]:
        assert not (checksums.fails(module, each) and accepts(module, written(module, each)))


@pytest.mark.parametrize("module", checksums.CHECKS)
def test_other_lengths_and_letters_are_left_to_python_stdnum(module: str) -> None:
    assert not checksums.fails(module, "1234")
    assert not any(checksums.fails(module, "X" * length) for length in checksums.CHECKS[module])
    assert not any(checksums.fails(module, "\u0661" * length) for length in checksums.CHECKS[module])
    assert validator(f"stdnum:{module}")("nothing") is False


def test_a_module_without_a_checksum_of_ours_never_fails() -> None:
    assert not checksums.fails("mx.curp", "123456789012345678")
