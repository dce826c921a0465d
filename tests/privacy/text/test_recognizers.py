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


@cache
def fast() -> Analyzer:
    return Analyzer("fast")


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
        ("BSN 1112 22 333", "NL_BSN"),
        ("N° TVA : FR07000011897", "EU_VAT_NUMBER"),
        ("hablen con Ana en el 684 708 500", "PHONE_NUMBER"),
        ("versichert bei AOK, Nr. A000500015", "HEALTH_INSURANCE_NUMBER"),
        ("RUT 12.935.719-3", "CL_RUT"),
        ("NIF 23030924N", "ES_NIF"),
        ("N.º afiliación: 63/62212647/36", "HEALTH_INSURANCE_NUMBER"),
        ("Patiënte De Koning, nr. 5593105", "MEDICAL_RECORD_NUMBER"),
        ("login from 150.116.55.162", "IP_ADDRESS"),
        ("SSN: 219099998, phone below", "US_SSN"),
        ("rufen Sie an, geboren am 26-02-2003", "DATE_OF_BIRTH"),
        ("IMEI 490154203237518, handy", "IMEI"),
        ("IBAN DE89370400440532013000, PLZ 10115", "IBAN_CODE ZIP_CODE"),
        ("kenteken 47-PCV-2 reed op 08-11-2021 138 km/u", "LICENSE_PLATE DATE_TIME"),
        ("contraseña: Paw3w9c5rp!", "SECRET"),
    ],
)
def test_the_word_near_names_what_looks_like_two_things(text: str, kind: str) -> None:
    assert " ".join(each.type for each in fast().find(text)) == kind


@pytest.mark.parametrize(
    "digits", ["0310049526439", "03510176497026", "4111111111111111", "02510185342", "7503305044089"]
)
def test_the_digits_of_a_decimal_are_no_number_of_anything(digits: str) -> None:
    assert not settled(everything().find(f"0.0472 0.{digits} 0.0211"), 0.5)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("wohnhaft An der Alten Ziegelei 79-87 in 97478 Bonn, vertreten", "An der Alten Ziegelei 79-87 in 97478 Bonn"),
        ("wohnt Rathausplatz 91a, D-79409 Solingen, seit", "Rathausplatz 91a, D-79409 Solingen"),
        ("sito in Spaccanapoli 195 - 32019 Livorno. Canone", "Spaccanapoli 195 - 32019 Livorno"),
        ("sita en Gran Vía 58, bajo. 01567 - Terrassa. Renta", "Gran Vía 58, bajo. 01567 - Terrassa"),
        ("à 4 bis avenue du 14 Juillet, 13008 Limoges.", "4 bis avenue du 14 Juillet, 13008 Limoges"),
        ("na Rua do Moinho n.º 70, r/c. Obrigado", "Rua do Moinho n.º 70, r/c"),
        ("adres: Grote Markt 81-9, 1375IP Tilburg.", "Grote Markt 81-9, 1375IP Tilburg"),
        ("to 3 Eskelundsvej 15\n Apt. 667\n Skive\n Denmark", "3 Eskelundsvej 15\n Apt. 667\n Skive\n Denmark"),
        ("z. Hd. Ben Hempel\nTheodor-Heuss-Ring 78\n47016 Winterthur\n", "Theodor-Heuss-Ring 78|47016 Winterthur"),
    ],
)  # fmt: skip
def test_an_address_is_found_whole(text: str, whole: str) -> None:
    assert "|".join(text[each.start : each.end] for each in fast().find(text)) == whole


@pytest.mark.parametrize(
    "text",
    [
        "During 1977, the firm grew",
        "Spring 2020 and Engineering 101",
        "The address space since May 3, and Windows 10.",
        "12000 Euro\n10000 Menschen\n",
        "in 2019 Paris was full",
        "ein Arbeitsmarkt 2020",
        "page 37, 20 ans après, 180 degrees",
    ],
)
def test_what_only_looks_like_an_address_or_an_age_is_none(text: str) -> None:
    assert [each for each in fast().find(text) if each.type in ("ADDRESS", "ZIP_CODE", "AGE")] == []


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("she turned 67", "67"),
        ("at the age of 58", "58"),
        ("when he was 42", "42"),
        ("a 41 y/o man", "41 y/o"),
        ("im Alter von 58 Jahren", "58"),
        ("à l'âge de 58 ans", "58"),
        ("a los 58 años", "58"),
        ("all'età di 58 anni", "58"),
        ("aos 58 anos", "58"),
        ("leeftijd: 58", "58"),
    ],
)
def test_an_age_is_found_behind_its_word(text: str, age: str) -> None:
    assert [text[each.start : each.end][: len(age)] for each in fast().find(text) if each.type == "AGE"] == [age]


def test_a_card_is_found_before_other_digits() -> None:
    text = "card 5500 0000 0000 0004 12 26"
    assert [(each.type, text[each.start : each.end]) for each in fast().find(text)] == [
        ("CREDIT_CARD", "5500 0000 0000 0004")
    ]


def test_a_checksum_comes_before_a_model_that_is_sure_of_the_same_place() -> None:
    model = Span(0, 15, "PHONE_NUMBER", 0.999, "transformer")
    checked = Span(0, 15, "IMEI", 0.98, "imei", ("checksum holds", "near 'imei'"))
    assert settled([model, checked], 0.5) == [checked]
    assert settled([model, Span(0, 14, "IMEI", 0.98, "imei", ("checksum holds",))], 0.5) == [model]


CONTEXTS = (
    "{}-Office, {}-Fax", "Office:{}", "Ana,{},x", "Ms. Bell-{}", "[{}]", "({})", "{} 14 Hill Road", "{}. 3 of 4",
    "{}|{}", "Your order came.\nWe said that you would hear of us, and now you do: {}",
    "Apt. 7\nLeeds 20401\n{}\n",
)  # fmt: skip
PHONES = ("020 7946 0018", "(01632) 960001", "212-555-0123", "+33 1 99 00 12 34", "612 345 678")


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("phone", PHONES)
def test_a_telephone_number_is_found_whatever_it_touches(context: str, phone: str) -> None:
    text = context.replace("{}", phone)
    found = [text[each.start : each.end] for each in Analyzer("fast").find(text) if each.type == "PHONE_NUMBER"]
    assert found == [phone] * context.count("{}")
