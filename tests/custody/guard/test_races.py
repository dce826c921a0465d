"""No race against the guard is won; the same attacker wins against a loader that checks first and loads by path.

Issue 3, row 12: 1,000 rounds each in `make test-all`, 30 in the fast suite.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.custody.guard.races import Prey, onnx_prey, pickle_prey, race

RACES: dict[str, tuple[str, Callable[[Path], Prey]]] = {
    "rename": ("rename", pickle_prey),
    "symlink swap": ("symlink", pickle_prey),
    "in-place write": ("write", pickle_prey),
    "truncate and rewrite": ("truncate", pickle_prey),
    "mmap writer": ("mmap", pickle_prey),
    "folder swap": ("folder", pickle_prey),
    "external data renamed": ("rename", onnx_prey),
    "external data written": ("write", onnx_prey),
    "external data's folder swapped": ("folder", onnx_prey),
}


@pytest.mark.parametrize("rounds", [30, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", RACES)
def test_the_guard_wins_every_race_and_the_naive_loader_does_not(kind: str, rounds: int, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    how, made = RACES[kind]
    outcomes = {}
    for guarded in (False, True):
        place = tmp_path / str(guarded)
        (place / "model").mkdir(parents=True)
        prey = made(place / "model")
        assert len(prey.benign) == len(prey.marker)
        outcomes[guarded] = race(how, prey, rounds, guarded=guarded, folder=place)
    sys.stdout.write(f"{kind}, {rounds} rounds: naive {dict(outcomes[False])}, guard {dict(outcomes[True])}\n")
    assert outcomes[False]["lost"] >= rounds // 10
    assert outcomes[True]["lost"] == 0
    assert outcomes[True]["loaded"] >= rounds // 30  # else it won by refusing everything
