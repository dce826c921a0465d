"""Our own templates of texts in six languages, written apart from the recognizers, and what is in them once filled.

``{slot}`` is filled by ``_text_values`` (``{slot2}``: of a second person, company or place; ``{slot:lower}``,
``{slot:upper}``), ``{TYPE=words}`` stands for itself and is labelled, ``{-=words}`` may or may not be found.
Templates are halved by the parity of their SHA-256: the even half is for development, the odd half is only scored and
not looked at.
"""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from typing import NamedTuple

from benchmarks._text_values import PLACE, TYPES, Values
from benchmarks._texts import Found

LANGUAGES = {"de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch"}
SLOT = re.compile(r"\{(?:([a-z_]+)(\d?)(?::(lower|upper))?|([A-Z_]+|-)=([^{}]*))\}")
OPEN = "-"
"""Type of what may or may not be found: times, and words on which people differ."""


class Filled(NamedTuple):
    """A text, what is in it, and which template it was."""

    text: str
    spans: list[Found]
    template: str


def templates(language: str, half: str) -> list[str]:
    """Those of one half, in the order of the file."""
    raw = tomllib.loads((PLACE / f"{language}.toml").read_text(encoding="utf-8"))["templates"]
    return [each.strip() for each in raw if odd(each.strip()) == (half == "odd")]


def odd(template: str) -> bool:
    """Whether it is of the half that is not looked at."""
    return int(hashlib.sha256(template.encode()).hexdigest(), 16) % 2 == 1


def filled(template: str, language: str, rng: random.Random) -> Filled:
    """One text made of a template."""
    values, text, spans, at = Values(language, rng), "", [], 0
    for slot in SLOT.finditer(template):
        text += template[at : slot.start()]
        at = slot.end()
        value = slot[5] if slot[4] else values(slot[1], slot[2])
        value = {"lower": value.lower(), "upper": value.upper(), None: value}[slot[3]]
        spans.append((len(text), len(text) + len(value), slot[4] or TYPES.get(slot[1], slot[1].upper())))
        text += value
    return Filled(text + template[at:], spans, template)


def documents(language: str, half: str, fills: int, seed: int) -> list[Filled]:
    """Each template of a half filled so many times; a template's texts do not depend on the others."""
    return [filled(each, language, random.Random(f"{seed} {language} {time} {each}"))
            for each in templates(language, half) for time in range(fills)]  # fmt: skip
