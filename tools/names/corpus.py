"""What the tagger learns from: public corpora below CASEMATE_BENCH_DATA, and sentences made of templates.

WNUT17 (Derczynski et al., 2017), the Broad Twitter Corpus (Derczynski et al., 2016) and wikigold (Balasuriya et al.,
2009) are CC BY 4.0. Those parts that benchmarks score are never read here: WNUT17's test, the first 1,200 sentences of
wikigold, section h of the tweets.
"""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.names.wide import wide

HERE = Path(__file__).parent
FILES = {
    "wnut17_train.conll": "707d8fbadf7ab186e7998fdcbea41470d25d0a453049f531d0c8d0c810a8d8cb",
    "wnut17_dev.conll": "5cd520c3321adb4d08f3f2c9eb126f4eb53c6785845a9e5f367f416100301184",
    "btc_a.conll": "ac824cc13c88283fe3cca05343e46c79ec4cd5b174429f27bf8fe0ebdc1bbf33",
    "btc_b.conll": "504a094a0398e03fd7b394510e313b8fc844407102252182d90aea23f53cc322",
    "btc_e.conll": "77aca745cdc28ae0fafbcf36a93ccfd15357a8db97c21d91083592dd85e348c5",
    "btc_f.conll": "d0839ddb0bd57f3a59ac9ab35d371dc140db8280e0001469a4e56fe8f776ce8a",
    "btc_g.conll": "d53a27645cabc4e63313d573498b48b0cc5ed780d280edfbdc4fedefe23479da",
    "wikigold.conll": "c797a64d0cf73ed058363f77671486bcfd413e70fda1726ad4a6ba624455225f",
}
UNTOUCHED = 1_200
"""Sentences of wikigold that only the benchmark reads."""
WIDE = 0.4
"""Share of names that come from the wide lists."""
NAMES = {
    "person": "PERSON", "per": "PERSON", "location": "LOCATION", "loc": "LOCATION",
    "group": "ORGANIZATION", "corporation": "ORGANIZATION", "org": "ORGANIZATION",
}  # fmt: skip

WORDS = {
    "word": "common", "Word": "common", "start": "starts", "label": "labels", "work": "places_of_work", "time": "times",
}  # fmt: skip
"""Slots that words.toml fills, none of them with a name."""


class Labels(NamedTuple):
    """A text and what is in it: (first, last + 1, type)."""

    text: str
    spans: list[tuple[int, int, str]]


Sentence = list[tuple[str, str]]


def read(path: Path) -> list[Sentence]:
    """Sentences of (word, label) pairs; labels "PERSON" and so on or ""; accounts after an @ have none."""
    found: list[Sentence] = [[]]
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, label = line.rstrip().rpartition("\t" if "\t" in line else " ")
        if not word:
            found.append([])
            continue
        kind = NAMES.get(label.partition("-")[2].lower(), "")
        account = word.startswith("@") or (found[-1] and found[-1][-1][0] == "@")
        found[-1].append((word, "" if account else kind))
    return [each for each in found if each]


def checked(folder: Path, name: str) -> list[Sentence]:
    """The sentences of one file, of which the SHA-256 is known."""
    path = folder / name
    if hashlib.sha256(path.read_bytes()).hexdigest() != FILES[name]:
        raise ValueError(f"{name} is not the file that the weights were made from")
    return read(path)


def joined(sentence: Sentence, tight: bool) -> Labels:
    """Words with spaces between them; ``tight``: as people write, without spaces before commas."""
    text, spans = "", []
    for word, label in sentence:
        close = tight and (re.fullmatch(r"[.,!?;:)\]%]+|'\w{0,2}|n't|…", word) or text[-1:] in ("(", "[", "@", "#"))
        if text and not close:
            text += " "
        if label and spans and spans[-1][2] == label and spans[-1][1] >= len(text) - 1 and text[-1:] in (" ", ""):
            spans[-1] = (spans[-1][0], len(text) + len(word), label)
        elif label:
            spans.append((len(text), len(text) + len(word), label))
        text += word
    return Labels(text, spans)


def together(parts: Sequence[Labels], between: str) -> Labels:
    """Several texts as one."""
    text, spans = "", []
    for part in parts:
        text += between if text else ""
        spans += [(start + len(text), end + len(text), kind) for start, end, kind in part.spans]
        text += part.text
    return Labels(text, spans)


