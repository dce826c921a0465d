"""Texts in which a person has marked what must not be seen: what leaks are measured on.

JSON lines, one document each; offsets are code points, and further fields are ignored::

    {"text": "Ada Byron, or Byron", "language": "en",
     "spans": [{"start": 0, "end": 9, "type": "PERSON", "entity": "ada"},
               {"start": 14, "end": 19, "type": "PERSON", "entity": "ada"}]}

``entity`` says which mentions are of one thing; without it, those are that agree in type and value. ``language`` may
be left out. Files that end in .conll or .bio have a word and a label (B-PER, I-LOC, O) a line, and an empty line
between documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from casemate.core.errors import UsageError
from casemate.privacy.text.operators.base import canonical

TYPES: Final = {"PER": "PERSON", "LOC": "LOCATION", "GEO-LOC": "LOCATION", "ORG": "ORGANIZATION"}
"""What labels of CoNLL files are called here; others keep their name."""
NEITHER: Final = frozenset({"MISC"})
"""Labels of what is nobody's, but no common word either: not counted at all."""


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that must not be seen.

    Attributes:
        start, end: code points.
        type: as the user calls it.
        entity: which mentions are of one thing; "" for those that agree in type and value.
    """

    start: int
    end: int
    type: str
    entity: str = ""


class Labeled(msgspec.Struct, frozen=True, kw_only=True):
    """A document and its mentions, in order.

    Attributes:
        text: as it was written.
        spans: what must not be seen.
        language: ISO 639-1 code, or "".
    """

    text: str
    spans: tuple[Mention, ...] = ()
    language: str = ""

    def value(self, mention: Mention) -> str:
        """What a mention says."""
        return self.text[mention.start : mention.end]

    def entities(self) -> dict[tuple[str, str], list[Mention]]:
        """Mentions by what they are of: type, and entity or value."""
        found: dict[tuple[str, str], list[Mention]] = {}
        for each in self.spans:
            if each.type not in NEITHER:
                of = each.entity or canonical(self.value(each), each.type)
                found.setdefault((each.type, of), []).append(each)
        return found


def read_labeled(path: Path) -> list[Labeled]:
    """The documents of a file.

    Raises:
        UsageError: it cannot be read, is empty, or a line is not of the form above.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the sample {path.name} cannot be read", cause=str(error)[:200], next_step="name a file in UTF-8"
        ) from error
    lines = text.split("\n")
    made = list(_conll(lines) if path.suffix in (".conll", ".bio") else _json_lines(lines))
    if not any(each.spans for each in made):
        raise UsageError(
            "nothing is marked in the sample", cause=f"{len(made)} documents without spans",
            next_step='write {"text": ..., "spans": [{"start": 0, "end": 9, "type": "PERSON"}]} a line',
        )  # fmt: skip
    return made


def _json_lines(lines: Iterable[str]) -> Iterator[Labeled]:
    decoder = msgspec.json.Decoder(Labeled)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            made = decoder.decode(line.encode())
        except (msgspec.MsgspecError, ValueError) as error:
            raise _bad(number, str(error)) from error
        for each in made.spans:
            if not 0 <= each.start < each.end <= len(made.text):
                raise _bad(number, f"a span from {each.start} to {each.end} in a text of {len(made.text)} code points")
            if not each.type:
                raise _bad(number, "a span without a type")
        yield msgspec.structs.replace(made, spans=tuple(sorted(made.spans, key=lambda each: (each.start, each.end))))


def _bad(number: int, why: str) -> UsageError:
    return UsageError(
        f"line {number} of the sample is no labeled text", cause=why[:300],
        next_step='write it as {"text": ..., "spans": [{"start": 0, "end": 9, "type": "PERSON"}]}',
    )  # fmt: skip


def _conll(lines: Iterable[str]) -> Iterator[Labeled]:
    text, spans = "", list[Mention]()
    for number, line in enumerate((*lines, ""), 1):
        if not line.strip():
            if text:
                yield Labeled(text=text, spans=tuple(spans))
            text, spans = "", []
            continue
        parts = line.split()
        if parts[0] == "-DOCSTART-":
            continue
        if len(parts) < 2:
            raise _bad(number, "a word without a label")
        start = len(text) + bool(text)
        text += " " * bool(text) + parts[0]
        begins, _, name = parts[-1].partition("-")
        if not name:
            continue
        type = TYPES.get(name.upper(), name.upper())
        if begins == "I" and spans and (spans[-1].end, spans[-1].type) == (start - 1, type):
            spans[-1] = msgspec.structs.replace(spans[-1], end=len(text))
        else:
            spans.append(Mention(start=start, end=len(text), type=type))
