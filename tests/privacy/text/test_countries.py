"""National identifiers: what python-stdnum's own examples hold is found in a sentence; what only looks so is not.

With ``CASEMATE_BENCH_DATA`` the numbers are those of python-stdnum's doctests; without it, those of its docstrings.
"""

from __future__ import annotations

import importlib
import os
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from stdnum.exceptions import InvalidChecksum, ValidationError

from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.detector import Structured
from casemate.privacy.text.recognizer import built_in
from casemate.privacy.text.spans import Span
from casemate.privacy.text.validators import validator

pytestmark = pytest.mark.slow
DOCTESTS = "text/stdnum/python_stdnum-2.2/tests"
LITERAL = re.compile(r"'''(.*?)'''|\"\"\"(.*?)\"\"\"|'([^'\n]*)'|\"([^\"\n]*)\"", re.DOTALL)
CHECKED = [
    each for each in built_in() if each.validators and each.validators[0].startswith("stdnum:") and each.countries
]
MODULES = sorted({each.validators[0].removeprefix("stdnum:") for each in CHECKED} | {"eu.vat"})
ELSEWHERE = {
    "es.nif": {"ES_CIF", "ES_NIF", "ES_NIE"},  # takes numbers of people too
    "it.codicefiscale": {"IT_FISCAL_CODE", "IT_VAT_CODE"},  # takes numbers of companies too
}


def literals(module: str) -> Iterator[str]:
    text = importlib.import_module(f"stdnum.{module}").__doc__ or ""
    if folder := os.environ.get("CASEMATE_BENCH_DATA"):
        file = Path(folder, DOCTESTS, f"test_{module.replace('.', '_')}.doctest")
        text += file.read_text(encoding="utf-8") if file.exists() else ""
    for match in LITERAL.finditer(text):
        body = next(part for part in match.groups() if part is not None)
        yield from (re.sub(r"^\s*(?:\.\.\.)?\s?", "", line).strip() for line in body.splitlines())


def numbers(module: str) -> tuple[list[str], list[str]]:
    """Valid ones, and those that are refused although they look the part."""
    valid = validator(f"stdnum:{module}")
    good = [each for each in dict.fromkeys(literals(module)) if each and valid(each)]
    if not good and not os.environ.get("CASEMATE_BENCH_DATA"):
        pytest.skip(f"the docstring of stdnum.{module} has no number: needs CASEMATE_BENCH_DATA")
    bad = [each for each in dict.fromkeys(literals(module)) if re.search(r"\d{3}", each) and not valid(each)]
    return good, [each for each in bad if len(each) < 30]


@cache
def detector(types: frozenset[str]) -> Structured:
    return Structured(each for each in built_in() if each.type in types)


@cache
def words(module: str) -> tuple[str, ...]:
    return next(each.context for each in built_in() if f"stdnum:{module}" in each.validators)


def reported(text: str, types: set[str]) -> list[Span]:
    return settled(detector(frozenset(types)).find(text), 0.5)


def types(module: str) -> set[str]:
    mine = {each.type for each in built_in() if f"stdnum:{module}" in each.validators}
    return mine | ELSEWHERE.get(module, set())


def plain(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text)


def wrong_checksum(module: str, number: str) -> bool:
    try:
        importlib.import_module(f"stdnum.{module}").validate(number)
    except ValidationError as error:
        return isinstance(error, InvalidChecksum)
    return False


def test_at_least_forty_countries() -> None:
    countries = {country for each in CHECKED for country in each.countries}
    assert len(countries) >= 40, sorted(countries)


@pytest.mark.parametrize("module", MODULES)
def test_valid_numbers_are_found_in_sentences(module: str) -> None:
    good, _ = numbers(module)
    assert good
    missed = []
    for number in good:
        label = words(module)[0]
        text = f"Please note, {label}: {number}, as agreed."
        found = [each for each in reported(text, types(module)) if covers(text[each.start : each.end], number)]
        if not found:
            missed.append(number)
    assert not missed, f"{len(missed)} of {len(good)}: {missed[:20]}"


def covers(found: str, number: str) -> bool:
    """All digits; a country's prefix may stay outside."""
    return "".join(filter(str.isdigit, number)) == "".join(filter(str.isdigit, found))


@pytest.mark.parametrize("module", MODULES)
def test_wrong_checksums_are_never_reported(module: str) -> None:
    _, bad = numbers(module)
    valid = validator(f"stdnum:{module}")
    for number in bad:
        text = f"Please note, {words(module)[0]}: {number}, as agreed."
        for each in reported(text, types(module)):
            token = text[each.start : each.end]
            by = next(one for one in built_in() if one.id == each.source)
            if not any(name.startswith("stdnum:") for name in by.validators):
                assert not wrong_checksum(module, token)  # a form that python-stdnum does not know
                continue
            assert any(validator(name)(token) for name in by.validators)
            assert valid(token) or plain(token) != plain(number), (number, each)


@pytest.mark.parametrize("module", MODULES)
def test_look_alikes_are_not_reported(module: str) -> None:
    good, _ = numbers(module)
    draw = random.Random(module)
    valid = validator(f"stdnum:{module}")
    label = words(module)[0]
    number = next(each for each in good if sum(map(str.isdigit, each)) >= 2)
    broken = list(number)
    for _ in range(400):
        at = draw.choice([at for at, letter in enumerate(number) if letter.isdigit()])
        broken[at] = draw.choice("0123456789")
        if not valid("".join(broken)):
            break
    alike = [f"order {number} was sent", f"{label}: AB{plain(number)}X9Q", f"{label}: {plain(number)}00{plain(number)}"]
    if not valid("".join(broken)):
        alike.append(f"{label}: {''.join(broken)}.")
    for text in alike:
        assert not reported(text, types(module)), text


def test_context_counts_as_whole_words() -> None:
    assert not reported("consin 123-456-782", {"CA_SIN"})
    assert reported("SIN 123-456-782", {"CA_SIN"})
