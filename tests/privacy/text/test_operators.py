"""What stands in the place of what was found."""

from __future__ import annotations

import datetime as dt

import pytest

from casemate.core.errors import UsageError
from casemate.patterns.validators import luhn
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.operators.base import Keyed
from casemate.privacy.text.operators.dates import DateShift
from casemate.privacy.text.operators.format_preserving import FormatPreserving
from casemate.privacy.text.operators.generalize import Generalize
from casemate.privacy.text.operators.keyed import Pseudonym
from casemate.privacy.text.operators.labels import Label, Mask
from casemate.privacy.text.operators.numbers import Numbered
from casemate.privacy.text.operators.surrogates import Surrogate, known
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.spans import Span

KEY = bytes(range(32))


def span(text: str, type: str) -> Span:
    return Span(0, len(text), type, 0.9, "test")


@pytest.fixture(scope="module")
def fast() -> Analyzer:
    return Analyzer("fast")


def test_only_the_place_is_replaced_not_an_equal_word(fast: Analyzer) -> None:
    text = "x@y.example is not x@y.example.com, is it?"
    done = Redactor(fast, default=Label("<{type}>")).redact(text)
    rebuilt, at = [], 0
    for each, new in zip(done.spans, done.replacements, strict=True):
        rebuilt += [text[at : each.start], new]
        at = each.end
    assert done.text == "".join([*rebuilt, text[at:]])
    assert "<EMAIL_ADDRESS>" in done.text


def test_numbers_are_of_a_document_or_of_a_corpus(fast: Analyzer) -> None:
    texts = ["a@example.com b@example.com A@example.com", "b@example.com"]
    apart, whole = Redactor(fast, default=Numbered()), Redactor(fast, default=Numbered(scope="corpus"))
    assert [apart.redact(each).replacements for each in texts] == [
        ("[EMAIL_ADDRESS_1]", "[EMAIL_ADDRESS_2]", "[EMAIL_ADDRESS_1]"),
        ("[EMAIL_ADDRESS_1]",),
    ]
    assert [whole.redact(each).replacements for each in texts][1] == ("[EMAIL_ADDRESS_2]",)


def test_texts_of_one_document_count_on(fast: Analyzer) -> None:
    document = Redactor(fast, default=Numbered()).document()
    assert document.redact("a@example.com").text == "[EMAIL_ADDRESS_1]"
    assert document.redact("b@example.com").text == "[EMAIL_ADDRESS_2]"


def test_keyed_pseudonyms_are_apart_by_key_scope_and_type() -> None:
    said = {
        Pseudonym(key, scope)("Ada Byron", span("Ada Byron", type)).partition("_")[2]
        for key in (KEY, KEY[::-1])
        for scope in ("a", "b")
        for type in ("PERSON", "LOCATION")
    }
    assert len(said) == 8
    one, other = Keyed(KEY, "x", "a\0b"), Keyed(KEY, "x\0a", "b")
    assert one("T", "v") == one("T", " V ")
    assert one("T", "v") != one("T", "w")
    assert other("T", "v") != Keyed(KEY, "x", "b")("T", "v")
    with pytest.raises(UsageError, match="too short"):
        Pseudonym(b"short")


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("Jane Doe", "PERSON"), ("Berlin", "LOCATION"), ("Acme", "ORGANIZATION"), ("415 555 2671", "PHONE_NUMBER"),
        ("j@acme.org", "EMAIL_ADDRESS"), ("https://acme.org/x", "URL"), ("8.8.8.8", "IP_ADDRESS"),
        ("2a00:1450::1", "IP_ADDRESS"), ("4111 1111 1111 1111", "CREDIT_CARD"), ("536-90-4399", "US_SSN"),
        ("GB82WEST12345698765432", "IBAN_CODE"),
    ],
)  # fmt: skip
def test_surrogates_are_known_for_what_they_are_and_the_real_thing_is_not(text: str, type: str) -> None:
    made = Surrogate(KEY)(text, span(text, type))
    assert made != text
    assert known(made, type)
    assert not known(text, type)
    assert made == Surrogate(KEY)(text, span(text, type))
    assert made != Surrogate(KEY, "other")(text, span(text, type))


def test_surrogates_of_one_document_are_never_shared() -> None:
    one = Surrogate(KEY)
    given = {
        one(text, span(text, "IP_ADDRESS"))
        for text in (f"10.0.{high}.{low}" for high in range(3) for low in range(250))
    }
    assert len(given) == 750  # of 768


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-28",
        "28.02.2020",
        "02/28/2020",
        "28/2/2020",
        "Feb 28, 2020",
        "February 28th, 2020",
        "28 February 2020",
        "28.2.20",
    ],
)
def test_dates_keep_their_form_and_what_lies_between(text: str) -> None:
    shift = DateShift(KEY, "ada")
    by = dt.date.fromisoformat(shift("2020-02-28", span("2020-02-28", "DATE_TIME"))) - dt.date(2020, 2, 28)
    assert by.days
    made = shift(text, span(text, "DATE_TIME"))
    goal = dt.date(2020, 2, 28) + by
    assert f"{goal.year % 100:02d}" in made
    assert str(goal.day) in made
    assert [each for each in made if not each.isalnum()] == [each for each in text if not each.isalnum()]


def test_a_date_that_cannot_be_moved_is_not_left() -> None:
    assert DateShift(KEY, "ada")("next Tuesday", span("", "DATE_TIME")) == "[DATE_TIME]"
    assert DateShift(KEY, "ada")("2020-13-45", span("", "DATE_TIME")) == "[DATE_TIME]"


def test_masks_and_generalizations_never_show_most_of_it() -> None:
    assert Mask(last=4)("1234", span("1234", "PIN")) == "****"
    less = Generalize()
    assert less("94", span("94", "AGE")) == "[90 or more]"
    assert less("2a00:1450:4001::1", span("", "IP_ADDRESS")) == "[2a00:1450:4001::/48]"
    assert less("nobody knows", span("", "IP_ADDRESS")) == "[IP_ADDRESS]"


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("4111-1111 1111 1111", "CREDIT_CARD"),
        ("+1 (415) 555-2671", "PHONE_NUMBER"),
        ("AB 12 3456 C", "UK_NINO"),
        ("x7f3k2", "ID"),
    ],
)
def test_ff1_keeps_the_form_and_comes_back(text: str, type: str) -> None:
    cipher = FormatPreserving(KEY, "column", "tenant")
    made = cipher(text, span(text, type))
    assert made != text
    assert [not each.isalnum() and each for each in made] == [not each.isalnum() and each for each in text]
    assert type != "CREDIT_CARD" or luhn(made)
    assert cipher.restore(made, type) == text
    others = FormatPreserving(KEY, "column", "other"), FormatPreserving(KEY, "other", "tenant")
    assert len({made, *(each(text, span(text, type)) for each in others), cipher(text, span(text, "X"))}) == 4


@pytest.mark.parametrize("text", ["12345", "aB3xYz9", "１２３４５６７８"])
def test_ff1_leaves_nothing_that_it_cannot_encrypt(text: str) -> None:
    assert FormatPreserving(KEY)(text, span(text, "PIN")) == "[PIN]"


def test_a_text_in_pieces_is_redacted_as_in_one(fast: Analyzer) -> None:
    text = "".join(f"word {at} a{at % 7}@example.com, or call +1 415 555 {2000 + at}. " for at in range(200))
    one, other = (Redactor(fast, default=Numbered()).redact(text, streaming=each) for each in (False, True))
    assert one == other
    assert one.text.count("[EMAIL_ADDRESS_7]") == 28
