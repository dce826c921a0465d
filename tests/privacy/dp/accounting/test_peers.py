"""The accountant beside the peers' (row 6 of the issue), on the grid of the benchmark."""

from __future__ import annotations

import math

import pytest
from benchmarks._peers import python
from benchmarks.accounting import measure

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not python("accounting").exists(), reason="needs the peer accounting: make peers"),
]


def test_the_peers_brackets_hold_ours() -> None:
    cases = measure()
    bracketed = [each for each in cases if each.prv]
    assert len(bracketed) >= 40
    for each in bracketed:
        low, _, high = each.prv or (0.0, 0.0, 0.0)
        assert low <= each.ours <= max(1.01 * high, 0.0), each
    for each in cases:
        if each.pld is not None and math.isfinite(each.pld) and each.ours > 1e-3:
            assert each.ours <= each.pld * 1.002, each
    beside = [each for each in cases if each.opacus is not None]
    assert len(beside) >= 40
    for each in beside:  # its upper end lies a hundredth of epsilon above, an absolute one
        assert -0.001 <= each.opacus - each.ours <= 0.02 + 0.01 * each.ours, each
