"""Mutations of small files: every parser of this room ends, in a report or in one of the ways in which parsers stop."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

TARGETS = (
    "gguf",
    "safetensors",
    "numpy",
    "json",
    "xml",
    "yaml",
    "trees",
    "jinja",
    "parquet",
    "images",
    "crfsuite",
    "charsmap",
)
TOKENS = (b"\0", b"\xff" * 4, b"\xff" * 8, b"\x7f" * 4, b"[", b"{", b"(", b'"', b"\n", b"-1", b"99999999999", b"__")


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_end(name: str) -> None:
    module = importlib.import_module(f"tests.fuzz.fuzz_{name}")
    seeds = module.seeds()

    @given(
        st.sampled_from(seeds),
        st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5), st.sampled_from(TOKENS)), max_size=4),
    )
    def run(seed: bytes, changes: list[tuple[float, int, bytes]]) -> None:
        data = bytearray(seed)
        for place, count, token in changes:
            at = int(place * len(data))
            data[at : at + count] = token
        module.one_input(bytes(data))

    for seed in seeds:
        module.one_input(seed)
    run()
