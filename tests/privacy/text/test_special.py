"""Special categories: each category of each language finds its own true examples and none of its false ones."""

from __future__ import annotations

import pytest

from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.phrases import Phrases
from casemate.privacy.text.special import PREFIX, Special, lexicons, special_types
from casemate.privacy.text.types import types

LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt")
CASES = [(each.language, name) for each in lexicons() for name in each.category]


@pytest.mark.parametrize(("language", "name"), CASES)
def test_true_examples_are_found_and_false_ones_are_not(language, name):
    category = next(each for each in lexicons() if each.language == language).category[name]
    detector, type = Special([PREFIX + name.upper()], [language]), PREFIX + name.upper()
    assert types()[type].relation == "special"
    for text in category.true:
        assert any(each.type == type and each.score >= 0.5 for each in detector.find(text)), text
    for text in category.false:
        assert not [each for each in detector.find(text) if each.score >= 0.5], text


def test_all_languages_have_all_categories():
    assert tuple(each.language for each in lexicons()) == LANGUAGES
    for each in lexicons():
        assert {PREFIX + name.upper() for name in each.category} == special_types()


def test_they_are_looked_for_only_on_request():
    text = "I am a Catholic, and the patient has diabetes. Mail jane@example.com"
    assert [each.type for each in Analyzer("fast").find(text)] == ["EMAIL_ADDRESS"]
    asked = Analyzer("fast", types=["EMAIL_ADDRESS", "SPECIAL_CATEGORY_RELIGION"]).find(text)
    assert [each.type for each in asked] == ["SPECIAL_CATEGORY_RELIGION", "EMAIL_ADDRESS"]
    assert asked[0].why == ("near 'i am a ~'",)
    german = Analyzer("fast", types=["SPECIAL_CATEGORY_HEALTH"], languages=["de"])
    assert german.find("She was diagnosed with melanoma.") == []
    loud = Analyzer("fast", types=["SPECIAL_CATEGORY_HEALTH"], threshold=0.3)
    assert [each.score for each in loud.find("Melanoma, stage II")] == [0.3]


def test_phrases_are_whole_words_in_any_spelling():
    phrases = Phrases([("heart attack", 1), ("juif", 2), ("épilep*", 3), ("田中", 4), ("straße", 5)])
    assert [each[2] for each in phrases.find("HEART-ATTACK, heart\nattack; epileptic, e\u0301pilepsie; STRASSE")] == [
        1, 1, 3, 3, 5,
    ]  # fmt: skip
    assert list(phrases.find("sweetheart attack, heart of attack, juifs, epilepticabcdefgh, heart    attack")) == []
    assert list(phrases.find("これは田中です")) == [(3, 5, 4)]
