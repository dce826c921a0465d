"""The query grammar: what it means, what it refuses, and that it always stops."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.assurance.grammar import LONGEST, Atom, Conditions, GrammarError, PolicyRef, Query, parse
from casemate.assurance.kinds import covers


def test_a_rate_at_a_point() -> None:
    (atom,) = parse("attack/membership/* | tpr@fpr0.1%.hi95 <= policy | pair n>=3000").atoms
    assert atom == Atom(metric="tpr", at=(("fpr", 0.001),), field="hi95", op="<=", limit=PolicyRef())


def test_every_part() -> None:
    query = parse(
        "attack/a/* , attack/b | x_y@queries1000.delta.lo95 > -0.5 and z == policy:name and w@flip < 5e-3 "
        "| every pair live n>=policy:min_n age<=30d"
    )
    assert query.kinds == ("attack/a/*", "attack/b")
    assert [a.limit for a in query.atoms] == [-0.5, PolicyRef("name"), 0.005]
    assert [a.at for a in query.atoms] == [(("queries", 1000.0),), (), (("flip", None),)]
    assert query.conditions == Conditions(every=True, pair=True, live=True, least_n=PolicyRef("min_n"), age_days=30)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b",
        "a/b | x <= 1",
        "a/b | x <= 1 | every | pair",
        "A/b | x <= 1 |",
        "a/*/b | x <= 1 |",
        "* | x <= 1 |",
        "a/b | |",
        "a/b | x |",
        "a/b | x.p95 <= 1 |",
        "a/b | x != 1 |",
        "a/b | x <= policy:Name |",
        "a/b | x <= 1 and |",
        "a/b | x <= 1,5 |",
        "a/b | x <= nan |",
        "a/b | x <= 1e999 |",
        "a/b | x <= 1 | sometimes",
        "a/b | x <= 1 | every every",
        "a/b | x <= 1 | n>=1 n>=2",
        "a/b | x <= 1 | age<=30",
        "a/b | each declared measure has >=1 passing re-test | pair every",
        "a/b | x\u0661 <= 1 |",
        "a/b | x <= \u0661 |",
        "a" * (LONGEST + 1),
    ],
)
def test_what_is_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(GrammarError):
        parse(text)


kinds = st.from_regex(r"[a-z][a-z0-9-]{0,5}(/[a-z0-9]{1,5}){0,3}(/\*)?", fullmatch=True)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
axes = st.from_regex(r"[a-z][a-z_]{0,5}", fullmatch=True)
numbers = st.decimals(-1000, 1000, places=4).map(float)
limits = st.one_of(numbers, st.builds(PolicyRef, st.one_of(st.just(""), names)))
points = st.one_of(
    st.just(()), st.tuples(st.tuples(axes, st.one_of(st.none(), st.decimals(0, 1000, places=3).map(float))))
)
atoms = st.builds(
    Atom,
    metric=names,
    at=points,
    field=st.sampled_from(["", "est", "lo95", "hi95", "delta.lo95", "delta.hi95"]),
    op=st.sampled_from(["<=", ">=", "==", "<", ">"]),
    limit=limits,
)
conditions = st.builds(
    Conditions,
    every=st.booleans(),
    pair=st.booleans(),
    live=st.booleans(),
    least_n=st.one_of(st.none(), st.integers(0, 10**8), st.builds(PolicyRef, names)),
    age_days=st.one_of(st.none(), st.integers(0, 9999)),
)
queries = st.builds(
    Query,
    kinds=st.lists(kinds, min_size=1, max_size=4).map(tuple),
    atoms=st.lists(atoms, min_size=1, max_size=4).map(tuple),
    conditions=conditions,
)


@given(queries)
def test_printing_and_parsing_are_inverse(query: Query) -> None:
    assert parse(str(query)) == query


@given(st.one_of(st.text(max_size=300), st.text("ab/*|@.,<>=%0123456789 policyandnevrhi-", max_size=600)))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        query = parse(text)
    except GrammarError:
        return
    assert parse(str(query)) == query


@given(queries, st.data())
def test_a_damaged_query_is_parsed_or_refused(query: Query, data: st.DataObject) -> None:
    text = str(query)
    place = data.draw(st.integers(0, len(text)))
    damaged = text[:place] + data.draw(st.text(max_size=3)) + text[place + data.draw(st.integers(0, 2)) :]
    try:
        assert parse(str(parse(damaged))) == parse(damaged)
    except GrammarError:
        return


@pytest.mark.parametrize(
    "piece", ["a/", "a,", "x<=1 and ", "0", "every ", "@", "policy:", " ", "\t", "and ", "1e", "-"]
)
def test_no_repetition_costs_more_than_its_length(piece: str) -> None:
    """The longest hostile texts stay within a few milliseconds; a quadratic matcher would need seconds."""
    shapes = ("{} | x <= 1 | every", "a/b | {} | every", "a/b | x <= 1 | {}", "a/b | x@{} <= 1 |", "a/b | x <= {} |")
    before = time.process_time()
    for shape in shapes:
        text = shape.format(piece * ((LONGEST - 40) // len(piece)))
        try:
            parse(text)
        except GrammarError:
            continue
    assert time.process_time() - before < 0.5


def test_patterns_select_whole_segments() -> None:
    assert covers("attack/*", "attack/evasion/decision")
    assert covers("attack/evasion/*", "attack/evasion")
    assert not covers("attack/evasion", "attack/evasion/decision")
    assert not covers("attack/poison/*", "attack/poisoning/x")
