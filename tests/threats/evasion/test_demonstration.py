"""The experiment on masking shows what it is there to show."""

from __future__ import annotations

import pytest

from casemate.threats.evasion.demonstration import Shown, demonstrate


@pytest.mark.slow
def test_masks_claim_much_and_hold_nothing_and_training_holds_what_it_claims() -> None:
    plain, *masked, trained = tuple(demonstrate())
    assert len(masked) == 4
    for shown in masked:
        assert shown.clean > 0.9
        assert shown.trust.verdict == "MASKED"
        assert shown.trust.estimate < plain.trust.estimate + 0.1
        assert shown.claimed > shown.trust.estimate + 0.1, shown.name
    assert max(shown.claimed for shown in masked) > 0.9
    for honest in (plain, trained):
        assert isinstance(honest, Shown)
        assert honest.trust.verdict == "ATTACKED"
        assert honest.claimed < honest.trust.estimate + 0.1
    assert trained.trust.estimate > plain.trust.estimate + 0.3
