"""Attribute disclosure: certain where a class has one value, nothing where values are anybody's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import UsageError
from casemate.privacy.tables import Anonymizer, DistinctDiversity, Hierarchy, KAnonymity
from casemate.privacy.tables.attacks import AttributeDisclosure, Published

TREE = {"block": Hierarchy.of([(str(at), str(at // 10), "*") for at in range(200)])}


def people(count: int, seed: int, same: bool) -> pd.DataFrame:
    """Blocks of five; in each one value, or each person's own."""
    random = np.random.default_rng(seed)
    block = np.arange(count) // 5 % 200
    values = random.choice(list("abcd"), 200)[block] if same else random.choice(list("abcd"), count)
    return pd.DataFrame({"block": block.astype(str), "ill": values})


def run(mine: pd.DataFrame, other: pd.DataFrame, models, limit=0.0, **how):
    release = Anonymizer(models, limit).release(mine, TREE)
    other = other.sample(frac=1, random_state=0)
    return AttributeDisclosure("ill", **how).run(Published.after(release, mine), other.iloc[:300], other.iloc[300:])


def test_a_class_with_one_value_leaves_no_doubt():
    found = run(people(1000, 0, same=True), people(1000, 1, same=True), [KAnonymity(5)])
    assert found.rate == 1.0
    assert found.gain.low > 0.5
    assert found.excess.low > 0.5  # strangers' blocks have other values


def test_with_diversity_it_is_no_longer_certain():
    mine, other = people(1000, 0, same=True), people(1000, 1, same=True)
    found = run(mine, other, [KAnonymity(5), DistinctDiversity("ill", 3)])
    assert found.rate < 0.8


def test_what_anybody_could_guess_is_no_gain():
    # values follow from blocks by a rule that the people outside obey too
    mine, other = people(1000, 4, same=True), people(1000, 4, same=True)
    found = run(mine, other, [KAnonymity(5)])
    assert found.rate == 1.0
    assert found.gain.low > 0.05  # the model alone has not seen everybody
    assert found.excess.value < 0.02  # but the release is of as much use on strangers


def test_large_classes_of_random_values_give_little():
    found = run(people(1000, 2, same=False), people(1000, 3, same=False), [KAnonymity(200)])
    assert found.excess.low < 0.05
    assert found.rate < 0.4


def test_the_guess_is_that_of_bayes_rule():
    """In a class of a, a, a, b the victim whom the model thinks a b by 9 to 1 is more likely the b."""
    block = ["0"] * 4 + ["1"] * 4
    mine = pd.DataFrame({"block": block, "side": list("xxxyxxxy"), "ill": list("aaabaaab")})
    outside = pd.DataFrame({"block": ["0", "1"] * 100, "side": list("xxyy") * 50, "ill": list("aabb") * 50})
    release = Anonymizer([KAnonymity(4)]).release(mine, TREE)
    knows = Anonymizer([KAnonymity(4)]).release(mine, {**TREE, "side": "flat"})
    found = AttributeDisclosure("ill").run(Published.after(knows, mine), outside.iloc[:50], outside.iloc[50:])
    assert found.rate == 1.0
    assert AttributeDisclosure("ill").run(Published.after(release, mine), outside[:50], outside[50:]).rate == 0.75


def test_people_left_out_are_given_away_by_what_is_missing():
    mine = people(900, 5, same=False)
    rare = pd.DataFrame({"block": [str(at) for at in range(180, 200) for _ in range(2)], "ill": ["e"] * 40})
    table = pd.concat([mine[mine["block"].astype(int) < 180], rare], ignore_index=True)
    other = people(1000, 6, same=False)
    other.loc[:50, "ill"] = "e"
    found = run(table, other, [KAnonymity(5)], limit=0.05, left_out=True)
    assert found.trials == 40
    assert found.rate == 1.0
    assert found.without is not None
    assert found.without.mean() < 0.2
    with pytest.raises(UsageError, match="no row was left out"):
        run(mine, other, [KAnonymity(5)], left_out=True)


def test_numbers_are_guessed_to_the_right_tenth():
    mine, other = people(1000, 0, same=True), people(1000, 1, same=True)
    for each in (mine, other):
        each["ill"] = each["block"].astype(float) * 1.5 + np.arange(len(each)) % 5 / 100
    found = run(mine, other, [KAnonymity(5)])
    assert found.rate > 0.95
    assert found.without is not None
    assert found.without.mean() > 0.8  # so could anybody


def test_what_cannot_be_guessed_is_refused():
    mine = people(100, 0, same=True)
    after = Published.after(Anonymizer([KAnonymity(5)]).release(mine, TREE), mine)
    with pytest.raises(UsageError, match="is not released"):
        AttributeDisclosure("height").run(after, mine, mine)
    with pytest.raises(UsageError, match="from 5 people nothing is learned"):
        AttributeDisclosure("ill").run(after, mine, mine.iloc[:5])
    with pytest.raises(UsageError, match="already"):
        AttributeDisclosure("ill", more=("ill",))
