"""Bugs of published libraries that the attack refutes (row 8 of the issue): their own code, run in its environment."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
from benchmarks._peers import ROOT, python

from casemate.privacy.dp.audit.separation import separate

pytestmark = pytest.mark.slow
RUNS = 400


@pytest.mark.parametrize("peer", ["opacus", "diffprivlib"])
def test_what_is_claimed_is_refuted(peer: str) -> None:
    if not python(peer).exists():
        pytest.skip(f"needs the peer {peer}: make peers")
    script = ROOT / "benchmarks" / f"_real_{peer}.py"
    done = subprocess.run([str(python(peer)), str(script), str(RUNS)], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    scores, there = np.array(said["scores"]), np.array(said["there"])
    curve = [(epsilon, delta) for epsilon, delta in said["curve"]]
    seen = separate(scores, there, curve, 0.999)
    assert seen.refutes(curve), seen
    coins = np.random.default_rng(0).permutation(there)  # coins that say nothing refute nothing
    assert not separate(scores, coins, curve, 0.999).refutes(curve)
