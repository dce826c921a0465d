"""Generated streams: where the C and the Python unpickler agree, our events are theirs; where not, never clean."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from casemate.threats.supply_chain.pickles.machine import Machine
from casemate.threats.supply_chain.pickles.steps import STEPS
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.pickles.differential import OPCODES, Recorder
from tests.threats.supply_chain.pickles.oracle import LOG, InC, InPython, loaded

ROOT = Path(__file__).parents[4]


def compared(seed: int, count: int) -> tuple[Counter[str], Counter[str]]:
    """Run one child process; fail on the first stream that is not seen as the loaders see it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.threats.supply_chain.pickles.differential", str(seed), str(count)],
        cwd=ROOT, env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}, capture_output=True, check=True, timeout=3000,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["failures"] == []
    assert found["count"] == count
    return Counter(found["counts"]), Counter(found["used"])


def test_some_thousand_streams_are_seen_as_both_loaders_see_them() -> None:
    counts, used = compared(1, 3_000)
    assert counts["accepted"] >= 0.3 * 3_000
    assert counts["clean"] > 100
    assert counts["differ"] > 50
    assert all(used[str(code)] > 0 for code in OPCODES)


@pytest.mark.slow
def test_a_million_streams_are_seen_as_both_loaders_see_them() -> None:
    counts: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for seed in range(101, 121):
        more, uses = compared(seed, 50_000)
        counts, used = counts + more, used + uses
    assert counts["accepted"] >= 0.3 * 1_000_000
    assert min(used[str(code)] for code in OPCODES) >= 1_000


def test_every_opcode_of_pickle_is_generated() -> None:
    assert len(OPCODES) == 68
    assert {*STEPS} <= {*OPCODES}


@pytest.mark.parametrize("kind", [InC, InPython])
def test_the_stubs_make_nothing_real(kind: type[InC | InPython]) -> None:
    done, events, _ = loaded(kind, b"cos\nsystem\n(Vtrue\ntR.")
    assert done
    assert events == [("import", "os", "system"), ("call", 1, ("tuple", 1, "'true'"))]
    assert LOG.serial == 2


def test_the_recorder_says_the_same() -> None:
    recorder = Recorder()
    Machine(View(b"cos\nsystem\n(Vtrue\ntR."), recorder).walk()
    assert recorder.events == [("import", "os", "system"), ("call", 1, ("tuple", 1, "'true'"))]
    assert "pickle.dangerous-call" in recorder.kinds
