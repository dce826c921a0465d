"""Acceptance 10: kill -9 at any moment loses nothing that was acknowledged."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from casemate.core.errors import LockedError
from casemate.ledger.layout import CHECKPOINT, expected_tiles
from casemate.ledger.ledger import Ledger
from casemate.ledger.merkle import CompactRange, leaf_hash
from casemate.ledger.note import open_checkpoint
from casemate.ledger.proofs import verify_consistency
from tests.ledger.folder import SIGNER, die
from tests.ledger.writer import record

ROOT = Path(__file__).parents[2]


def start(folder: Path, seed: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.ledger.writer", str(folder), str(seed)]
    path = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=path)


def kill_at_a_random_moment(process: subprocess.Popen[bytes], rng: random.Random) -> int:
    """Read acknowledgements for a few random milliseconds after the first, kill, read the rest; the last one."""
    assert process.stdout is not None
    text = process.stdout.readline()
    assert text.strip().isdigit()
    deadline = time.monotonic() + rng.uniform(0, 0.06)
    while (left := deadline - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], left)[0]:
            text += os.read(process.stdout.fileno(), 4096)
    process.send_signal(signal.SIGKILL)
    text += process.stdout.read()
    process.wait()
    process.stdout.close()
    return int(text[: text.rindex(b"\n")].split()[-1])


def kill_many(folder: Path, times: int) -> None:
    rng = random.Random(times)
    compact, known = CompactRange(), dict[int, bytes]()
    size = 0
    for attempt in range(times):
        acknowledged = kill_at_a_random_moment(start(folder, attempt), rng)
        published = open_checkpoint((folder / CHECKPOINT).read_bytes(), [SIGNER.verifier])
        with Ledger.open(folder, [SIGNER]) as ledger:
            assert ledger.size >= acknowledged >= size
            assert ledger.size >= published.size
            for index, entry in enumerate(ledger.entries()):
                assert entry == record(index)
                if index >= compact.size:
                    compact.append(leaf_hash(entry))
                    known[compact.size] = compact.root()
            assert published.root == known.get(published.size, published.root)
            size, tree = ledger.size, ledger.reader().tree
            if published.size:  # what anyone saw before the kill is a prefix of what there is now
                verify_consistency(
                    published.size, size, published.root, compact.root(), tree.consistency(published.size)
                )
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert names == {CHECKPOINT, *expected_tiles(size)}
        # the next writer goes on from a journal again, as after a crash
        die(Ledger.open(folder, [SIGNER]))


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    kill_many(tmp_path / "ledger", 10)


@pytest.mark.slow
def test_two_hundred_kill_9(tmp_path: Path) -> None:
    for number in range(8):  # fresh ledgers, so that small and large ones are both killed
        kill_many(tmp_path / f"ledger{number}", 25)


def test_one_writer_at_a_time_and_the_other_is_named(tmp_path: Path) -> None:
    process = start(tmp_path / "ledger", 1)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        with pytest.raises(LockedError, match=f"pid {process.pid}\\)"):
            Ledger.open(tmp_path / "ledger", [SIGNER])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    with Ledger.open(tmp_path / "ledger", [SIGNER]) as ledger:
        with pytest.raises(LockedError, match=f"pid {os.getpid()}\\)"):
            Ledger.open(tmp_path / "ledger", [SIGNER])
        assert ledger.size >= 0
