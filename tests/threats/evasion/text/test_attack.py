"""Attacks on text classifiers: stronger than chance at equal queries, exact budgets, one answer whatever the order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from casemate.core.errors import AccessError, TargetError, UsageError
from casemate.core.threat import Access
from casemate.targets.target import Target
from casemate.threats.evasion.text.asking import answers, write
from casemate.threats.evasion.text.attack import TextAttack, TextExamples
from casemate.threats.evasion.text.changes import Change, Typos, Writer, neighbors, proposals
from casemate.threats.evasion.text.classifier import as_rows, text_classifier
from casemate.threats.evasion.text.disguises import Hidden, Homoglyphs
from casemate.threats.evasion.text.limits import Limits
from casemate.threats.evasion.text.posterior import Posterior
from casemate.threats.evasion.text.prior import TextPrior
from casemate.threats.evasion.text.words import STOP_WORDS, Layout, distance
from tests.threats.evasion.text.scene import scene, sentences

SMALL = Limits(words=0.25, edits=6)


def at_random(target: Target, texts: list[str], labels: list[int], writer: Writer, limits: Limits, budget: int) -> int:
    """How many texts random changes inside the limits turn, at so many queries each."""
    turned = 0
    for number, (text, label) in enumerate(zip(texts, labels, strict=True)):
        draw, layout = np.random.default_rng(number), Layout.of(text)
        lists, room = proposals(layout, (writer,), draw), limits.room(layout)
        tries = []
        for _ in range(budget - 1):
            chosen: list[Change] = []
            for at in draw.permutation(len(lists)):
                change = lists[at][int(draw.integers(len(lists[at])))]
                if len(chosen) < room.words and sum(c.edits for c in chosen) + change.edits <= room.edits:
                    chosen.append(change)
            tries.append(write(layout, chosen))
        turned += any(answer.turned for answer in answers(target, tries, [label] * len(tries), True))
    return turned


@pytest.mark.parametrize("kind", ["word", "char"])
@pytest.mark.parametrize(
    ("writer", "limits"),
    [(Typos(), SMALL), (Typos(inner=True), SMALL), (Homoglyphs(), SMALL), (Hidden(), Limits(words=0.25, edits=40))],
)
def test_scores_beat_random_changes_at_equal_queries(kind: str, writer: Writer, limits: Limits) -> None:
    target, texts, labels = scene(kind)
    found = TextAttack((writer,), limits, budget=12, trim=0)(target, texts, labels, seed=0)
    assert found.turned().sum() > at_random(target, texts, labels, writer, limits, 12)


@pytest.mark.parametrize("options", [{}, {"scores": False}])
def test_examples_are_inside_the_limits_and_turn_the_answer(options: dict[str, Any]) -> None:
    target, texts, labels = scene()
    limits = Limits(words=0.3, edits=5, similarity=0.9, protected=STOP_WORDS | {"plot"})
    found = TextAttack((Typos(),), limits, budget=60, **options)(target, texts, labels, seed=0)
    turned = found.turned()
    assert 0.1 < turned.mean() <= 1
    assert (target.labels(as_rows(found.texts)) != labels)[turned].all()
    for at, text in enumerate(texts):
        layout = Layout.of(text)
        assert found.texts[at] == write(layout, found.changes[at])
        room = limits.room(layout)
        assert len(found.changes[at]) <= room.words
        assert distance(text, found.texts[at]) <= sum(change.edits for change in found.changes[at]) <= room.edits
        assert distance(text, found.texts[at]) <= 0.1 * len(text)
        assert not {"plot", "the"} & {layout.word(change.word).lower() for change in found.changes[at]}
        assert bool(found.changes[at]) == bool(turned[at])


def test_the_prior_finds_examples_sooner() -> None:
    target, texts, labels = scene()
    prior = TextPrior.fit(*sentences(300, 7), 2)
    without, known = (
        TextAttack(limits=SMALL, budget=30, prior=each, trim=0)(target, texts, labels, seed=0) for each in (None, prior)
    )
    assert known.turned(4).sum() > without.turned(4).sum()


def test_labels_alone_find_examples_that_random_subsets_do_not() -> None:
    target, texts, labels = scene(count=30)
    view = target.restrict(Access.LABELS)
    tight = Limits(words=0.15, edits=3)
    found = TextAttack(limits=tight, budget=60, scores=False)(view, texts, labels, seed=0)
    assert found.turned().sum() > at_random(target, texts, labels, Typos(), tight, 60) * 0.8
    assert found.turned().sum() >= 5
    with pytest.raises(AccessError):
        TextAttack()(view, texts, labels, seed=0)


@pytest.mark.parametrize("options", [{}, {"scores": False}, {"limits": Limits(words=0.1, edits=1)}])
def test_the_budget_is_exact(options: dict[str, Any]) -> None:
    target, texts, labels = scene(count=8)
    attack = TextAttack(budget=9, **options)
    found = attack(target, texts, labels, seed=0)
    assert found.queries.max() <= 9
    claimed = int(found.turned().sum() + found.unconfirmed.sum())
    assert target.meter.used == int(found.queries.sum()) + claimed  # each claim is asked once more
    never = text_classifier(["a", "b"], scores=lambda texts: np.tile([0.9, 0.1], (len(texts), 1)))
    stubborn = attack(never, texts, [0] * len(texts), seed=0)
    assert stubborn.queries.tolist() == [9] * len(texts)
    assert never.meter.used == 9 * len(texts)
    assert not stubborn.turned().any()


def test_more_queries_find_all_that_fewer_found() -> None:
    target, texts, labels = scene()
    few, many = (TextAttack(limits=SMALL, budget=b, trim=0)(target, texts, labels, seed=0) for b in (8, 40))
    assert (many.turned(8) == few.turned()).all()
    assert many.turned().sum() >= few.turned().sum()


@pytest.mark.parametrize("options", [{}, {"scores": False}])
def test_neither_order_nor_company_changes_an_answer(options: dict[str, Any]) -> None:
    target, texts, labels = scene(count=12)
    attack = TextAttack(limits=SMALL, budget=25, **options)

    def run(order: list[int]) -> dict[int, tuple[str, int, int]]:
        found: TextExamples = attack(
            target, [texts[at] for at in order], [labels[at] for at in order], seed=3, numbers=order
        )
        return {at: (found.texts[i], int(found.first[i]), int(found.queries[i])) for i, at in enumerate(order)}

    forward = run(list(range(12)))
    assert run(list(range(11, -1, -1))) == forward
    assert run([5]) == {5: forward[5]}


def test_what_was_wrong_before_is_no_success() -> None:
    target, texts, labels = scene(count=6)
    wrong = [1 - label for label in labels]
    found = TextAttack()(target, texts, wrong, seed=0)
    assert not found.correct.any()
    assert not found.turned().any()
    assert found.texts == tuple(texts)
    assert found.queries.tolist() == [1] * 6


@pytest.mark.parametrize("text", ["", "   ", "the of and it is", "!!! ... ???", "\u200b\u202e"])
def test_a_text_without_anything_to_change_is_left_alone(text: str) -> None:
    never = text_classifier(["a", "b"], scores=lambda texts: np.tile([0.9, 0.1], (len(texts), 1)))
    for scores in (True, False):
        found = TextAttack(scores=scores)(never, [text], [0], seed=0)
        assert found.correct.tolist() == [True]
        assert found.texts == (text,)
        assert found.queries.tolist() == [1]
    assert TextAttack(limits=Limits(words=0.0))(never, ["plain words"], [0], seed=0).queries.tolist() == [1]


def test_no_texts_at_all() -> None:
    target, _, _ = scene(count=2)
    assert TextAttack()(target, [], [], seed=0).turned().shape == (0,)


def _nan(texts: list[str]) -> Any:
    return np.full((len(texts), 2), np.nan)


def _shape(texts: list[str]) -> Any:
    return np.ones((len(texts), 3))


def _raises(texts: list[str]) -> Any:
    raise RuntimeError("out of memory")


@pytest.mark.parametrize("function", [_nan, _shape, _raises])
def test_a_classifier_that_misbehaves_is_named(function: Callable[[list[str]], Any]) -> None:
    with pytest.raises(TargetError, match="text model"):
        TextAttack()(text_classifier(["a", "b"], scores=function), ["some words"], [0], seed=0)


def test_impossible_requests_are_refused() -> None:
    target, texts, labels = scene(count=2)
    with pytest.raises(TargetError, match="knows 1 class"):
        text_classifier(["only"], labels=lambda texts: [0] * len(texts))
    with pytest.raises(TargetError, match="needs a function"):
        text_classifier(["a", "b"])
    with pytest.raises(UsageError, match="labels"):
        TextAttack()(target, texts, labels[:1], seed=0)
    with pytest.raises(UsageError, match="no class"):
        TextAttack()(target, texts, [0, 2], seed=0)
    with pytest.raises(UsageError, match="cannot start"):
        TextAttack(budget=1)
    with pytest.raises(UsageError, match="limits"):
        Limits(words=1.5)


def test_an_answer_that_does_not_last_is_no_example() -> None:
    seen: dict[str, int] = {}

    def moody(texts: list[str]) -> Any:
        rows = []
        for text in texts:
            seen[text] = seen.get(text, 0) + 1
            rows.append([0.2, 0.8] if text != "plain words" and seen[text] == 1 else [0.8, 0.2])
        return np.array(rows)

    found = TextAttack(trim=0)(text_classifier(["a", "b"], scores=moody), ["plain words"], [0], seed=0)
    assert found.unconfirmed.tolist() == [True]
    assert not found.turned().any()
    assert found.texts == ("plain words",)


def test_taking_back_leaves_fewer_changes() -> None:
    target, texts, labels = scene()
    loose, trimmed = (TextAttack(budget=60, trim=trim)(target, texts, labels, seed=0) for trim in (0, 30))
    both = loose.turned() & trimmed.turned()
    changed = [sum(len(found.changes[at]) for at in np.flatnonzero(both)) for found in (loose, trimmed)]
    assert changed[1] < changed[0]


def test_named_labels_become_codes() -> None:
    target = text_classifier(["calm", "loud"], labels=lambda texts: ["loud" if t.isupper() else "calm" for t in texts])
    assert target.labels(as_rows(["a", "B"])).tolist() == [0, 1]
    assert target.labels(as_rows([])).tolist() == []


@pytest.mark.parametrize("word", ["plot", "a", "I", "it's", "naïve", "x1"])
def test_typos_are_one_slip(word: str) -> None:
    for seed in range(20):
        for written in Typos()(word, "", np.random.default_rng(seed)):
            assert written != word
            assert distance(word, written) <= 2
            assert abs(len(written) - len(word)) <= 1
            assert "." not in written
    assert neighbors("é") == ""
    inner = Typos(inner=True)("terrible", "", np.random.default_rng(0))
    assert all(written[0] == "t" and written[-1] == "e" for written in inner)


def test_the_posterior_is_that_of_the_dense_formula() -> None:
    draw = np.random.default_rng(0)
    word = np.repeat(np.arange(5), 3)
    belief = Posterior(word, np.full(15, -0.3), 0.7)
    rows, moved = [], []
    for _ in range(20):
        chosen = np.array(
            sorted(3 * at + int(draw.integers(3)) for at in draw.permutation(5)[: 1 + int(draw.integers(4))])
        )
        rows.append(np.isin(np.arange(15), chosen).astype(float))
        moved.append(float(draw.standard_normal()))
        belief.learn(chosen, moved[-1])
    made, prior = np.array(rows), np.full((15, 15), 0.2) + 0.75 * (word[:, None] == word) + 0.25 * np.eye(15)
    gram = made @ prior @ made.T + 0.25 * np.eye(20)
    mean = -0.3 + prior @ made.T @ np.linalg.solve(gram, np.array(moved) + 0.3 * made.sum(axis=1))
    np.testing.assert_allclose(belief.draw(draw, 0.0), mean, atol=1e-6)
    samples = np.array([belief.draw(draw, 1.0) for _ in range(4000)])
    residual = np.array(moved) + 0.3 * made.sum(axis=1)
    scale = (4 * 0.49 + residual @ np.linalg.solve(gram, residual)) / 24
    spread = scale * (prior - prior @ made.T @ np.linalg.solve(gram, made @ prior))
    np.testing.assert_allclose(np.cov(samples.T), spread, atol=0.06 * scale)
