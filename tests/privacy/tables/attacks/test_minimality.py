"""Minimality: what Wong et al. show, and what enumeration of all assignments gives."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import UsageError
from casemate.privacy.tables import Anonymizer, DistinctDiversity, Hierarchy, KAnonymity
from casemate.privacy.tables.attacks import Minimality, Published

TREE = {"job": Hierarchy.of([(job, "all") for job in "xyz"])}
TWO = Anonymizer([DistinctDiversity("ill", 2)])


def published(table: pd.DataFrame, anonymizer: Anonymizer) -> Published:
    return Published.after(anonymizer.release(table, TREE), table)


def test_why_a_table_was_generalized_gives_away_two_people_in_spite_of_diversity():
    """Only if both with job x have the same value would they not have been released as they are."""
    table = pd.DataFrame({"job": list("xxyyyy"), "ill": ["HIV", "HIV", "a", "b", "c", "d"]})
    after = published(table, TWO)
    assert len(after.cells) == 1
    found = Minimality("ill").run(after, TWO)
    assert found.successes[:2].tolist() == [1.0, 1.0]
    assert found.without[:2].tolist() == [1.0, 1.0]  # the commonest value is guessed of everybody
    assert found.without[2:].tolist() == [0.0] * 4  # and wrong of the others, of whom it is ruled out now
    assert found.rate == pytest.approx(3 / 6, abs=0.2)
    assert "of draws fit" in found.setting


def test_posteriors_are_those_of_enumeration():
    table = pd.DataFrame({"job": list("xxyyyzz"), "ill": list("aabcbac")})
    models = [DistinctDiversity("ill", 2)]
    anonymizer = Anonymizer(models)
    after = published(table, anonymizer)
    assert len(after.cells) == 1
    fits = [
        each
        for each in set(permutations(table["ill"]))
        if min(len({v for v, j in zip(each, table["job"], strict=True) if j == job}) for job in "xyz") < 2
    ]
    share = {value: np.array([[v == value for v in each] for each in fits]).mean(axis=0) for value in "abc"}
    wanted = []
    for at, true in enumerate(table["ill"]):
        top = max(share[value][at] for value in "abc")
        best = [value for value in "abc" if share[value][at] > top - 0.02]  # too close to tell by draws
        wanted.append((true in best, len(best)))
    found = Minimality("ill", draws=3000).run(after, anonymizer)
    for chance, (possible, ties) in zip(found.successes, wanted, strict=True):
        if ties == 1:
            assert chance == possible
        else:
            assert possible or chance == 0


def test_where_hardly_a_draw_fits_a_chain_finds_what_must_be():
    """Ten people with job x have one value, or they would have been released as they are; only one is so common."""
    table = pd.DataFrame({"job": list("xxyyyy") * 5, "ill": ["HIV", "HIV", "a", "b", "c", "d"] * 5})
    found = Minimality("ill", draws=400).run(published(table, TWO), TWO)
    x = table["job"] == "x"
    assert "a chain from the truth" in found.setting
    assert found.successes[x].tolist() == [1.0] * 10
    assert 0.1 < found.successes[~x].mean() < 0.5  # one of four values, which the chain mixes


def test_k_anonymity_is_chosen_by_what_the_attacker_knows_already():
    table = pd.DataFrame({"job": list("xyyyyy"), "ill": list("abcdef")})
    anonymizer = Anonymizer([KAnonymity(2)])
    found = Minimality("ill", draws=50).run(published(table, anonymizer), anonymizer)
    assert "100% of draws fit" in found.setting


def test_what_the_attack_is_not_about_is_refused():
    table = pd.DataFrame({"job": list("xxyyyy"), "ill": ["HIV", "HIV", "a", "b", "c", "d"]})
    after = published(table, TWO)
    with pytest.raises(UsageError, match="left out nothing"):
        Minimality("ill").run(after, Anonymizer([KAnonymity(2)], method="mondrian"))
    with pytest.raises(UsageError, match="not released as it is"):
        Minimality("job").run(after, TWO)
