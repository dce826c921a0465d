"""Checkpoints: what was interrupted is resumed bit by bit, at most one batch is lost, another run is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from casemate.core.errors import UsageError
from casemate.targets import TorchClassifier
from casemate.targets.drawn import Drawn
from casemate.threats.evasion import APGD, PGD, AutoAttack, Bracket, Linf, Square
from casemate.threats.evasion.evaluation import Evaluation
from casemate.threats.evasion.scores.square import Squares
from tests.threats.evasion.networks import digits, network

BATCH = 16


def target() -> TorchClassifier:
    return TorchClassifier(digits().module, 10, batch=BATCH)


def same(one: Evaluation, other: Evaluation) -> bool:
    for each in fields(one):
        first, second = getattr(one, each.name), getattr(other, each.name)
        if each.name != "seconds" and not (
            torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second
        ):
            return False
    return True


class Killed(BaseException):
    """What a signal does."""


@pytest.mark.parametrize("killed_at", [1, 30, 75])
def test_a_run_killed_anywhere_is_resumed_bit_by_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    scene, attack = digits(), Square(Linf(0.1), queries=40)
    x, y = scene.x[:50], scene.y[:50]
    whole = attack.evaluate(target(), x, y, checkpoint=tmp_path / "whole")
    steps, advance = [0], Squares.advance

    def dying(self: Squares, state: dict[str, torch.Tensor]) -> None:
        steps[0] += 1
        if steps[0] == killed_at:
            raise Killed
        advance(self, state)

    monkeypatch.setattr(Squares, "advance", dying)
    with pytest.raises(Killed):
        attack.evaluate(target(), x, y, checkpoint=tmp_path / "torn")
    kept = len(list((tmp_path / "torn").glob("*.npz")))
    assert kept == (killed_at - 1) // 40  # the batch at work is lost, and no other
    monkeypatch.setattr(Squares, "advance", advance)
    again = target()
    resumed = attack.evaluate(again, x, y, checkpoint=tmp_path / "torn")
    assert same(whole, resumed)
    assert again.usage.forwards <= whole.forwards - kept * 10 * BATCH


def test_it_finds_what_a_run_without_a_checkpoint_finds(tmp_path: Path) -> None:
    scene = digits()
    for number, attack in enumerate((PGD(Linf(0.1), steps=5, restarts=2), APGD(Linf(0.1), steps=10))):
        plain = attack.evaluate(target(), scene.x[:40], scene.y[:40])
        kept = attack.evaluate(target(), scene.x[:40], scene.y[:40], checkpoint=tmp_path / str(number))
        assert torch.equal(plain.correct, kept.correct)
        assert int((plain.broken != kept.broken).sum()) <= 1  # a batch's size moves the last bit of an answer
        assert plain.ball == kept.ball
        assert plain.attack == kept.attack


def test_a_finished_run_is_read_and_not_run_again(tmp_path: Path) -> None:
    scene, attack = digits(), PGD(Linf(0.1), steps=5)
    first = attack.evaluate(target(), scene.x[:40], scene.y[:40], checkpoint=tmp_path)
    again = target()
    assert same(first, attack.evaluate(again, scene.x[:40], scene.y[:40], checkpoint=tmp_path))
    assert again.usage.gradients <= 6  # one sample, to know what kind of result it is


def test_brackets_and_the_standard_resume_too(tmp_path: Path) -> None:
    scene = digits()
    bracket = Bracket(Linf(0.02), queries=20)
    first = bracket.evaluate(target(), scene.x[:24], scene.y[:24], checkpoint=tmp_path / "bracket")
    (tmp_path / "bracket" / "00001.npz").unlink()
    again = bracket.evaluate(target(), scene.x[:24], scene.y[:24], checkpoint=tmp_path / "bracket")
    assert same(first, again)
    assert not bool((again.certified & again.broken).any())
    found = AutoAttack(Linf(0.4)).evaluate(target(), scene.x[:4], scene.y[:4], checkpoint=tmp_path / "standard")
    assert len(found.by) == 4


def test_another_run_is_refused_and_says_what_changed(tmp_path: Path) -> None:
    scene, attack = digits(), PGD(Linf(0.1), steps=3)
    x, y = scene.x[:20], scene.y[:20]
    attack.evaluate(target(), x, y, checkpoint=tmp_path)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        stranger = TorchClassifier(network().eval(), 10, batch=BATCH)
    changes = {
        "attack": lambda: replace(attack, steps=4).evaluate(target(), x, y, checkpoint=tmp_path),
        "inputs": lambda: attack.evaluate(target(), x * 0.99, y, checkpoint=tmp_path),
        "labels": lambda: attack.evaluate(target(), x, (y + 1) % 10, checkpoint=tmp_path),
        "goals": lambda: attack.evaluate(target(), x, y, goals=(y + 1) % 10, checkpoint=tmp_path),
        "ids": lambda: attack.evaluate(target(), x, y, ids=range(1, 21), checkpoint=tmp_path),
        "batch": lambda: attack.evaluate(TorchClassifier(scene.module, 10, batch=BATCH - 1), x, y, checkpoint=tmp_path),
        "target": lambda: attack.evaluate(stranger, x, y, checkpoint=tmp_path),
    }
    for name, run in changes.items():
        with pytest.raises(UsageError, match="is of another run") as refused:
            run()
        assert name in str(refused.value.cause)


def test_folders_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    scene, attack = digits(), PGD(Linf(0.1), steps=2)
    (tmp_path / "configuration.json").write_text("{")
    with pytest.raises(UsageError, match="no checkpoint"):
        attack.evaluate(target(), scene.x[:4], scene.y[:4], checkpoint=tmp_path)
    (tmp_path / "configuration.json").unlink()
    np.savez(tmp_path / "00000.npz", broken=np.ones(4))
    with pytest.raises(UsageError, match="holds results but no configuration"):
        attack.evaluate(target(), scene.x[:4], scene.y[:4], checkpoint=tmp_path)
    attack.evaluate(target(), scene.x[:4], scene.y[:4], checkpoint=tmp_path / "good")
    (tmp_path / "good" / "00000.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(UsageError, match="cannot be read"):
        attack.evaluate(target(), scene.x[:4], scene.y[:4], checkpoint=tmp_path / "good")


def test_a_target_that_answers_at_random_is_refused(tmp_path: Path) -> None:
    class Noisy(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return digits().module(x + 0.3 * torch.randn_like(x))

    scene = digits()
    noisy = Drawn(TorchClassifier(Noisy(), 10), draws=2, votes=20)
    with pytest.raises(UsageError, match="answers at random"):
        PGD(Linf(0.1), steps=2).evaluate(noisy, scene.x[:20], scene.y[:20], checkpoint=tmp_path)
