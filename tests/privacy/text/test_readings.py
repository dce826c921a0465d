"""What is written otherwise is found as if it were not: twelve ways of hiding."""

from __future__ import annotations

import base64
import html
import random
import urllib.parse
from collections.abc import Callable
from functools import cache

import pytest

from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.detector import Structured
from casemate.privacy.text.recognizer import built_in

LIKE = str.maketrans("aeopcxyi", "аеорсхуі")
MAKERS: dict[str, Callable[[random.Random], str]] = {
    "EMAIL_ADDRESS": lambda draw: (
        f"{draw.choice(['jane', 'omar', 'li'])}.{draw.choice(['doe', 'roe'])}@example.{draw.choice(['com', 'org'])}"
    ),
    "CREDIT_CARD": lambda draw: draw.choice(["4111 1111 1111 1111", "5555 5555 5555 4444", "4012888888881881"]),
    "IBAN_CODE": lambda draw: draw.choice(["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"]),
    "US_SSN": lambda draw: draw.choice(["219-09-9998", "536-90-4399"]),
    "PHONE_NUMBER": lambda draw: draw.choice(["+1 212-555-0123", "+44 20 7946 0018", "(212) 555-0199"]),
}


def full_width(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


def spelled(text: str) -> str:
    return text.replace("@", " at ").replace(".", " dot ") if "@" in text else text


def wrapped(text: str) -> str:
    half = text.find("@") + 4 if "@" in text else len(text) // 2
    return f"{text[:half]}\n{text[half:]}"


def bold(text: str) -> str:
    return text.replace("@", "**@**") if "@" in text else f"{text[:6]}**{text[6:8]}**{text[8:]}"


HIDINGS: dict[str, Callable[[str], str]] = {
    "full width": full_width,
    "look-alikes": lambda text: text.translate(LIKE),
    "zero width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "spelled separators": spelled,
    "brackets": lambda text: text.replace("@", " [at] ").replace(".", "[dot]") if "@" in text else text,
    "spaced": lambda text: " ".join(text.replace(" ", "")),
    "HTML": lambda text: "".join(f"&#{ord(each)};" if not each.isalnum() else html.escape(each) for each in text),
    "URL": lambda text: urllib.parse.quote(text, safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "wrapped": wrapped,
    "markdown": bold,
}


@cache
def detector() -> Structured:
    return Structured(each for each in built_in() if each.type in MAKERS)


@pytest.mark.parametrize("name", HIDINGS)
def test_recall_falls_by_five_points_at_most(name: str) -> None:
    draw = random.Random(name)
    known = found = 0
    for _ in range(20):
        for kind, make in MAKERS.items():
            value = make(draw)
            for hidden, count in ((value, 0), (HIDINGS[name](value), 1)):
                text = f"Please use {hidden} from now on."
                start, end = 11, 11 + len(hidden)
                spans = settled(detector().find(text), 0.5)
                hit = any(each.type == kind and each.start <= start and end <= each.end for each in spans)
                known += hit and not count
                found += hit and count
    assert known == 100
    assert found >= 95, (name, found)


def test_offsets_are_those_of_the_original() -> None:
    text = "see jane%40example.com, or amFuZUBleGFtcGxlLmNvbQ== today"
    found = [text[each.start : each.end] for each in settled(detector().find(text), 0.5)]
    assert found == ["jane%40example.com", "amFuZUBleGFtcGxlLmNvbQ=="]


@pytest.mark.parametrize(
    "text",
    [
        "look at the dot com bubble",
        "a * b * c",
        "100% 40 times",
        "&amp; so on",
        "I a m h e r e",
        "dot\nnet",
        "at example",
    ],
)
def test_nothing_is_read_into_plain_text(text: str) -> None:
    assert not settled(detector().find(text), 0.5)
