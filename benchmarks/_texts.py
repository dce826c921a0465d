"""Public texts for the benchmarks of redaction, known by their SHA-256, and how what is found in them is scored.

Files lie in ``CASEMATE_BENCH_DATA/text``: the test of WNUT17 (Derczynski et al., 2017), wikigold (Balasuriya et al.,
2009) and section h of the Broad Twitter Corpus (Derczynski et al., 2016), all CC BY 4.0;
``synth_dataset_v2.json`` and the templates of presidio-research (MIT).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FILES = {
    "wnut17_test.conll": "59242c5624a463782626d55a82c2c735fb687a011c44335acbb102e6d8e9d359",
    "wikigold.conll": "c797a64d0cf73ed058363f77671486bcfd413e70fda1726ad4a6ba624455225f",
    "btc_h.conll": "7f31215a79f3131526236203907c8d003b8e0f8ee6eef2a216ebb685340ebe39",
    "presidio/synth_dataset_v2.json": "ec08a771ba8135314cafb60752b2295212222ba3a4cd75d73811839c699e0012",
    "presidio/presidio_evaluator/data_generator/raw_data/templates.txt":
        "f8b04ff8c5c24d17fcac2e666767f6ba80841b69ee2ea3c1cfe089a676a766ef",
}  # fmt: skip
WIKIGOLD = 1_200
"""Sentences of wikigold that are scored; those after them are trained on."""

Found = tuple[int, int, str]


class Labelled(NamedTuple):
    """A text and what is in it."""

    text: str
    spans: list[Found]


def folder() -> Path | None:
    """Where the files lie, or None: not declared, or not those files."""
    named = os.environ.get("CASEMATE_BENCH_DATA")
    place = Path(named) / "text" if named else None
    if place is None or not all((place / name).exists() for name in FILES):
        return None
    for name, known in FILES.items():
        if hashlib.sha256((place / name).read_bytes()).hexdigest() != known:
            raise ValueError(f"{name} in CASEMATE_BENCH_DATA/text is not the file that the figures are about")
    return place


def people(path: Path, most: int | None = None) -> list[Labelled]:
    """Sentences of a CoNLL file, words joined by spaces, with its persons; accounts after an @ are none."""
    blocks = [each for each in path.read_text(encoding="utf-8").split("\n\n") if each.strip()]
    made = []
    for block in blocks[:most]:
        text, spans, before = "", [], ""
        for line in block.strip().splitlines():
            word, _, label = line.rstrip().rpartition("\t" if "\t" in line else " ")
            start = len(text) + bool(text)
            text += " " * bool(text) + word
            is_person = label.lower().endswith(("-person", "-per")) and not word.startswith("@") and before != "@"
            if is_person and spans and spans[-1][1] == start - 1:
                spans[-1] = (spans[-1][0], len(text), "PERSON")
            elif is_person:
                spans.append((start, len(text), "PERSON"))
            before = word
        if text:
            made.append(Labelled(text, spans))
    return made


def real(place: Path) -> dict[str, list[Labelled]]:
    """The three test parts that nothing was trained or tuned on."""
    return {
        "WNUT17 test": people(place / "wnut17_test.conll"),
        "wikigold, first 1,200": people(place / "wikigold.conll", WIKIGOLD),
        "BTC h": people(place / "btc_h.conll"),
    }


def synthetic(place: Path) -> list[Labelled]:
    """presidio-research's 1,500 synthetic documents."""
    rows = json.loads((place / "presidio" / "synth_dataset_v2.json").read_text(encoding="utf-8"))
    return [Labelled(row["full_text"], [(each["start_position"], each["end_position"], each["entity_type"])
                                        for each in row["spans"]]) for row in rows]  # fmt: skip


def same(one: Found, two: Found) -> bool:
    """Of one type, with an intersection over union of at least a half."""
    shared = min(one[1], two[1]) - max(one[0], two[0])
    return one[2] == two[2] and 2 * shared >= max(one[1], two[1]) - min(one[0], two[0])


def counts(truth: Sequence[Labelled], found: Sequence[Sequence[Found]]) -> tuple[int, int, int]:
    """Right, found, true."""
    right = sum(any(same(a, b) for b in mine) for part, mine in zip(truth, found, strict=True) for a in part.spans)
    return right, sum(map(len, found)), sum(len(each.spans) for each in truth)


def f1(right: int, found: int, true: int) -> float:
    """Harmonic mean of precision and recall."""
    return 2 * right / max(found + true, 1)


def covered(truth: Sequence[Labelled], found: Sequence[Sequence[Found]]) -> float:
    """Share of letters and digits of what is in the texts that any span covers."""
    hit = total = 0
    for part, mine in zip(truth, found, strict=True):
        under = bytearray(len(part.text))
        for start, end, _ in mine:
            under[start:end] = b"\1" * (end - start)
        for start, end, _ in part.spans:
            for at in range(start, end):
                if part.text[at].isalnum():
                    total, hit = total + 1, hit + under[at]
    return hit / max(total, 1)


def merged(text: str, spans: Sequence[Found]) -> list[Found]:
    """Neighbours of one type become one where only spaces and commas are between."""
    made: list[Found] = []
    for each in sorted(spans):
        if made and made[-1][2] == each[2] and not text[made[-1][1] : each[0]].strip(" ,"):
            made[-1] = (made[-1][0], max(each[1], made[-1][1]), each[2])
        else:
            made.append(each)
    return made
