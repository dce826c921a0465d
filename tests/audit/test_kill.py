"""An audit killed again and again by the kernel ends with the same figures and repeats no finished trial."""

from __future__ import annotations

import random
import subprocess
import time

import pytest

from tests.audit.scene import Scene
from tests.audit.test_run import figures, trials


def killed(scene: Scene, seed: int, kills: int) -> int:
    """Start the audit and kill it at random moments; returns how often it was really killed."""
    chance, count = random.Random(seed), 0
    for _ in range(kills):
        running = subprocess.Popen(
            scene.command("audit", "--workers", "1"),
            cwd=scene.folder,
            env=scene.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        blobs = scene.audit / "ledger" / "blobs"
        wanted = len(list(blobs.glob("*"))) + chance.randint(0, 1)
        deadline = time.monotonic() + chance.uniform(1.0, 60.0)
        while running.poll() is None and len(list(blobs.glob("*"))) < wanted and time.monotonic() < deadline:
            pass
        count += running.poll() is None
        running.kill()
        running.wait()
    return count


@pytest.mark.slow
def test_fifty_kills(finished: Scene, copied: Scene) -> None:
    copied.audit.rename(copied.folder / "whole")
    assert killed(copied, seed=5, kills=50) >= 10
    assert copied.casemate("audit").returncode in {0, 1, 2}
    assert figures(copied) == figures(finished)
    assert set(trials(copied).values()) == {1}
