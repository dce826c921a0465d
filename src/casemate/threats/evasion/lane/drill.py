"""The drill: train a driver, attack it, harden it, attack it again, judge each on drives that nobody optimized on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from casemate.core.digests import Digest
from casemate.core.errors import UsageError
from casemate.core.observer import Observer, Silent
from casemate.core.optional import require
from casemate.core.seeds import derive
from casemate.threats.evasion.lane.attack import Effort, StickerAttack
from casemate.threats.evasion.lane.drive import Drives, drive, placed
from casemate.threats.evasion.lane.driver import fresh
from casemate.threats.evasion.lane.harden import StickerTraining
from casemate.threats.evasion.lane.render import expose, survey
from casemate.threats.evasion.lane.scenes import Scenes, draw
from casemate.threats.evasion.lane.stickers import Reach, Stickers, scattered, shuffled
from casemate.threats.evasion.lane.training import Lessons, imitate
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
else:
    torch = require("torch", extra="torch")

DISTANCES: Final = (20.0, 13.0, 7.0)
"""Metres before the middle of the place for stickers at which pictures are taken."""

CONDITIONS: Final = (
    "benign",
    "random",
    "shuffled",
    "attacked",
    "hardened-benign",
    "hardened-random",
    "hardened-transferred",
    "hardened-attacked",
)
"""What is judged, in this order."""


@dataclass(frozen=True)
class Played:
    """What happened.

    Attributes:
        digests: SHA-256 of the weights of the plain and of the hardened network.
        drives: by condition.
        first, again: stickers against the plain and against the hardened network.
        control: random stickers, (n, ...).
        frames: pictures of one judged scene by kind of stickers, (distances, height, width) each.
        asked: frames that each attack asked its network about.
        seconds: CPU time by part.
    """

    digests: Mapping[str, str]
    drives: Mapping[str, Drives]
    first: Stickers
    again: Stickers
    control: Stickers
    frames: Mapping[str, npt.NDArray[np.float32]]
    asked: Mapping[str, int]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class LaneDrill:
    """The drill's settings.

    Attributes:
        seed: of everything.
        drives: judged in each condition.
        reach: what the adversary may put on the road.
        lessons: of the plain network.
        hardening: how the network is hardened.
        effort: of the attack, before and after.

    Raises:
        UsageError: no drives.
    """

    seed: int = 0
    drives: int = 100
    reach: Reach = field(default_factory=lambda: Reach(long=4.0, wide=0.8))
    lessons: Lessons = field(default_factory=Lessons)
    hardening: StickerTraining = field(default_factory=StickerTraining)
    effort: Effort = field(default_factory=Effort)

    def __post_init__(self) -> None:
        if self.drives < 2:
            raise UsageError(f"{self.drives} drives tell nothing", next_step="judge at least 2; the drill judges 100")

    def run(self, observer: Observer | None = None) -> Played:
        """Play it: the same settings give the same drives on the same machine."""
        observer = observer or Silent()
        seconds: dict[str, float] = {}
        with one_core():
            with _timed(seconds, "training"):
                plain = imitate(fresh(derive(self.seed, "lane.driver")), self.seed, self.lessons, observer=observer)
            attack = StickerAttack(self.reach, self.effort, self.seed)
            asked: dict[str, int] = {}
            with _timed(seconds, "attack"), _counted(plain, asked, "attack"):
                first = attack.run(plain, observer=observer)
            with _timed(seconds, "hardening"):
                hardened = self.hardening.apply(plain, observer=observer)
            with _timed(seconds, "attack again"), _counted(hardened, asked, "attack again"):
                again = attack.run(hardened, name="attack again", known=first, observer=observer)
            with _timed(seconds, "judging"):
                scenes = draw(self.seed, "judging", range(self.drives))
                control = self.control()
                mixed = shuffled(first, self._numbers("lane.shuffled", (self.reach.count, self._cells)))
                laid = [
                    *[(plain, each) for each in (None, control, mixed, first)],
                    *[(hardened, each) for each in (None, control, first, again)],
                ]
                observer.begin("judging", len(laid))
                drives = {}
                for name, (network, stickers) in zip(CONDITIONS, laid, strict=True):
                    drives[name] = drive(network, scenes, stickers)
                    observer.advance("judging")
                observer.end("judging")
            shown = int(torch.where(drives["attacked"].off, 0, 1).argmin())
            frames = self._pictures(scenes.chosen(torch.tensor([shown])), first, control.of(torch.tensor([shown])))
        digests = {"plain": weights_digest(plain), "hardened": weights_digest(hardened)}
        return Played(digests, drives, first, again, control, frames, asked, seconds)

    @property
    def _cells(self) -> int:
        return self.reach.cells[0] * self.reach.cells[1]

    def control(self) -> Stickers:
        """Random stickers for each judged drive: as many, as large, anywhere the adversary may lay them, any grays."""
        return scattered(self.reach, self._numbers("lane.control", (self.reach.count, 2 + self._cells)))

    def _numbers(self, purpose: str, shape: tuple[int, ...]) -> Any:
        return torch.from_numpy(Noise(self.seed, purpose).uniform(np.arange(self.drives), shape))

    def _pictures(self, scene: Scenes, first: Stickers, control: Stickers) -> dict[str, npt.NDArray[np.float32]]:
        """Frames from the lane's center, without stickers, with the random ones and with the optimized ones."""
        middle = float(first.places[0, :, 0].mean())
        found: dict[str, npt.NDArray[np.float32]] = {}
        zero = torch.zeros(1)
        for name, stickers in (("none", None), ("random", control), ("optimized", first)):
            frames = []
            for distance in DISTANCES:
                along = zero + middle - distance
                view = survey(scene, placed(scene, along, zero, zero), along)
                frames.append(expose(scene, view, stickers)[0, 0].detach().numpy())
            found[name] = np.stack(frames)
        return found


def weights_digest(network: Any) -> str:
    """SHA-256 over a network's weights, by name."""
    parts = [[name, Digest.of(value.numpy().tobytes()).hex] for name, value in network.state_dict().items()]
    return Digest.of_value(parts).hex


@contextmanager
def one_core() -> Iterator[None]:
    """Keep torch on one thread, so that sums are taken in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.process_time()
    yield
    seconds[name] = round(time.process_time() - start, 2)


@contextmanager
def _counted(network: Any, asked: dict[str, int], name: str) -> Iterator[None]:
    """Count the frames that a network is asked about."""
    asked[name] = 0

    def count(_: Any, given: tuple[Any, ...]) -> None:
        asked[name] += len(given[0])

    hook = network.register_forward_pre_hook(count)
    try:
        yield
    finally:
        hook.remove()
