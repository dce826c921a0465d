"""Linkage: chances worked out by hand and by enumeration, and what each attacker needs to be held off."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import DataError, UsageError
from casemate.core.seeds import derive
from casemate.privacy.tables import Anonymizer, Hierarchy, KAnonymity
from casemate.privacy.tables.attacks import Linkage, Published, linkage
from casemate.privacy.tables.attacks.matching import mistaken, shares
from casemate.privacy.tables.cells import Cells

RANDOM = np.random.default_rng(3)
PEOPLE = pd.DataFrame(
    {
        "age": RANDOM.integers(18, 60, 240),
        "zip": RANDOM.choice(["80331", "80333", "80452", "10115", "10117"], 240),
        "sex": RANDOM.choice(["f", "m"], 240),
        "ill": RANDOM.choice(list("abcdef"), 240),
        "code": [f"c{at}" for at in range(240)],
    }
)
QUASI = ["age", "zip", "sex"]


def published(method="exact", k=4, limit=0.05, **how) -> Published:
    limit = limit if method == "exact" else 0.0
    release = Anonymizer([KAnonymity(k)], limit, method=method, **how).release(PEOPLE, QUASI, drop=["code"])
    return Published.after(release, PEOPLE)


@pytest.mark.parametrize("method", ["exact", "mondrian"])
def test_who_knows_all_quasi_identifiers_links_one_row_a_class_on_average(method):
    after = published(method)
    found = Linkage().run(after)
    assert found.trials == len(after.table)
    assert found.expected == pytest.approx(len(after.cells))  # each class of s rows is right once in s times, s times
    assert found.worst <= 1 / 4
    before = Linkage().run(after.before())
    groups = PEOPLE.iloc[np.sort(after.kept)].groupby(QUASI)
    assert before.expected == pytest.approx(len(groups))
    assert before.rate > 0.7 > 0.25 >= found.rate


@pytest.mark.parametrize("method", ["exact", "mondrian"])
def test_with_errors_the_likeliest_rows_are_those_of_bayes_rule(method):
    after = published(method)
    attack = Linkage(errors=0.3, seed=5)
    cells, places = after.cells, after.cells.places(PEOPLE)
    share = shares(cells, places)
    victims = after.victims(3000, 5)
    known = mistaken(places[:, victims], share, 0.3, [derive(5, "tables.errors", name) for name in QUASI])
    assert 0.15 < (known != places[:, victims]).mean() < 0.35
    row_of = {int(person): row for row, person in enumerate(after.kept)}
    wanted = []
    for victim, person in zip(known.T, victims, strict=True):
        chance = np.ones(len(after.table))
        for at in range(3):
            everywhere = np.arange(len(share[at]))
            holds = cells.contain(at, everywhere)[:, cells.owner].T  # (rows, values)
            within = holds * share[at] / (holds @ share[at])[:, None]  # whose value a row may have, given its cell
            chance *= 0.7 * within[:, victim[at]] + 0.3 * share[at][victim[at]]
        top = chance >= chance.max() * (1 - 1e-9)
        wanted.append(top[row_of[int(person)]] / top.sum())
    np.testing.assert_allclose(attack.run(after).successes, wanted)


@pytest.mark.parametrize("scenario", ["prosecutor", "journalist"])
def test_the_short_way_to_a_cell_is_as_good_as_looking_at_all(scenario, monkeypatch):
    after = published(limit=0.2)
    attacks = [Linkage(scenario), Linkage(scenario, knows=["age", "zip"]), Linkage(scenario, more=["ill"])]
    short = [attack.run(each).successes for attack in attacks for each in (after, after.before())]
    monkeypatch.setattr(linkage, "located", lambda cells, places: None)
    for attack_short, (attack, each) in zip(
        short, [(attack, each) for attack in attacks for each in (after, after.before())], strict=True
    ):
        np.testing.assert_allclose(attack.run(each).successes, attack_short)


def test_errors_and_ignorance_make_it_harder():
    before = published().before()
    exact = Linkage().run(before).rate
    assert Linkage(errors=0.2).run(before).rate < exact - 0.1
    assert Linkage(knows=["age"]).run(before).rate < Linkage(knows=["age", "zip"]).run(before).rate < exact


def test_the_journalist_is_lost_among_all_people_the_prosecutor_among_the_released():
    research = np.zeros(240, dtype=bool)
    research[:120] = True
    tree = Hierarchy.of([(str(age), f"{age // 10}", "*") for age in range(18, 60)])
    release = Anonymizer([KAnonymity(2)]).release(PEOPLE, {"age": tree, "sex": "flat"}, research=research)
    after = Published.after(release, PEOPLE)
    level = release.quasi_identifiers
    tens = PEOPLE["age"].astype(str).map({value: tree.labels[level["age"]][g] for value, g in
                                          zip(tree.values, tree.groups[level["age"]], strict=True)})  # fmt: skip
    key = tens + (PEOPLE["sex"] if level["sex"] == 0 else "")
    among = key.map(key.value_counts())[:120]
    assert Linkage("journalist").run(after).rate == pytest.approx((1 / among).mean())
    inside = key[:120].map(key[:120].value_counts())
    assert Linkage().run(after).rate == pytest.approx((1 / inside).mean())


def test_rows_in_their_old_order_are_all_linked_and_shuffled_ones_by_chance_only():
    told = Linkage("order").run(published(keep_order=True))
    assert told.rate == 1.0
    after = published()
    found = Linkage("order").run(after)
    classes = len(after.cells)  # fixed points of shuffles: one a class on average, with a variance of one
    assert abs(found.successes.sum() - classes) < 6 * np.sqrt(classes)


def test_who_knows_more_than_was_named_is_not_held_off():
    after = published()
    assert Linkage(more=["ill"]).run(after).rate > 2 * Linkage().run(after).rate
    with pytest.raises(UsageError, match="0 columns 'code'"):
        Linkage(more=["code"]).run(after)  # it was dropped
    with pytest.raises(UsageError, match="among the quasi-identifiers"):
        Linkage(more=["age"]).run(after)


def test_the_row_of_a_person_who_was_left_out_cannot_be_found():
    table = pd.DataFrame({"age": [20] * 5 + [77], "ill": list("abcdef")})
    after = Published.after(Anonymizer([KAnonymity(2)], limit=0.2).release(table, {"age": "flat"}), table)
    assert sorted(after.kept) == [0, 1, 2, 3, 4]
    assert Linkage().run(after).expected == pytest.approx(1.0)


def test_cells_of_a_table_that_somebody_else_generalized():
    tree = Hierarchy.of([("20", "20s", "*"), ("21", "20s", "*"), ("35", "30s", "*"), ("36", "30s", "*")])
    people = pd.DataFrame({"age": [20, 21, 35, 36, 36]})
    told = pd.DataFrame({"age": ["20s", "20s", "30s", "36", "*"]})
    cells = Cells.of(told, {"age": tree})
    after = Published(told, cells, people, np.arange(5))
    chances = Linkage().run(after).successes
    # a narrow label that fits is likelier than a wide one, and the last person's row is hidden behind a narrow one
    assert chances.tolist() == pytest.approx([0.5, 0.5, 1.0, 1.0, 0.0])
    with pytest.raises(DataError, match="no label of its hierarchy, the first in row 1") as caught:
        Cells.of(pd.DataFrame({"age": ["ninety"]}), {"age": tree})
    assert "ninety" not in str(caught.value)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"scenario": "marketer"}, "no scenario"),
        ({"errors": 1.0}, "wrong with chance"),
        ({"scenario": "order", "errors": 0.1}, "wrong with chance"),
        ({"victims": 0}, "nobody to attack"),
    ],
)
def test_attackers_that_cannot_be_are_refused(how, told):
    with pytest.raises(UsageError, match=told):
        Linkage(**how)


def test_a_release_of_other_people_is_refused():
    release = Anonymizer([KAnonymity(4)]).release(PEOPLE, QUASI, drop=["code"])
    with pytest.raises(UsageError, match="people who are not there"):
        Published.after(release, PEOPLE.iloc[:100])
    with pytest.raises(UsageError, match="no quasi-identifier"):
        Linkage(knows=["height"]).run(Published.after(release, PEOPLE))
