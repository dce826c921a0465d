"""Stickers stay where and what the adversary's reach allows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import UsageError
from casemate.threats.evasion.lane.stickers import BLACK, WHITE, Reach, Stickers, scattered, shuffled, sized

numbers = st.floats(-1e4, 1e4, width=32)


def assert_allowed(reach: Reach, stickers: Stickers) -> None:
    low, high = stickers.places - stickers.sizes / 2, stickers.places + stickers.sizes / 2
    assert stickers.places.shape[1] == reach.count
    assert (low[..., 0] >= reach.first - 1e-4).all()
    assert (high[..., 0] <= reach.last + 1e-4).all()
    assert (low[..., 1] >= -reach.side - 1e-5).all()
    assert (high[..., 1] <= reach.side + 1e-5).all()
    assert stickers.prints.min() >= BLACK
    assert stickers.prints.max() <= WHITE
    assert torch.allclose(stickers.sizes.prod(-1).sum(-1), torch.tensor(reach.area))


@given(along=numbers, across=numbers, gray=numbers)
def test_no_place_and_no_gray_leads_outside(along: float, across: float, gray: float) -> None:
    reach = Reach(count=1)
    assert_allowed(reach, sized(reach, torch.tensor([[[along, across]]]), torch.full((1, 1, 6, 3), gray)))


def test_random_stickers_use_the_whole_place_and_range() -> None:
    reach = Reach(long=4.0, wide=0.8)
    stickers = scattered(reach, torch.rand(500, 3, 20, generator=torch.Generator().manual_seed(0)))
    assert_allowed(reach, stickers)
    assert stickers.places[..., 0].min() < reach.first + 2.2
    assert stickers.places[..., 0].max() > reach.last - 2.2
    assert stickers.places[..., 1].abs().max() > reach.side - 0.45
    assert stickers.prints.min() < BLACK + 0.01
    assert stickers.prints.max() > WHITE - 0.01


def test_shuffling_keeps_places_and_grays() -> None:
    reach = Reach()
    made = scattered(reach, torch.rand(1, 3, 20, generator=torch.Generator().manual_seed(0)))
    mixed = shuffled(made, torch.rand(5, 3, 18, generator=torch.Generator().manual_seed(1)))
    assert_allowed(reach, mixed)
    assert torch.equal(mixed.places, made.places.expand(5, 3, 2))
    assert torch.equal(mixed.prints.flatten(2).sort(2).values, made.prints.expand(5, 3, 6, 3).flatten(2).sort(2).values)
    assert not torch.equal(mixed.prints[0], mixed.prints[1])


@pytest.mark.parametrize("wrong", [{"count": 0}, {"long": 25.0}, {"wide": 5.0}, {"wide": 0.0}, {"cells": (0, 3)}])
def test_a_reach_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Reach(**wrong)  # type: ignore[arg-type]
