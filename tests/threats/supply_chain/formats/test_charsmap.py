"""Normalization tables of sentencepiece: clean to the last byte; what leads out of them is found."""

from __future__ import annotations

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.charsmaps import LEAF, table, units
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan

VALUES = {b"A": 0, b"AE": 2, b"B": 5}


def changed(place: int, unit: int) -> list[int]:
    made = units(VALUES)
    made[place] = unit
    return made


def test_a_table_is_clean_to_the_last_byte() -> None:
    assert_clean(table(), "charsmap")
    vacant = units(VALUES).index(0, 1)
    assert_clean(table(changed(vacant, 0x7F)), "charsmap")


@pytest.mark.parametrize("value", [1, 3, 6, 1 << 20, LEAF - 1])
def test_a_leaf_that_leads_elsewhere_is_found(value: int) -> None:
    data = table(units(VALUES | {b"B": value}))
    assert found(data) == {rule("charsmap.index")}
    assert scan(data).verdict is Verdict.SUSPICIOUS


def test_units_that_lead_out_of_the_trie_are_found() -> None:
    made = units(VALUES)
    node = next(place for place, unit in enumerate(made) if unit & 0xFF == ord("B") and not unit & LEAF)
    for unit in (ord("B") | 1 << 20 << 10, ord("B") | 1 << 9 | 1 << 10):
        assert rule("charsmap.index") in found(table(changed(node, unit)))
    assert rule("charsmap.index") in found(table(changed(node, ord("B") | 1 << 8)))  # a leaf that is none


def test_what_nothing_leads_to_is_not_covered() -> None:
    vacant = units(VALUES).index(0, 1)
    payload = b"\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R."
    for data in (
        table(changed(vacant, 0x41414141)),
        table(changed(vacant, LEAF | 1)),
        table(texts=b"a\0\xc3\xa4\0\0" + b"#!/bin/sh\0"),
        table() + b"\0",
        table() + b"x",
        table() + payload + b"\0",
        table(texts=b"a\0\xff\xa4\0\0"),
        table()[:-1],
    ):
        assert scan(data).verdict is not Verdict.CLEAN


def test_numbers_that_merely_begin_alike_are_of_another_format() -> None:
    assert scan(table([0] * 256, bytes(64))).formats == ()
