"""WordNet as Debian's ``wordnet-base`` installs it, read directly: index and data files, and exceptions of inflection.

The format is that of wndb(5WN) and wninput(5WN). Files are read whole, once, and only what is asked for is parsed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from casemate.core.errors import MissingPartError, UnreadableError

FOLDER = Path("/usr/share/wordnet")
PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_LARGEST = 64 << 20
_MOST_SENSES = 120


class Sense(NamedTuple):
    """One meaning: the other words for it, and how often a word was tagged with any meaning of this part of speech."""

    part: str
    words: tuple[str, ...]


class Entry(NamedTuple):
    """A word of one part of speech: its meanings by frequency, and how many of them were seen in tagged text."""

    part: str
    offsets: tuple[int, ...]
    tagged: int


@dataclass(frozen=True)
class WordNet:
    """The database of one folder."""

    folder: Path

    @classmethod
    def installed(cls, folder: Path = FOLDER) -> WordNet:
        """The one of this machine.

        Raises:
            MissingPartError: it is not there.
        """
        missing = [
            name
            for part in PARTS.values()
            for name in (f"index.{part}", f"data.{part}")
            if not (folder / name).is_file()
        ]
        if missing:
            raise MissingPartError(
                "synonyms need the WordNet database",
                cause=f"{folder} lacks {', '.join(missing[:3])}",
                next_step="apt-get install wordnet-base, or attack without Synonyms",
            )
        return _open(folder)

    def entries(self, lemma: str) -> list[Entry]:
        """The parts of speech a lemma occurs as (lower case, underscores for spaces)."""
        found = []
        for part in PARTS:
            line = _find(_index(self.folder, part), lemma)
            if line is not None:
                found.append(_entry(part, line))
        return found

    def sense(self, part: str, offset: int) -> Sense:
        """The synonyms of one meaning.

        Raises:
            UnreadableError: there is no such record, or it is not one.
        """
        content = _data(self.folder, part)
        end = content.find(b"\n", offset)
        line = content[offset : end if end >= 0 else len(content)] if 0 <= offset < len(content) else b""
        return _sense(part, offset, line)

    @functools.cached_property
    def exceptions(self) -> dict[str, dict[str, str]]:
        """Irregular forms by part of speech: form to lemma."""
        found: dict[str, dict[str, str]] = {}
        for part, name in PARTS.items():
            path = self.folder / f"{name}.exc"
            lines = _read(path).decode("ascii", "replace").splitlines() if path.is_file() else []
            pairs = (line.split() for line in lines)
            found[part] = {pair[0]: pair[1] for pair in pairs if len(pair) >= 2}
        return found


@functools.cache
def _open(folder: Path) -> WordNet:
    return WordNet(folder)


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise _unreadable(path.name, "it is larger than any WordNet")
    return content


@functools.cache
def _index(folder: Path, part: str) -> bytes:
    return _read(folder / f"index.{PARTS[part]}")


@functools.cache
def _data(folder: Path, part: str) -> bytes:
    return _read(folder / f"data.{PARTS[part]}")


def _find(content: bytes, lemma: str) -> bytes | None:
    """The line that begins with a lemma; lines are sorted, so by bisection of byte offsets, which halves each turn."""
    wanted, low, high = lemma.encode("ascii", "replace"), 0, len(content)
    while low < high:
        middle = (low + high) // 2
        start = content.rfind(b"\n", 0, middle) + 1
        end = content.find(b"\n", middle)
        end = len(content) if end < 0 else end
        key = content[start:end].split(b" ", 1)[0]
        if key == wanted:
            return content[start:end]
        if key < wanted:
            low = end + 1
        else:
            high = start
    return None


def _entry(part: str, line: bytes) -> Entry:
    """``lemma pos synset_cnt p_cnt [symbol...] sense_cnt tagsense_cnt offset...``."""
    fields = line.split()
    try:
        pointers = int(fields[3])
        tagged = int(fields[5 + pointers])
        offsets = tuple(int(field) for field in fields[6 + pointers : 6 + pointers + _MOST_SENSES])
    except (IndexError, ValueError) as error:
        raise _unreadable(f"index.{PARTS[part]}", "a line is no index entry") from error
    if pointers < 0 or tagged < 0 or not offsets or min(offsets) < 0:
        raise _unreadable(f"index.{PARTS[part]}", "a line has impossible counts")
    return Entry(part, offsets, tagged)


def _sense(part: str, offset: int, line: bytes) -> Sense:
    """``offset lex_filenum ss_type w_cnt word lex_id [word lex_id...] p_cnt ...``; w_cnt is hexadecimal."""
    fields = line.split(b" ", 4)
    try:
        if int(fields[0]) != offset:
            raise ValueError
        count = int(fields[3], 16)
        words = [word.decode("ascii") for word in fields[4].split(b" ", 2 * count)[: 2 * count : 2]]
    except (IndexError, ValueError) as error:
        raise _unreadable(f"data.{PARTS[part]}", f"there is no record at {offset}") from error
    if count <= 0 or len(words) != count:
        raise _unreadable(f"data.{PARTS[part]}", f"the record at {offset} is cut short")
    return Sense(part, tuple(word.partition("(")[0] for word in words))


def _unreadable(name: str, cause: str) -> UnreadableError:
    return UnreadableError(
        f"the WordNet file {name} cannot be understood", cause=cause, next_step="reinstall the package wordnet-base"
    )
