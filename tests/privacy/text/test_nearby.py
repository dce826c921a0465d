"""What is dropped unread has no word near; removing the close look makes nothing come back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casemate.patterns import backends
from casemate.privacy.text import detector, nearby
from casemate.privacy.text.detector import Structured
from casemate.privacy.text.encoded import Encoded, Points
from casemate.privacy.text.recognizer import built_in
from casemate.privacy.text.spans import Span

WORDS = sorted({word for each in built_in() for word in each.context})
NUMBERS = ("123456789", "12-3456789", "AB123456C", "4111 1111 1111 1111", "2125550123", "78701", "12.03.1984")
GLUE = (" ", ": ", "é", "ß", "\u0301", "\u200b", "ﬁ", "Ｎ", "😀", "_", "\n", "x" * 59 + " ", "№ ")


@pytest.fixture(scope="module")
def structured() -> Structured:
    return Structured(built_in(), 0.5)


@given(st.lists(st.sampled_from([*WORDS, *(word.upper() for word in WORDS), *NUMBERS, *GLUE]), max_size=12))
@example(["n.º de teléfono", " ", "2125550123"])
@example(["grossbuchstaben", " ", "stra", "ß", "ennummer", " ", "123456789"])
def test_nothing_is_dropped_that_counts(structured: Structured, parts: list[str]) -> None:
    text = "".join(parts)
    found = list(structured.find(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearby.Nearby, "of", lambda *_: None)
        assert found == list(structured.find(text))


def test_numbers_without_words_are_dropped(structured: Structured) -> None:
    near = structured._search._nearby.of(Encoded("1234 " * 50))
    assert near is not None
    numbers = range(len(structured._needy))
    assert not list(near.areas(numbers, 250))
    assert [number for number in numbers if near(number, [*range(5, 250, 5)])] == []


@pytest.mark.parametrize("filler", ["lorem ipsum ", "dolor sit améten "])
def test_in_long_texts_the_places_around_words_are_looked_at(structured: Structured, filler: str) -> None:
    examples = [text for each in built_in() if each.bare < 0.5 for text in each.true]
    text = "".join(f"{each}. {filler * 150}" for each in examples[::3])
    found = [each for each in structured.find(text) if each.source in structured._words]
    whole = {each.source for each in found}
    assert len(whole) > 60
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearby.Nearby, "of", lambda *_: None)
        assert found == list(structured.find(text))


@given(st.text(max_size=60))
def test_a_letter_is_one_byte(text: str) -> None:
    letters = nearby.folded(text)
    assert len(letters) == len(text)
    assert [nearby.folded(each)[0] for each in text] == letters.tolist()


@given(st.text(alphabet="aé한😀\n", max_size=3000))
def test_points_count_code_points(text: str) -> None:
    data = text.encode()
    at, begins = Points(data), np.frombuffer(data, dtype=np.uint8) & 0xC0 != 0x80
    counted = [*(np.cumsum(begins) - 1), begins.sum()]
    assert [at[offset] for offset in range(len(data) + 1)] == counted
    assert at.many(np.arange(len(data) + 1)).tolist() == counted
    assert at.bytes_of(np.arange(len(text) + 1)).tolist() == [
        len(text[:each].encode()) for each in range(len(text) + 1)
    ]


@pytest.mark.parametrize("word", ["phone", "téléphone"])
def test_many_places_are_kept_as_each_is(structured: Structured, word: str) -> None:
    text = f"{word}: 5550199 {'9 ' * 200}" * 5
    data = text.encode()
    near = structured._search._nearby.of(Encoded(text))
    assert near is not None
    stops = [*range(1, len(data))]
    for number in range(len(structured._needy)):
        assert near(number, stops) == [stop for stop in stops if near(number, [stop])]


def test_the_filter_is_used(structured: Structured, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    judge = detector.judge
    monkeypatch.setattr(detector, "judge", lambda names, text: looked.append(1) or judge(names, text))
    list(structured.find("In 1987 and 1988 there were 123456 of them. " * 20))
    assert not looked


def test_the_table_says_what_each_letter_says() -> None:
    table = nearby._table()
    assert [code for code in range(len(table) - 1) if table[code] != nearby._one(chr(code))] == []


@given(st.lists(st.lists(st.sampled_from([*WORDS, *NUMBERS, *GLUE]), max_size=6).map("".join), max_size=6))
def test_many_texts_are_read_as_one_by_one(structured: Structured, texts: list[str]) -> None:
    assert [[*each] for each in structured.find_all(texts)] == [[*structured.find(each)] for each in texts]


def test_one_text_that_is_too_dense_does_not_keep_the_others_from_being_read(
    structured: Structured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "MOST_HITS", 200_000)
    texts = ["mail a@example.com", "1 " * 200_000, "call 212-555-0123"]
    with pytest.raises(OverflowError):
        structured._search.places([Encoded(texts[1])])
    found = [[*each] for each in structured.find_all(texts)]
    assert [bool(each) for each in found[::2]] == [True, True]
    assert found[::2] == [[*structured.find(each)] for each in texts[::2]]


def test_a_reading_with_too_many_matches_is_read_again_in_parts(
    structured: Structured, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, read, left = ["mail a%40example.com", "call 212-555-0123"], Structured._read, [1]

    def dense(self: Structured, given: Encoded, places: list[tuple[int, int, int]]) -> Iterator[Span]:
        if left and left.pop():
            raise OverflowError
        return read(self, given, places)

    expected = [[*structured.find(each)] for each in texts]
    monkeypatch.setattr(Structured, "_read", dense)
    assert [[*each] for each in structured.find_all(texts)] == expected
    assert not left
