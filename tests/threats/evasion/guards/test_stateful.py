"""The memory: what it flags, what it forgets, and who gets past it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from casemate.core.errors import DataError, UsageError
from casemate.targets import TorchClassifier
from casemate.threats.evasion import Linf
from casemate.threats.evasion.guards import Blinding, QueryMemory, StreamJudged, judge_memory
from tests.threats.evasion.guards.scene import benign, network
from tests.threats.evasion.networks import digits

EPS, COUNT = 0.2, 20


def memory(**given: int) -> QueryMemory:
    """Windows for 8 x 8 images."""
    return QueryMemory(**{"window": 8, "quantum": 0.1, "kept": 20, "matches": 10, **given})  # type: ignore[arg-type]


def test_repetitions_and_small_changes_are_flagged_and_others_are_not() -> None:
    x = digits().x[:1]
    made = memory()
    assert made.look(x).tolist() == [False]
    assert made.look(x).tolist() == [True]
    near = x.clone()
    near[0, 0, 3, 3] = 1 - near[0, 0, 3, 3]
    assert made.look(near).tolist() == [True]
    assert made.look(digits().x[1:2]).tolist() == [False]


def test_images_of_benign_users_are_seldom_flagged() -> None:
    assert float(memory().look(benign()[0][:500]).mean()) <= 0.02


def test_the_share_of_hashes_decides() -> None:
    x = np.random.default_rng(0).random((1, 64), dtype=np.float32)
    changed = x.copy()
    changed[0, :40] = np.random.default_rng(1).random(40)
    for matches, flagged in ((0, True), (19, False)):
        made = memory(matches=matches)
        made.look(x)
        assert made.look(changed).tolist() == [flagged]


def test_the_oldest_are_forgotten() -> None:
    made = memory(capacity=3)
    x = benign()[0][:4]
    made.look(x)
    assert len(made) == 3
    assert made.look(x[:1]).tolist() == [False]  # forgotten, and remembered anew
    assert made.look(x[3:4]).tolist() == [True]
    made.look(benign()[0][10:40])
    assert len(made) == 3
    assert sum(len(each) for each in made._seen.values()) <= 3 * made.kept


def test_another_key_gives_other_hashes() -> None:
    x = digits().x[:1].numpy()
    assert memory()._hashes(x) == memory()._hashes(x)
    assert not set(memory()._hashes(x)[0]) & set(memory(key=1)._hashes(x)[0])


def test_equal_windows_have_equal_hashes_wherever_they_are() -> None:
    row = np.random.default_rng(0).random(30, dtype=np.float32)
    first, second = np.zeros((1, 64), np.float32), np.zeros((1, 64), np.float32)
    first[0, :30], second[0, 20:50] = row, row
    every = memory(kept=64, matches=0)
    assert len(set(every._hashes(first)[0]) & set(every._hashes(second)[0])) >= 23


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (np.zeros((0, 64)), "shape"),
        (np.zeros(64), "shape"),
        (np.zeros((1, 5)), "hold no window"),
        (np.full((1, 64), np.nan), "NaN"),
    ],
)
def test_bad_queries_are_named(queries: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        memory().look(queries)


def test_one_memory_is_for_one_shape() -> None:
    made = memory()
    made.look(np.zeros((1, 64)))
    with pytest.raises(DataError, match="after"):
        made.look(np.zeros((1, 65)))


@pytest.mark.parametrize("given", [{"window": 0}, {"matches": 20}, {"capacity": 0}, {"quantum": 1}])
def test_settings_that_make_no_sense_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        memory(**given)


@cache
def attacked() -> StreamJudged:
    scene = digits()
    ways = (Blinding("noise", 1.0), Blinding("shift"), Blinding("independent"))
    target = TorchClassifier(network(), 10)
    return judge_memory(memory, target, scene.x[:COUNT], scene.y[:COUNT], Linf(EPS), queries=80, ways=ways)


def test_an_attack_by_queries_is_caught_that_would_succeed_without_the_memory() -> None:
    found = attacked()
    assert found.unguarded.success.value > found.naive.success.value + 0.2
    assert found.naive.caught_first.value > 0.2
    assert found.unguarded.caught_first.value == 0.0


def test_blinded_queries_are_caught_less_often() -> None:
    found = attacked()
    assert found.adaptive_success.value >= found.naive_success.value
    assert found.best.success.value > found.naive.success.value
    assert "who know of it" in str(found)


def test_every_run_ends_once_and_counts_its_queries() -> None:
    for way in (attacked().unguarded, attacked().naive, *attacked().adaptive):
        assert not bool((way.succeeded & way.caught).any())
        assert not bool(((way.succeeded | way.caught) & ~way.attacked).any())
        assert way.queries.max() <= 81  # a moved query may ask once more
        assert bool((way.queries[way.attacked] >= 1).all())


def test_calls_that_make_no_sense_are_refused() -> None:
    scene, target = digits(), TorchClassifier(network(), 10)
    with pytest.raises(UsageError, match="at least one"):
        judge_memory(memory, target, scene.x[:5], scene.y[:5], Linf(EPS), ways=())
    wrong = (network()(scene.x[:5]).argmax(1) + 1) % 10
    found = judge_memory(memory, target, scene.x[:5], wrong, Linf(EPS), queries=3)
    with pytest.raises(UsageError, match="wrong about every input"):
        _ = found.adaptive_success
    assert not bool(torch.as_tensor(found.naive.succeeded).any())
