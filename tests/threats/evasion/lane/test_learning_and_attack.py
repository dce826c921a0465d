"""Seeds, held-out scenes, and that each part moves what it should."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from casemate.threats.evasion.lane import attack as attacking
from casemate.threats.evasion.lane.attack import Effort, StickerAttack
from casemate.threats.evasion.lane.drive import OVER, drive
from casemate.threats.evasion.lane.driver import fresh
from casemate.threats.evasion.lane.harden import StickerTraining
from casemate.threats.evasion.lane.render import expose
from casemate.threats.evasion.lane.scenes import Purpose, Scenes, draw
from casemate.threats.evasion.lane.stickers import BLACK, WHITE, Reach
from casemate.threats.evasion.lane.training import Lessons, imitate, sight

PURPOSES: tuple[Purpose, ...] = ("training", "hardening", "optimizing", "selecting", "judging")
TINY = Effort(starts=2, steps=3, rounds=2, frames=8, drives=3)


def flat(scenes: Scenes) -> torch.Tensor:
    parts = []
    for field in fields(scenes):
        value = getattr(scenes, field.name)
        tensors = [value] if isinstance(value, torch.Tensor) else list(vars(value).values())
        parts += [each.reshape(len(scenes), -1) for each in tensors]
    return torch.cat(parts, 1)


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten() for value in network.state_dict().values()])


@pytest.fixture(scope="module")
def driver() -> torch.nn.Module:
    return imitate(fresh(0), 0, Lessons(steps=90, batch=48))


def test_a_scene_hangs_on_its_number_alone() -> None:
    assert torch.equal(flat(draw(4, "judging", range(50)))[[7, 3]], flat(draw(4, "judging", [7, 3])))


def test_no_purpose_shares_a_scene_with_another_nor_one_seed_with_the_next() -> None:
    drawn = torch.cat([flat(draw(seed, purpose, range(400)))[:, -12:] for purpose in PURPOSES for seed in (0, 1)])
    assert len(torch.unique(drawn, dim=0)) == len(drawn)


def test_the_attack_never_draws_a_judged_scene(driver: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()

    def spying(seed: int, purpose: Purpose, numbers: range) -> Scenes:
        asked.add(purpose)
        return draw(seed, purpose, numbers)

    monkeypatch.setattr(attacking, "draw", spying)
    StickerAttack(Reach(), TINY).run(driver)
    assert asked == {"optimizing", "selecting"}


def test_training_learns_and_its_seed_makes_it_again(driver: torch.nn.Module) -> None:
    seen = sight(0, "judging", range(200))
    frames = expose(seen.scenes, seen.view)
    with torch.no_grad():
        before = (fresh(0)(frames) - seen.wanted).abs().mean()
        after = (driver(frames) - seen.wanted).abs().mean()
    assert after < 0.75 * before
    short = Lessons(steps=3, batch=8)
    first, again, other = (weights(imitate(fresh(0), seed, short)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_stickers_are_made_again_and_stay_within_reach(driver: torch.nn.Module) -> None:
    reach, before = Reach(long=4.0, wide=0.8), weights(driver).clone()
    made, again = (StickerAttack(reach, TINY).run(driver) for _ in range(2))
    assert torch.equal(made.places, again.places)
    assert torch.equal(made.prints, again.prints)
    assert torch.equal(reach.within(made.places), made.places)
    assert made.prints.min() >= BLACK
    assert made.prints.max() <= WHITE
    assert torch.equal(weights(driver), before)
    assert all(parameter.requires_grad for parameter in driver.parameters())


def test_ascent_turns_the_wheel_to_the_wanted_side(driver: torch.nn.Module) -> None:
    """On frames never optimized on, the stickers made for a side steer to it more than random ones."""
    reach = Reach(long=4.0, wide=0.8)
    made = StickerAttack(reach, Effort(starts=1, steps=30, rounds=1, frames=24, drives=2)).run(driver)
    seen = sight(0, "judging", range(120), first=reach.first - 18, last=reach.first - 2)
    with torch.no_grad():
        bare = driver(expose(seen.scenes, seen.view))
        stuck = driver(expose(seen.scenes, seen.view, made))
    assert (stuck - bare).mean() > 0.1


def test_hardening_lays_allowed_stickers_and_leaves_some_frames_bare() -> None:
    seen = sight(0, "hardening", range(64))
    network = fresh(0)
    laid = StickerTraining().lay(network, seen)
    assert laid.prints.min() >= BLACK
    assert laid.prints.max() <= WHITE
    assert 0.1 < (laid.sizes[:, 0, 0] < 0.01).float().mean() < 0.45
    random = StickerTraining(steps=0).lay(network, seen)
    assert torch.equal(random.places, laid.places)
    assert not torch.equal(random.prints, laid.prints)


def test_hardening_returns_another_network_and_leaves_the_first(driver: torch.nn.Module) -> None:
    before = weights(driver).clone()
    hardened = StickerTraining(lessons=Lessons(steps=2, batch=8)).apply(driver)
    assert type(hardened) is type(driver)
    assert torch.equal(weights(driver), before)
    assert not torch.equal(weights(hardened), before)


def test_a_drive_that_left_stands_and_deviation_is_bounded() -> None:
    class Left(torch.nn.Module):
        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            return torch.full((len(frames),), 5.0)

    drives = drive(Left(), draw(0, "judging", range(4)), frames=40)
    assert drives.off.all()
    assert torch.equal(drives.deviation, torch.full((4,), OVER))
    assert torch.allclose(drives.across[-1], drives.across[-2], atol=1e-4)
