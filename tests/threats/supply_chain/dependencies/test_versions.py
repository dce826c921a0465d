"""Order of versions, against packaging, and against the rules of Semantic Versioning."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from casemate.threats.supply_chain.dependencies.versions import pep440, semver

PARTS = st.tuples(
    st.sampled_from(["", "1!", "v"]),
    st.sampled_from(["0", "1", "1.0", "1.0.0", "1.2", "1.10", "2024.1", "01.2"]),
    st.sampled_from(["", "a1", "b2", ".rc1", "-alpha", "c3", "_pre4", "RC"]),
    st.sampled_from(["", ".post1", "-2", "rev3", ".post"]),
    st.sampled_from(["", ".dev0", "dev4", "-dev"]),
    st.sampled_from(["", "+cpu", "+local.1", "+1.2", "+a-b_3"]),
).map("".join)


@given(PARTS, PARTS)
def test_the_order_is_that_of_packaging(one: str, two: str) -> None:
    first, second = pep440(one), pep440(two)
    assert first is not None
    assert second is not None
    assert (first < second) == (Version(one) < Version(two))
    assert (first == second) == (Version(one) == Version(two))


@given(st.text(alphabet="0123456789.abrcpostdev!+-_ v*", max_size=20))
def test_what_is_a_version_is_what_packaging_takes_for_one(text: str) -> None:
    try:
        Version(text)
        valid = True
    except InvalidVersion:
        valid = False
    assert (pep440(text) is not None) == valid


def test_semantic_versions_are_ordered_as_the_standard_says() -> None:
    ordered = [
        "0.9.9",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.2.0",
        "1.10.0",
    ]
    for one, two in itertools.pairwise(ordered):
        assert semver(one) < semver(two)  # type: ignore[operator]
    assert semver("1.0.0+a") == semver("1.0.0+b") == semver("v1.0.0")


@pytest.mark.parametrize("text", ["", "latest", "1.x", "^1.0", "1" * 400, "git+https://x", "*"])
def test_what_is_no_version(text: str) -> None:
    assert pep440(text) is None
    assert semver(text) is None
