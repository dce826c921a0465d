"""Before and after: the rehearsal's halves, what cannot be tried, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.privacy.tables import Anonymizer, DistinctDiversity, KAnonymity
from casemate.privacy.tables.attacks import rehearse
from casemate.privacy.tables.attacks.compare import Report, link

RANDOM = np.random.default_rng(1)
PEOPLE = pd.DataFrame(
    {
        "age": RANDOM.integers(20, 60, 400),
        "sex": RANDOM.choice(["f", "m"], 400),
        "ill": RANDOM.choice(list("abc"), 400),
    }
)
MAKER = Anonymizer([KAnonymity(5), DistinctDiversity("ill", 2)], limit=0.1)


@pytest.fixture(scope="module")
def tried():
    trees = MAKER.hierarchies(PEOPLE, ["age", "sex"])
    return rehearse(MAKER, PEOPLE, trees, ["ill"], victims=200)


def test_the_rehearsal_is_of_half_of_the_people_with_the_other_half_as_control(tried):
    found, left_out = tried
    assert not left_out
    assert {each.after.attack for each in found} == {"singling out", "attribute disclosure"}
    assert all(each.rehearsed for each in found)
    guess = next(each for each in found if each.after.attack == "attribute disclosure")
    assert guess.after.trials <= 200
    assert guess.after.control.trials == 100  # half of the other half
    assert guess.leak(guess.after).n == guess.after.trials + 100


def test_values_that_anybody_could_have_do_not_leak_much(tried):
    guess = next(each for each in tried[0] if each.after.attack == "attribute disclosure")
    assert guess.leak(guess.before).low > 0.05
    assert guess.leak(guess.after).low < 0.1
    assert guess.change.value < 0


def test_half_a_table_that_cannot_be_released_is_said():
    few = PEOPLE.iloc[:12]
    maker = Anonymizer([KAnonymity(7)])
    found, left_out = rehearse(maker, few, maker.hierarchies(few, ["age"]), ["ill"])
    assert not found
    assert "half of the table is not released (k = 7 is more than the 6 rows there are)" in left_out[0]


def test_rows_are_for_people_and_say_who_attacked(tried):
    release = MAKER.release(PEOPLE, ["age", "sex"])
    report = Report((*link(release, PEOPLE, more=["ill"], victims=100), *tried[0]), release, ("<this>",))
    assert len(report.rows()) == len(report.comparisons)
    said = repr(report)
    assert "journalist, knows all quasi-identifiers" in said
    assert "knows all quasi-identifiers and ill" in said
    assert "leaks" in said
    assert "not tried: <this>" in said
    assert "&lt;this&gt;" in report._repr_html_()
    assert report.tolerance == pytest.approx(0.22)
