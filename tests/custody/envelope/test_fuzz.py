"""Headers of any bytes are read or refused with one of our errors; nothing else comes out, and it ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.core.errors import CasemateError
from casemate.custody.envelope.layout import HEAD, SLOTS, Head, Policy, parse_head
from casemate.custody.envelope.slots import Entry, Slot, authentic, encode_entry, encode_slot, parse_entry, parse_slot
from casemate.keys.services import Wrap
from tests.fuzz.fuzz_envelope import SEALED, SEEDS, one_input

PLACES = [
    0,
    8,
    12,
    16,
    20,
    24,
    32,
    64,
    71,
    72,
    104,
    140,
    HEAD,
    HEAD + 8,
    SLOTS,
    SLOTS + 4,
    SLOTS + 16,
    SLOTS + 20,
    SLOTS + 60,
]


@st.composite
def mutated(draw: Any) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.sampled_from(PLACES) | st.integers(0, len(data)))
        kind = draw(st.sampled_from(["flip", "set", "insert", "delete", "cut", "other"]))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set":
            data[at : at + 4] = draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\0\0\x10\0", b"\x7f\xff\xff\xff"]))
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=8) | st.sampled_from([b'{"', b"[[", b'"name":', b"\\ud800"]))
        elif kind == "delete":
            del data[at : at + draw(st.integers(1, 8))]
        elif kind == "cut":
            del data[at:]
        else:
            data[at : at + 512] = draw(st.sampled_from(SEALED))[at : at + 512]
    return bytes(data)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated() | st.binary(max_size=300))
def test_any_input_is_read_or_refused(data: bytes) -> None:
    one_input(data)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_many_inputs_are_read_or_refused(data: bytes) -> None:
    one_input(data)


heads = st.builds(
    Head,
    name=st.text(max_size=40),
    size=st.integers(0, 1 << 63),
    segment=st.sampled_from([1 << 10, 1 << 20, 1 << 24]),
    slot=st.sampled_from([4096, 16384, 1 << 20]),
    salt=st.binary(min_size=32, max_size=32),
    prefix=st.binary(min_size=7, max_size=7),
    policy=st.builds(Policy, kinds=st.lists(st.text(max_size=8), max_size=4).map(tuple), most=st.integers(1, 64)),
    commitment=st.binary(min_size=32, max_size=32),
)


@settings(max_examples=150, deadline=None)
@given(heads)
def test_a_header_has_one_form(head: Head) -> None:
    try:
        data = head.encode()
    except CasemateError:
        return
    assert len(data) == HEAD
    assert parse_head(data) == head


@settings(max_examples=150, deadline=None)
@given(heads, st.integers(0, HEAD - 1), st.integers(1, 255))
def test_another_byte_is_another_header_or_none(head: Head, at: int, change: int) -> None:
    try:
        data = bytearray(head.encode())
    except CasemateError:
        return
    data[at] ^= change
    try:
        found = parse_head(bytes(data))
    except CasemateError:
        return
    assert found != head
    assert found.associated() != head.associated()


printable = st.text(max_size=20).filter(str.isprintable)
wraps = st.lists(
    st.builds(Wrap, kind=printable, key=printable, data=st.binary(max_size=80)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(wraps, st.integers(0, (1 << 64) - 1), st.integers(0, 1))
def test_slots_and_journals_have_one_form(found: list[Wrap], sequence: int, index: int) -> None:
    slot, key = Slot(sequence, tuple(found)), bytes(32)
    data = encode_slot(index, slot, 4096, key)
    assert len(data) == 4096
    assert parse_slot(data, index, Policy()) == slot
    assert authentic(data, key)
    with pytest.raises(CasemateError, match="another place"):
        parse_slot(data, 1 - index, Policy())
    entry = Entry(index, sequence)
    assert parse_entry(encode_entry(entry, key)) == entry
    assert parse_entry(bytes(512)) is None
