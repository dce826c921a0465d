"""The templates and scores of the benchmark of quality: what it measures is what is labelled."""

import random

import numpy as np
import pytest
from benchmarks._text_scores import KEPT, LETTERS, NUMBERED, WORDS, Tally, abroad, bootstrap, calibration, judged
from benchmarks._text_templates import LANGUAGES, SLOT, Filled, documents, filled, odd, templates
from benchmarks._text_values import CHECKED, TYPES, Values, lists
from stdnum import iban, luhn

LEAST = 60
KNOWN = {"de": "de_tax_id", "fr": "fr_nir", "es": "es_nif", "it": "it_fiscal_code", "pt": "pt_nif", "nl": "nl_bsn"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_enough_templates_of_known_slots(language: str) -> None:
    made = [each for half in ("even", "odd") for each in templates(language, half)]
    assert len(made) >= LEAST
    assert len(set(made)) == len(made)
    for each in made:
        for slot in SLOT.finditer(each):
            assert slot[4] or slot[1] in TYPES or slot[1] in CHECKED, slot[0]
    assert all(odd(each) for each in templates(language, "odd"))
    names = lists(language)
    assert len(set(names["first"])) >= 150
    assert len(set(names["last"])) >= 250
    assert len(set(names["city"])) >= 80
    assert len(set(names["way"])) >= 80


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_are_where_the_values_are_and_depend_on_the_seed_alone(language: str) -> None:
    made = documents(language, "even", 1, 5)
    assert made == documents(language, "even", 1, 5)
    assert made != documents(language, "even", 1, 6)
    for part in made:
        for start, end, kind in part.spans:
            value = part.text[start:end]
            assert value == value.strip() != ""
            assert kind != "IBAN_CODE" or iban.is_valid(value)
            assert kind != "CREDIT_CARD" or luhn.is_valid(value.replace(" ", "").replace("-", ""))


def test_one_person_of_a_text_is_the_same_in_all_slots() -> None:
    part = filled("{first} {last}, {lastfirst}, {initial}; {first2}", "de", random.Random(1))
    first, last = part.text.split(", ")[0].split(" ", 1)
    assert f"{last}, {first}, {first[0]}. {last}; " in part.text
    values = Values("nl", random.Random(2))
    assert values("person", "1") == values("person", "1") != values("person", "2")


@pytest.mark.parametrize("kind", CHECKED)
def test_identifiers_are_drawn_anew(kind: str) -> None:
    rng = random.Random(3)
    made = {CHECKED[kind](rng) for _ in range(20)}
    assert len(made) > 15


def test_scores_of_all_nothing_and_everything() -> None:
    parts = documents("fr", "even", 1, 5)
    perfect = Tally(parts, [each.spans for each in parts], abroad)
    assert (perfect.share(LETTERS), perfect.share(KEPT), perfect.share(WORDS)) == (1, 1, 1)
    assert perfect.f1() == perfect.f1(NUMBERED) == 1
    nothing = Tally(parts, [[] for _ in parts], abroad)
    assert (nothing.share(LETTERS), nothing.share(KEPT), nothing.f1()) == (0, 1, 0)
    everything = Tally(parts, [[(0, len(each.text), "PERSON")] for each in parts], abroad)
    assert (everything.share(LETTERS), everything.share(KEPT)) == (1, 0)


def test_what_may_or_may_not_be_found_counts_for_nobody() -> None:
    part = filled("Der {-=Betriebsrat} tagt um {time} in {city}", "de", random.Random(4))
    with_it = Tally([part], [part.spans], abroad)
    without = Tally([part], [[each for each in part.spans if each[2] == "LOCATION"]], abroad)
    as_organization = Tally([part], [[(4, 15, "ORGANIZATION"), part.spans[-1]]], abroad)
    assert {each.f1() for each in (with_it, without, as_organization)} == {1.0}
    assert {each.share(KEPT) for each in (with_it, without, as_organization)} == {1.0}


def test_a_bootstrap_draws_templates_not_texts() -> None:
    rows = np.array([[1, 1]] * 50 + [[0, 1]] * 50)
    share = lambda total: float(total[0] / total[1])  # noqa: E731
    low, high = bootstrap(rows, np.arange(100), share)
    assert 0.35 < low < 0.45 < 0.55 < high < 0.65
    assert bootstrap(rows, np.arange(100) // 50, share) == (0.0, 1.0)


def test_calibration_error_is_the_gap_between_score_and_truth() -> None:
    assert calibration([(0.75, True)] * 3 + [(0.75, False)]) == pytest.approx(0)
    assert calibration([(0.95, False)] * 10) == pytest.approx(0.95)
    part = Filled("Frau Meier ruft an", [(5, 10, "PERSON")], "")
    found = [(0.9, (5, 10, "PERSON")), (0.4, (0, 4, "PERSON")), (0.8, (5, 10, "ORGANIZATION"))]
    assert judged(part, found, {}) == [(0.9, True), (0.4, False), (0.8, False)]
