"""An audit killed again and again by the kernel ends with the same figures and repeats no finished trial."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest

from tests.audit.scene import Scene
from tests.audit.test_run import figures, trials

KILLS = 50


def killed(scene: Scene, more: int) -> bool:
    """Start the audit, kill it when it has finished ``more`` further trials; whether it was still running then."""
    blobs = scene.audit / "ledger" / "blobs"
    wanted = len(list(blobs.glob("*"))) + more
    running = subprocess.Popen(
        scene.command("audit", "--workers", "1"),
        cwd=scene.folder,
        env=scene.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while running.poll() is None and len(list(blobs.glob("*"))) < wanted:
        pass
    alive = running.poll() is None
    running.kill()
    running.wait()
    return alive


@pytest.mark.slow
def test_fifty_kills(finished: Scene, copied: Scene) -> None:
    """Whenever an audit gets through to its end, it is checked and another begins, until 50 were really killed."""
    chance, kills, whole = random.Random(5), 0, 0
    shutil.rmtree(copied.audit)
    while kills < KILLS or not whole:
        if kills < KILLS and killed(copied, chance.randint(1, 3)):
            kills += 1
            continue
        assert copied.casemate("audit").returncode in {0, 1, 2}
        assert figures(copied) == figures(finished)
        assert set(trials(copied).values()) == {1}
        whole += 1
        shutil.rmtree(copied.audit)
    assert kills == KILLS
