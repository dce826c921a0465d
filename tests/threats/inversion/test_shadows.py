"""Shadow designs never know who is a member; few shadows are used better than record by record."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.membership_glm import lira

from casemate.threats.inversion.learned import learned
from casemate.threats.inversion.shadows import Design


def test_any_chunking_gives_the_same_masks():
    design = Design(101, 0.5, 3)
    whole = design.masks(range(12))
    pieces = np.concatenate([design.masks(range(8, 12)), design.masks([3]), design.masks([0, 1])])
    assert (pieces == whole[[8, 9, 10, 11, 3, 0, 1]]).all()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.6, 0.95])
def test_every_row_is_seen_in_both_worlds(share):
    design = Design(200, share, 5)
    masks = design.masks(range(64))
    assert (masks.sum(axis=1) == round(design.share * 200)).all()
    assert masks.sum(axis=0).min() >= 8
    assert (~masks).sum(axis=0).min() >= 8
    assert masks.mean() == pytest.approx(min(0.75, max(0.25, share)), abs=0.01)


def test_halves_are_exact_and_independent_of_order():
    masks = Design(100, 0.5, 5).masks(range(16))
    assert (masks.sum(axis=0) == 8).all()  # so counting alone tells nothing: membership plays no part
    assert (masks[0] == ~masks[1]).all()
    assert abs(np.corrcoef(masks[0], np.arange(100) < 50)[0, 1]) < 0.3


def test_shrinkage_beats_record_by_record_at_few_shadows():
    rng = np.random.default_rng(4)
    n, few = 2000, 16
    level = rng.normal(0, 2, n)
    shift = 0.3 + 0.3 * rng.exponential(size=n) * np.exp(-level / 3)
    sd = 0.5 * np.exp(0.3 * rng.normal(size=n))
    masks = Design(n, 0.5, 1).masks(range(few))
    signals = level + shift * masks + sd * rng.normal(size=masks.shape)
    plain, ours = lira(signals, masks), learned(signals, masks)

    def error(found, truth):
        return np.sqrt(((found - truth) ** 2).mean())

    assert error(ours.shift, shift) < 0.8 * error(plain.shift, shift)
    assert error(np.log(ours.sd_out), np.log(sd)) < error(np.log(plain.sd_out), np.log(sd))


def test_with_many_shadows_the_record_speaks_for_itself():
    rng = np.random.default_rng(4)
    shift = np.where(np.arange(300) % 10 == 0, 3.0, 0.2)
    masks = Design(300, 0.5, 1).masks(range(400))
    signals = shift * masks + 0.5 * rng.normal(size=masks.shape)
    assert np.abs(learned(signals, masks).shift - shift).max() < 0.3
