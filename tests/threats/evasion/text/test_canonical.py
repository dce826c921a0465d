"""The canonical form: what cannot be seen does nothing, however it is asked; and the map leads back."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.threat import Access
from casemate.threats.evasion.text.attack import TextAttack
from casemate.threats.evasion.text.bidi import as_displayed
from casemate.threats.evasion.text.canonical import canonicalize, canonicalized, through
from casemate.threats.evasion.text.classifier import as_rows
from casemate.threats.evasion.text.disguises import HIDDEN, Hidden, Homoglyphs, glyphs
from casemate.threats.evasion.text.limits import Limits
from casemate.threats.evasion.text.lookalikes import lookalikes
from tests.threats.evasion.text.scene import scene, sentences

ROOM = Limits(words=0.4, edits=400)
CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
TRICKY = st.text(
    st.sampled_from(
        f"ab Il10oeé.\u0301\u0338\u200b\u00ad\b\x7f\x01\n\t\u200a\u2003ﬁ＠аерпßſŁ\u05d0\u0627\u0661{CONTROLS}"
    ),
    max_size=24,
)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("pl\u200bo\u00adt", "plot"),
        ("pl\U000e0061ot\ufe0f", "plot"),
        ("p\x00l\x1bot", "plot"),
        ("plxo\bt\b\bot", "plot"),
        ("plx\bot", "plot"),
        ("plx\u200b\bot", "plot"),
        ("line\n\bend", "line\nend"),
        ("\bstart", "start"),
        ("a \u202etolp\u202c b", "a plot b"),
        ("p\u202d\u2066\u202e\u2066o\u2069\u2066l\u2069\u202c\u2069\u202ct", "plot"),
        ("\u202dplot\u202c", "plot"),
        ("gr\u0435at", "great"),
        ("ɡгеаτ", "great"),
        ("g\u0338r\u0336eat", "great"),
        ("grèãt naïve", "great naive"),
        ("terribIe and beautifuI", "terrible and beautiful"),
        ("g00d b0red", "g00d bored"),
        ("pl\u200aot, p\u2009lot", "plot, plot"),
        ("19\u200a80s mp\u20093", "1980s mp3"),  # attacked again on film reviews, this got through once
        ("plot\u2003twist", "plot twist"),
        ("ｐｌｏｔ", "plot"),
    ],
)
def test_text_as_a_reader_sees_it(text: str, reads: str) -> None:
    assert canonicalize(text).text == reads


@pytest.mark.parametrize(
    "text", ["привет, мир", "שלום עולם", "ελληνικά", "日本語", "It is 10 o'clock in 2026.", "a-b_c", "I, IBM, II", ""]
)
def test_honest_text_stays(text: str) -> None:
    assert canonicalize(text).text == text


def test_marks_can_be_kept() -> None:
    assert canonicalize("pêche \u200b", marks=False).text == "pêche "


@given(TRICKY | st.text(max_size=40))
def test_canonicalizing_again_changes_nothing(text: str) -> None:
    once = canonicalize(text).text
    assert canonicalize(once).text == once


@given(TRICKY | st.text(max_size=40))
def test_the_map_leads_back(text: str) -> None:
    found = canonicalize(text)
    assert len(found.starts) == len(found.stops) == len(found.text)
    for at, letter in enumerate(found.text):
        start, stop = found.original(at, at + 1)
        assert 0 <= start < stop <= len(text)
        if letter in text[start:stop] or letter == " ":
            continue
        source = unicodedata.normalize("NFKD", text[start:stop])
        assert letter in source or not text[start:stop].isascii() or set(text[start:stop]) & set("I|10"), (text, found)
    whole = found.original(0, len(found.text))
    assert 0 <= whole[0] <= whole[1] <= len(text)


@given(TRICKY)
def test_nothing_unseen_is_left(text: str) -> None:
    left = canonicalize(text).text
    assert not set(left) & set(f"{CONTROLS}\u200b\u00ad\b\x7f\x01\u2003")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_plain_ascii_keeps_its_length(text: str) -> None:
    found = canonicalize(text)
    assert len(found.text) == len(text)
    assert found.starts == tuple(range(len(text)))


@pytest.mark.parametrize("size", [100_000])
def test_the_work_is_bounded(size: int) -> None:
    assert canonicalize("a" + "\u0301" * size).text == "a"
    assert canonicalize("\u202e" * size + "ba").text == "ab"
    assert canonicalize("x\b" * size).text == ""


# Rule numbers of Unicode Standard Annex 9; each line was compared with an independent implementation.
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202eabc\u202c d", "cba d"),  # X4
        ("a\u2067b\u2069c", "abc"),  # X5a
        ("\u2067\u2066a\u2069\u2066b\u2069\u2069", "ba"),  # N1 between isolates
        ("\u202e\u2066ab\u2069\u2066cd\u2069\u202c", "cdab"),  # isolates keep their own order
        ("\u202ea1+2\u202c", "2+1a"),
        ("\u202dab\u202eab\u202cab", "abbaab"),
        ("\u202c\u2069ab", "ab"),  # closers of nothing
        ("\u202eab", "ba"),  # openers without end
    ],
)
def test_the_order_of_display(text: str, shown: str) -> None:
    assert "".join(text[at] for at in as_displayed(text)) == shown


def test_hebrew_with_controls_stays_as_it_is_stored() -> None:
    assert canonicalize("\u2067שלום\u2069 abc").text == "שלום abc"


@given(st.text(st.sampled_from(f"ab1 \u05d0.{CONTROLS}"), max_size=20))
def test_display_loses_only_controls(text: str) -> None:
    kept = sorted(as_displayed(text))
    assert [text[at] for at in kept] == [letter for letter in text if letter not in CONTROLS]


@pytest.mark.parametrize("seed", range(3))
def test_every_hidden_way_to_write_a_word_reads_as_the_word(seed: int) -> None:
    draw = np.random.default_rng(seed)
    for word in ("terrible", "it's", "Film", "ab", "1980s", "mp3"):
        for written in Hidden(most=60)(word, "", draw):
            assert canonicalize(f"a {written}, b").text == f"a {word}, b", ascii(written)


@given(st.lists(st.text("abcdefgh", min_size=2, max_size=6), min_size=1, max_size=6), st.integers(0, 10_000))
def test_disguised_words_stand_where_they_stood_whatever_their_neighbors(words: list[str], seed: int) -> None:
    """Turned words must not take the spaces between them along: a reader would see them change places."""
    draw = np.random.default_rng(seed)
    written = []
    for word in words:
        ways = [word, *Hidden(most=20)(word, "", draw)]
        written.append(ways[int(draw.integers(len(ways)))])
    assert canonicalize(" ".join(written)).text == " ".join(words)


def test_look_alikes_read_as_what_they_look_like() -> None:
    ascii_ones = {"I", "1", "l", "0"}
    tried = [(plain, like) for plain, letters in glyphs().items() for like in letters if like not in ascii_ones]
    read = [canonicalize(f"ab{like}cd").text.lower() == f"ab{plain.lower()}cd" for plain, like in tried]
    assert len(tried) > 300
    assert np.mean(read) > 0.98
    assert all(not letter.isascii() for letter in lookalikes())


@pytest.mark.parametrize("kind", ["word", "char"])
@pytest.mark.parametrize("scores", [True, False])
def test_attacked_again_nothing_invisible_works(kind: str, scores: bool) -> None:
    target, texts, labels = scene(kind, count=25)
    attack = TextAttack((Hidden(),), ROOM, budget=25, scores=scores)
    bare = attack(target, texts, labels, seed=0)
    assert bare.turned().sum() >= 4  # without the defense it works
    behind = canonicalized(target)
    again = attack(behind, texts, labels, seed=0)
    assert again.correct.all()
    assert not again.turned().any()
    assert (behind.labels(as_rows(bare.texts)) == labels).all()
    removed = through(target, str, "a defense that does nothing")
    assert attack(removed, texts, labels, seed=0).turned().sum() == bare.turned().sum()


def test_examples_against_the_defense_never_need_what_is_invisible() -> None:
    target, texts, labels = scene(count=25)
    behind = canonicalized(target)
    found = TextAttack((Hidden(), Homoglyphs()), ROOM, budget=40)(behind, texts, labels, seed=0)
    for at in np.flatnonzero(found.turned()):
        assert any(change.kind != HIDDEN for change in found.changes[at])


def test_queries_through_the_defense_count_at_the_target() -> None:
    target, texts, _ = scene(count=5)
    behind = canonicalized(target.restrict(Access.LABELS))
    behind.labels(as_rows(texts))
    assert behind.meter.used == target.meter.used == 5
    assert "canonicalized" in behind.name
    assert not behind.gives_scores
    assert behind.classes == target.classes
    assert behind.backend.model == target.backend.model


def test_the_defense_costs_little_on_clean_text() -> None:
    target, _, _ = scene()
    texts, labels = sentences(200, 9)
    behind = canonicalized(target)
    assert (behind.labels(as_rows(texts)) == target.labels(as_rows(texts))).all()
    assert np.mean(behind.labels(as_rows(texts)) == labels) > 0.8
