"""Every recognizer finds its own true examples and none of its false ones."""

from __future__ import annotations

from functools import cache

import pytest

from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.detector import Structured
from casemate.privacy.text.recognizer import Recognizer, built_in
from casemate.privacy.text.spans import Span
from casemate.privacy.text.types import types


@cache
def everything() -> Structured:
    return Structured(built_in())


def found(by: Recognizer, text: str) -> list[Span]:
    return settled((each for each in everything().find(text) if each.source == by.id), 0.5)


@pytest.mark.parametrize("by", built_in(), ids=lambda each: each.id)
def test_true_examples_are_found_and_false_ones_are_not(by: Recognizer) -> None:
    assert by.type in types()
    for text in by.true:
        assert found(by, text), text
    for text in by.false:
        assert not found(by, text), text


@pytest.mark.parametrize("text", ["BENEFICIÁRIO: BIC", "swift ÉDEUTDEFF", "BIC COSTRUZIÒNI"])
def test_what_ends_within_a_word_of_other_letters_is_none(text: str) -> None:
    assert [each for each in everything().find(text) if each.type == "SWIFT_CODE"] == []


def test_scripts_without_spaces_are_no_words_around() -> None:
    assert [each.type for each in everything().find("我的邮箱是jane@example.com谢谢")] == ["EMAIL_ADDRESS"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("My NHS number is 943 476 5919", "UK_NHS"),
        ("the NHS number (943-476-5919) is", "UK_NHS"),
        ("call 943 476 5919", "PHONE_NUMBER"),
        ("my number is 943 476 5919", "PHONE_NUMBER"),
    ],
)
def test_the_word_near_names_what_looks_like_two_things(text: str, kind: str) -> None:
    assert [each.type for each in Analyzer("fast").find(text)] == [kind]


@pytest.mark.parametrize(
    "digits", ["0310049526439", "03510176497026", "4111111111111111", "02510185342", "7503305044089"]
)
def test_the_digits_of_a_decimal_are_no_number_of_anything(digits: str) -> None:
    assert not settled(everything().find(f"0.0472 0.{digits} 0.0211"), 0.5)
