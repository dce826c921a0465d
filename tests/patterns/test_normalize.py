"""Normalization and its map back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.patterns.normalize import confusables, invisible, normalize, skeleton


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("ｇｈｐ＿１", "ghp_1"),
        ("p\u200bass\u2060word", "password"),
        ("раураl", "paypal"),
        ("\u202epass\u202c", "pass"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\U0001d429\U0001d422\U0001d429", "pip"),
        ("x\ufe0fy\U000e0041z", "xyz"),
        ("ﬁle", "file"),
        ("e\u0301", "é"),
    ],
)
def test_text_as_it_reads(text: str, reads: str) -> None:
    assert normalize(text).text == reads


@given(st.text(max_size=100))
def test_the_map_leads_back(text: str) -> None:
    normal = normalize(text)
    assert len(normal.starts) == len(normal.text) + 1
    assert list(normal.starts) == sorted(normal.starts)
    for at in range(len(normal.text)):
        start, stop = normal.original(at, at + 1)
        assert 0 <= start < stop <= len(text)
    assert normal.original(len(normal.text), len(normal.text)) == (len(text), len(text))


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=50))
def test_ascii_is_left_alone(text: str) -> None:
    assert normalize(text).text == text


def test_marks_without_end_are_linear() -> None:
    assert len(normalize("a" + "\u0301" * 100_000).text) >= 90_000


def test_the_table_maps_letters_that_unicode_leaves_alone_to_ascii() -> None:
    for code, plain in confusables().items():
        assert plain.isascii()
        assert not chr(code).isascii()
        assert not invisible(chr(code))
    assert skeleton("nսmрy") == "numpy"
    assert unicodedata.normalize("NFKC", "а") == "а"
