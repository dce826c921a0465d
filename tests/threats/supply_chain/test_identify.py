"""The table of first bytes only spares work: it never leaves out a format whose sniff would say yes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.threats.supply_chain.format import Format, Magic
from casemate.threats.supply_chain.identify import FORMATS, candidates
from casemate.threats.supply_chain.rules import example, rules
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.samples import SAMPLES

SEEDS = [data for _, data in SAMPLES.values()] + [
    example(each) for rule in rules() for each in (*rule.true, *rule.false)
]


def asked(view: View) -> list[Format]:
    """Every format that says perhaps when all are asked."""
    return [each for each in FORMATS if each.sniff(view)]


@pytest.mark.parametrize("head", [b"", b"\0", b"\x0a\x04abcd", b"\xef\xbb\xbf{}", b"\xff\xfe<\0", b" \t\r\n[1]"])
def test_the_table_leaves_nothing_out_of_odd_beginnings(head: bytes) -> None:
    assert candidates(View(head)) == asked(View(head))


@settings(max_examples=300, deadline=None)
@given(seed=st.sampled_from(SEEDS), first=st.integers(0, 255), skip=st.integers(0, 16))
def test_the_table_leaves_nothing_out(seed: bytes, first: int, skip: int) -> None:
    for data in (seed, bytes([first]) + seed[1:], b"?" * skip + seed):
        assert candidates(View(data)) == asked(View(data))
        inside = View(b"?" + data + b"?", 1, 1 + len(data))
        assert candidates(inside) == asked(inside)


def test_a_signature_does_not_reach_beyond_its_view() -> None:
    sniff = Magic(b"ABCD", b"XY", at=2)
    assert all(map(sniff, (View(b"..ABCD"), View(b"..XY"), View(b"-..XY-", 1, 5))))
    assert not any(map(sniff, (View(b"..ABCD", 0, 5), View(b"."), View(b"..XY", 0, 1))))
