"""Presidio's own examples (README, getting started, anonymizer docs), with the import changed."""

from __future__ import annotations

import pytest

from casemate.core.errors import UsageError
from casemate.privacy.text.presidio import (
    AnalyzerEngine,
    AnonymizerEngine,
    DeanonymizeEngine,
    OperatorConfig,
    OperatorResult,
    Pattern,
    PatternRecognizer,
    RecognizerResult,
)
from casemate.privacy.text.presidio.analyzing import KEPT


@pytest.fixture(scope="module")
def engine() -> AnalyzerEngine:
    return AnalyzerEngine(mode="fast")


def test_getting_started(engine):
    text = "My phone number is 212-555-5555"
    results = engine.analyze(text=text, entities=["PHONE_NUMBER"], language="en")
    assert [(each.entity_type, each.start, each.end) for each in results] == [("PHONE_NUMBER", 19, 31)]
    anonymized = AnonymizerEngine().anonymize(text=text, analyzer_results=results)
    assert anonymized.text == "My phone number is <PHONE_NUMBER>"


def test_bond_james_bond():
    result = AnonymizerEngine().anonymize(
        text="My name is Bond, James Bond",
        analyzer_results=[
            RecognizerResult(entity_type="PERSON", start=11, end=15, score=0.8),
            RecognizerResult(entity_type="PERSON", start=17, end=27, score=0.8),
        ],
        operators={"PERSON": OperatorConfig("replace", {"new_value": "BIP"})},
    )
    assert result.text == "My name is BIP, BIP"
    told = [(each.start, each.end, each.text, each.operator) for each in result.items]
    assert told == [(16, 19, "BIP", "replace"), (11, 14, "BIP", "replace")]


def test_deny_lists_and_patterns_of_ones_own(engine):
    titles = PatternRecognizer(supported_entity="TITLE", deny_list=["Mr.", "Mrs.", "Miss"])
    text = "I suspect Professor Plum, Miss Scarlet and Mrs. Peacock"
    found = engine.analyze(text=text, language="en", entities=["TITLE"], ad_hoc_recognizers=[titles])
    assert sorted(text[each.start : each.end] for each in found) == ["Miss", "Mrs."]
    zips = PatternRecognizer(
        supported_entity="ZIP", patterns=[Pattern("zip", r"\b\d{5}(?:-\d{4})?\b", 0.01)], context=["zip", "zipcode"]
    )
    near = engine.analyze(text="my zip code is 90210", language="en", entities=["ZIP"], ad_hoc_recognizers=[zips])
    far = engine.analyze(text="we sold 90210 of them", language="en", entities=["ZIP"], ad_hoc_recognizers=[zips])
    assert near[0].score == pytest.approx(0.4)
    assert far[0].score == pytest.approx(0.01)
    assert not engine.analyze(
        text="we sold 90210", language="en", entities=["ZIP"], ad_hoc_recognizers=[zips], score_threshold=0.3
    )


def test_allow_list_and_unknown_words(engine):
    text = "bing.com and write to jane@bing.com"
    assert engine.analyze(text=text, language="en", entities=["EMAIL_ADDRESS"])
    assert not engine.analyze(text=text, language="en", entities=["EMAIL_ADDRESS"], allow_list=["jane@bing.com"])
    with pytest.raises(UsageError, match="linear time"):
        PatternRecognizer("X", patterns=[Pattern("x", r"(?<=a)b", 0.5)])
    with pytest.raises(ValueError, match="patterns or with deny list"):
        PatternRecognizer("X")


@pytest.mark.parametrize(
    ("operator", "made"),
    [
        (OperatorConfig("mask", {"masking_char": "*", "chars_to_mask": 4, "from_end": True}), "tel 212-555-****"),
        (OperatorConfig("redact", {}), "tel "),
        (OperatorConfig("keep"), "tel 212-555-0143"),
        (OperatorConfig("custom", {"lambda": lambda x: f"[{len(x)}]"}), "tel [12]"),
    ],
)
def test_operators(operator, made):
    found = [RecognizerResult("PHONE_NUMBER", 4, 16, 0.9)]
    assert AnonymizerEngine().anonymize("tel 212-555-0143", found, {"DEFAULT": operator}).text == made


