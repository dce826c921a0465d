"""Every fuzz target starts, accepts its seeds, and survives some mutations; the runner notices what goes wrong."""

from __future__ import annotations

import importlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import worker
from tests.fuzz.mutate import MOST, mutated

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TARGETS = sorted(path.stem for path in HERE.glob("fuzz_*.py"))


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_survives_its_seeds_and_some_mutations(name: str) -> None:
    module = importlib.import_module(f"tests.fuzz.{name}")
    given, draw = worker.seeds(module), random.Random(name)
    for data in given:
        module.one_input(data)
    for _ in range(200):
        module.one_input(mutated(given, draw))


def test_mutations_change_and_stay_bounded() -> None:
    draw = random.Random(0)
    found = {mutated([b"abc", bytes(MOST)], draw) for _ in range(50)}
    assert len(found) > 40
    assert all(len(each) <= MOST for each in found)


def test_what_escapes_is_kept_once_for_each_place(tmp_path: Path) -> None:
    (tmp_path / "crashes").mkdir()

    def one_input(data: bytes) -> None:
        if data.startswith(b"bad"):
            raise ValueError("bad")
        if data == b"deep":
            one_input(data)
        if data == b"big":
            raise MemoryError

    target = worker.Target(one_input, tmp_path)
    for data in (b"good", b"bad 1", b"bad 2", b"deep", b"big", b""):
        target(data)
    kept = sorted(path.name.partition("-")[0] for path in (tmp_path / "crashes").glob("*.bin"))
    assert kept == ["MemoryError", "RecursionError", "ValueError"]
    assert int.from_bytes((tmp_path / "now").read_bytes()[:8], "little") == 6
    bad = next((tmp_path / "crashes").glob("ValueError*.txt")).read_text()
    assert "bad 1" not in bad
    assert "one_input" in bad


def test_an_endless_input_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "crashes").mkdir()
    monkeypatch.setattr(worker, "LIMIT", 0.05)

    def one_input(_: bytes) -> None:
        while True:
            pass

    worker.Target(one_input, tmp_path)(b"x")
    assert [path.name[:12] for path in (tmp_path / "crashes").glob("*.bin")] == ["OverdueError"]


def test_the_runner_goes_on_after_a_crash_and_reports_it(tmp_path: Path) -> None:
    """The whole program, on targets of its own: one that dies, one that is fine."""
    place = tmp_path / "repository"
    (place / "tools").mkdir(parents=True)
    (place / "tests" / "fuzz").mkdir(parents=True)
    (place / "src").mkdir()
    (place / "tests" / "__init__.py").touch()
    for name in ("__init__.py", "mutate.py", "worker.py"):
        (place / "tests" / "fuzz" / name).write_text((HERE / name).read_text())
    (place / "tools" / "fuzz.py").write_text((ROOT / "tools" / "fuzz.py").read_text())
    (place / "tests" / "fuzz" / "fuzz_fine.py").write_text("def one_input(data):\n    pass\n")
    dies = "import os\ndef seeds():\n    return [b'good', b'kill']\n"
    dies += "def one_input(data):\n    if data == b'kill':\n        os.abort()\n"
    (place / "tests" / "fuzz" / "fuzz_dies.py").write_text(dies)
    command = [sys.executable, str(place / "tools" / "fuzz.py"), "--engine", "mutate", "--minutes", "0.025"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}, check=False, timeout=120
    )
    assert done.returncode == 1, done.stderr
    assert "| fine | mutations, no coverage |" in done.stdout
    assert "crash: .fuzz/dies/crashes/died--6" in done.stdout
    assert {path.read_bytes() for path in (place / ".fuzz" / "dies" / "crashes").iterdir()} == {b"kill"}

    again = subprocess.run([*command, "fine"], capture_output=True, text=True, check=False, timeout=120)
    assert again.returncode == 0
    runs = [line for line in done.stdout.splitlines() if line.startswith("| fine")]
    assert runs[0] in again.stdout  # its time is used up for this code: nothing is run again
