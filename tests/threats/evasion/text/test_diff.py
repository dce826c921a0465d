"""Diffs that can be printed and put into a page, whatever an attacker wrote."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.evasion.text.changes import Change
from casemate.threats.evasion.text.diff import as_html, as_text, spelled, visible
from casemate.threats.evasion.text.words import Layout


def test_what_changed_is_marked_and_spelled() -> None:
    changes = (Change(1, "b\u200bad", "hidden", 1), Change(2, "fi\u0456m", "homoglyph", 1))
    assert as_text("a bad film, then", changes) == ("a [-bad-]{+b⟨U+200B⟩ad+} [-film-]{+fiі⟨U+0456⟩m+}, then")
    assert as_html("a bad film", changes[:1]) == "a <del>bad</del><ins>b⟨U+200B⟩ad</ins> film"
    assert as_text("same", ()) == "same"


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 5), st.text(max_size=8)), max_size=4))
def test_nothing_escapes(text: str, written: list[tuple[int, str]]) -> None:
    count = len(Layout.of(text).spans)
    changes = [Change(number, new, "typo", 1) for number, new in dict(written).items() if number < count]
    for shown in (as_text(text, changes), as_html(text, changes), visible(text), spelled(text)):
        assert all(unicodedata.category(letter)[0] != "C" for letter in shown)
        assert not set(shown) & set("\u115f\u3164\u2800\u00a0\u2003")
    assert set(re.findall(r"<[^>]*>", as_html(text, changes))) <= {"<del>", "</del>", "<ins>", "</ins>"}