def test_encrypt_and_decrypt():
    text, key = "My name is Ada, still Ada.", "WmZq4t7w!z%C&F)J"
    found = [RecognizerResult("PERSON", 11, 14, 0.8), RecognizerResult("PERSON", 22, 25, 0.8)]
    hidden = AnonymizerEngine().anonymize(text, found, {"PERSON": OperatorConfig("encrypt", {"key": key})})
    assert "Ada" not in hidden.text
    assert len({each.text for each in hidden.items}) == 2
    opened = DeanonymizeEngine().deanonymize(
        hidden.text, hidden.items, {"DEFAULT": OperatorConfig("decrypt", {"key": key})}
    )
    assert opened.text == text
    with pytest.raises(UsageError, match="cannot be decrypted"):
        DeanonymizeEngine().deanonymize(
            "AAAA", [OperatorResult(0, 4, "PERSON")], {"DEFAULT": OperatorConfig("decrypt", {"key": key})}
        )


def test_hashes_are_salted_and_results_outside_are_refused():
    found = [RecognizerResult("PERSON", 0, 3, 0.8)]
    hashed = {AnonymizerEngine().anonymize("Ada", found, {"DEFAULT": OperatorConfig("hash")}).text for _ in range(2)}
    assert len(hashed) == 2
    with pytest.raises(UsageError, match="while text length is only 2"):
        AnonymizerEngine().anonymize("Ad", found)
    with pytest.raises(UsageError, match="Invalid operator class"):
        AnonymizerEngine().anonymize("Ada", found, {"DEFAULT": OperatorConfig("nothing")})


def test_named_entities_are_looked_for_alone(engine):
    text = "call 943-476-5919"
    told = engine.analyze(text, "en", entities=["UK_NHS"], context=["nhs"])
    assert [(each.entity_type, each.start, each.end) for each in told] == [("UK_NHS", 5, 17)]
    assert [each.entity_type for each in engine.analyze(text, "en", entities=["PHONE_NUMBER"])] == ["PHONE_NUMBER"]
    both = engine.analyze(text, "en", entities=["UK_NHS", "PHONE_NUMBER"], context=["NHS"])
    assert sorted(each.entity_type for each in both) == ["PHONE_NUMBER", "UK_NHS"]
    assert engine.analyze(text, "en", entities=["TITLE", "NRP"]) == []


def test_presidios_names_stand_for_a_country_of_ours(engine):
    text = "the number is C01X00T47"
    assert engine.analyze(text, "en", entities=["DE_PASSPORT"]) == []
    found = engine.analyze(text, "en", entities=["DE_PASSPORT"], context=["Reisepass"])
    assert [(each.entity_type, text[each.start : each.end]) for each in found] == [("DE_PASSPORT", "C01X00T47")]
    assert engine.analyze(text, "en", entities=["UK_PASSPORT"], context=["passport"]) == []
    assert {"DE_PASSPORT", "PASSPORT", "UK_NHS"} <= set(engine.get_supported_entities())


def test_context_counts_for_everything_where_nothing_is_named(engine):
    text = "it is 943-476-5919"
    assert engine.analyze(text, "en", context=["nhs number"])[0].entity_type == "UK_NHS"
    assert engine.analyze(text, "en", context=["phone"])[0].entity_type == "PHONE_NUMBER"


def test_an_engine_keeps_only_so_many_analyzers(engine):
    for at in range(KEPT + 5):
        engine.analyze("x", "en", entities=["UK_NHS"], context=[f"word{at}"])
    assert len(engine._analyzers) == KEPT
