"""Whatever the bytes, the parsers of networks end, with a report or one of the three stops."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import fuzz_flatbuffer, fuzz_hdf5, fuzz_keras, fuzz_protobuf

TARGETS = {each.__name__.rpartition(".")[2]: each for each in (fuzz_flatbuffer, fuzz_hdf5, fuzz_keras, fuzz_protobuf)}
SEEDS = {name: each.seeds() for name, each in TARGETS.items()}
NUMBERS = [b"\xff" * 8, b"\xff" * 4, bytes(8), bytes(4), b"\xff\xff\xff\x7f", b"\0\0\0\0\1\0\0\0", b"\x80", b"\xff\xff"]


@st.composite
def mutated(draw: Any, name: str) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS[name])))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["flip", "number", "number", "copy", "pointer", "cut", "insert"]))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "number":
            value = draw(st.sampled_from(NUMBERS))
            data[at : at + len(value)] = value
        elif kind == "copy":
            start = draw(st.integers(0, len(data)))
            piece = data[start : start + draw(st.integers(1, 64))]
            data[at : at + len(piece)] = piece
        elif kind == "pointer":
            data[at - at % 8 : at - at % 8 + 8] = draw(st.integers(0, len(data))).to_bytes(8, "little")
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=8))
        else:
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_small_files_end_in_a_report_or_a_stop(name: str) -> None:
    target: ModuleType = TARGETS[name]

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutated(name))
    def run(data: bytes) -> None:
        target.one_input(data)

    for data in SEEDS[name]:
        target.one_input(data)
    run()