def made(seed: int, rounds: int) -> Iterator[tuple[str, Labels]]:
    """Templates, and sentences of them that are filled with names of the lists."""
    rng = random.Random(seed)
    lists = tomllib.loads((HERE / "lists.toml").read_text(encoding="utf-8"))
    lists |= tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))
    for language, sentences in tomllib.loads((HERE / "templates.toml").read_text(encoding="utf-8")).items():
        if language == "known":
            continue
        for sentence in sentences.strip().splitlines():
            for _ in range(rounds * (3 if language == "en" else 1) if "{" in sentence else max(rounds // 3, 1)):
                yield sentence, filled(sentence.replace("\\n", "\n").replace("\\t", "\t"), lists, language, rng)


def known(seed: int) -> Iterator[Labels]:
    """Every name of the wide lists at least once, in the plainest of sentences."""
    rng = random.Random(seed)
    firsts, lasts, places = (wide(each).copy() for each in ("first", "last", "place"))
    for kind in (firsts, lasts, places):
        rng.shuffle(kind)
    frames = tomllib.loads((HERE / "templates.toml").read_text(encoding="utf-8"))["known"].strip().splitlines()
    for at in range(max(map(len, (firsts, lasts, places)))):
        given = {"first": firsts[at % len(firsts)], "last": lasts[at % len(lasts)], "place": places[at % len(places)]}
        kinds = {"first": "PERSON", "last": "PERSON", "place": "LOCATION"}
        text, spans = "", []
        for which, part in enumerate(re.split(r"\{(\w+)\}", rng.choice(frames))):
            value = given[part] if which % 2 else part
            if which % 2 and spans and spans[-1][1:] == (len(text) - 1, kinds[part]) and text[-1:] == " ":
                spans[-1] = (spans[-1][0], len(text) + len(value), kinds[part])
            elif which % 2:
                spans.append((len(text), len(text) + len(value), kinds[part]))
            text += value
        yield Labels(text, spans)


def filled(sentence: str, lists: dict[str, dict[str, str]], language: str, rng: random.Random) -> Labels:
    """One sentence with its slots filled."""
    text, spans = "", []
    for at, part in enumerate(re.split(r"\{(\w+)\}", sentence)):
        value, kind = (part, "") if at % 2 == 0 else _value(part, lists, language, rng)
        if kind:
            spans.append((len(text), len(text) + len(value), kind))
        text += value
    return Labels(text, spans)


def _value(slot: str, lists: dict[str, dict[str, str]], language: str, rng: random.Random) -> tuple[str, str]:
    def one(kind: str) -> str:
        if rng.random() < WIDE:
            return rng.choice(wide(kind))
        where = language if rng.random() < 0.7 else rng.choice(sorted(lists[kind]))
        return rng.choice(lists[kind][where].split("|"))

    def fill(pattern: str) -> str:
        pattern = re.sub(r"\{(first|last|place)2?\}", lambda found: one(found[1]), pattern)
        for part in ("stem", "trade", "form", "state"):
            pattern = pattern.replace(f"{{{part}}}", rng.choice(lists["organization"][part].split("|")))
        pattern = pattern.replace("{zip}", f"{rng.randint(1000, 99999):05}")
        return re.sub(r"\{n\}", lambda _: str(rng.randint(1, 400)), pattern)

    if slot in WORDS:
        value = rng.choice(lists[WORDS[slot]][language].split("|"))
        return (value[0].upper() + value[1:] if slot == "Word" else value), ""
    if slot == "person":
        first, last = one("first"), one("last")
        odd = rng.random()
        middle = rng.choice("ABCDEFGHJKLMNPRSTW")
        forms = [f"{first[0]}. {last}", f"{first} {middle}. {last}", f"{first} {one('last')}-{last}",
                 f"{first} {one('first')} {last}", last, first]  # fmt: skip
        return (forms[int(odd * 20)] if odd * 20 < len(forms) else f"{first} {last}"), "PERSON"
    if slot in ("first", "last"):
        return one(slot), "PERSON"
    if slot == "place":
        return one("place"), "LOCATION"
    if slot == "street":
        where = language if rng.random() < 0.6 else "world"
        return fill(rng.choice(lists["street"][where].split("|"))), "LOCATION"
    if slot == "address":
        street = fill(rng.choice(lists["street"]["world" if rng.random() < 0.3 else language].split("|")))
        return street + fill(rng.choice(lists["street"]["rest"].split("|"))).replace("/", "\n"), "LOCATION"
    if slot == "org":
        odd = rng.random()
        where = "known" if odd < 0.25 else language if odd < 0.6 else "world"
        name = fill(rng.choice(lists["organization"][where].split("|")))
        return (name.upper() if rng.random() < 0.06 else name), "ORGANIZATION"
    digits = "".join(rng.choice("0123456789") for _ in range(12))
    return {
        "n": str(rng.randint(1, 5000)), "zip": digits[:5], "phone": f"{digits[:3]}-{digits[3:6]}-{digits[6:10]}",
        "mail": f"{one('first').lower()}{digits[:2]}@example.com".replace(" ", ""),
        "date": f"{rng.randint(1, 28)}.{rng.randint(1, 12)}.{rng.randint(1930, 2025)}",
    }[slot], ""  # fmt: skip
