"""WordNet's files and synonyms: a small database of our own, damaged ones, and the real one where it is."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.core.errors import CasemateError, MissingPartError, UnreadableError
from casemate.threats.evasion.text.synonyms import Synonyms, inflect
from casemate.threats.evasion.text.wordnet import FOLDER, Entry, WordNet

DATA = {
    "noun": [("film", "movie", "motion_picture"), ("foot", "pes"), ("bore", "dullard")],
    "verb": [("bore", "tire"), ("watch", "observe"), ("film", "shoot")],
    "adj": [("bad", "awful"), ("funny", "comic"), ("sad", "deplorable")],
    "adv": [("badly", "poorly")],
}
TAGGED = {"film": {"noun": 9, "verb": 2}, "bore": {"noun": 1, "verb": 4}}


def build(folder: Path) -> Path:
    """A database in the format of wndb(5WN)."""
    for part, synsets in DATA.items():
        content, entries = b"  1 a line of license\n", {}
        for words in synsets:
            offset = len(content)
            listed = " ".join(f"{word} 0" for word in words)
            content += f"{offset:08d} 00 {part[0]} {len(words):02x} {listed} 000 | gloss\n".encode()
            for word in words:
                entries.setdefault(word, []).append(offset)
        lines = ["  1 a line of license"]
        for word in sorted(entries):
            offsets = " ".join(f"{offset:08d}" for offset in entries[word])
            tagged = TAGGED.get(word, {}).get(part, 0)
            lines.append(f"{word} {part[0]} {len(entries[word])} 1 @ {len(entries[word])} {tagged} {offsets}")
        (folder / f"data.{part}").write_bytes(content)
        (folder / f"index.{part}").write_text("\n".join(lines) + "\n")
        (folder / f"{part}.exc").write_text({"noun": "feet foot\n", "verb": "shot shoot\n"}.get(part, ""))
    return folder


def write(folder: Path, word: str, before: str = "") -> list[str]:
    return Synonyms(folder=str(folder))(word, before, np.random.default_rng(0))


def test_synonyms_have_the_part_of_speech_the_form_and_the_case(tmp_path: Path) -> None:
    folder = build(tmp_path)
    assert write(folder, "movie") == ["film"]
    assert write(folder, "Movies") == ["Films"]
    assert write(folder, "MOVIE") == ["FILM"]
    assert write(folder, "boring") == ["tiring"]  # tagged as a verb more often
    assert write(folder, "bore", "the") == ["dullard"]  # but not after an article
    assert write(folder, "watched") == ["observed"]
    assert write(folder, "tires") == ["bores"]
    assert write(folder, "pes") == ["foot"]
    assert write(folder, "feet") == ["peses"]
    assert write(folder, "film", "to") == ["shoot"]
    assert write(folder, "filmed") == ["shot"]
    for unknown in ("zzz", "x1", "naïve", "", "it's"):
        assert write(folder, unknown) == []


@pytest.mark.parametrize(
    ("lemma", "form", "written"),
    [
        ("carry", "s", "carries"),
        ("play", "s", "plays"),
        ("pass", "s", "passes"),
        ("carry", "ed", "carried"),
        ("carry", "ing", "carrying"),
        ("agree", "ing", "agreeing"),
        ("fine", "est", "finest"),
        ("dry", "er", "drier"),
        ("walk", "", "walk"),
    ],
)
def test_regular_forms(lemma: str, form: str, written: str) -> None:
    assert inflect(lemma, form, {}) == written


def test_without_wordnet_the_error_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(MissingPartError, match="wordnet-base"):
        write(tmp_path / "nowhere", "movie")


def test_a_record_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    net = WordNet(build(tmp_path))
    for offset in (0, 7, 10**9, -5):
        with pytest.raises(UnreadableError, match=r"data\.noun"):
            net.sense("n", offset)


@pytest.mark.parametrize(
    "line", ["film", "film n 1", "film n 1 x 0", "film n 1 -9 0 0 1", "film n 1 0 1 -1 5", "film n 0 0 0 0"]
)
def test_a_damaged_index_is_unreadable(tmp_path: Path, line: str) -> None:
    folder = build(tmp_path)
    (folder / "index.noun").write_text(line + "\n")
    with pytest.raises(UnreadableError, match=r"index\.noun"):
        WordNet(folder).entries("film")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    name=st.sampled_from([f"{kind}.{part}" for kind in ("index", "data") for part in DATA]),
    at=st.integers(0, 400),
    length=st.integers(0, 9),
    new=st.binary(max_size=9),
)
def test_damaged_files_raise_our_errors_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, name: str, at: int, length: int, new: bytes
) -> None:
    folder = build(tmp_path_factory.mktemp("net"))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:at] + new + content[at + length :])
    for word in ("film", "bored", "funnier", "feet", "badly", "watch"):
        with contextlib.suppress(CasemateError):
            assert all(isinstance(each, str) for each in write(folder, word))


@pytest.mark.skipif(not FOLDER.is_dir(), reason="Debian's wordnet-base is not installed")
def test_the_real_wordnet() -> None:
    net = WordNet.installed()
    (noun,) = [entry for entry in net.entries("movie") if entry.part == "n"]
    assert isinstance(noun, Entry)
    assert {"film", "picture", "flick"} <= set(net.sense("n", noun.offsets[0]).words)
    assert "film" in write(FOLDER, "movie", "the")
    assert "awful" in write(FOLDER, "terrible", "a")
    assert net.exceptions["n"]["mice"] == "mouse"
