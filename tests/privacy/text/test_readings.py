"""What is written otherwise is found as if it were not: twelve ways of hiding."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import pytest

from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.detector import Structured
from casemate.privacy.text.recognizer import built_in
from tests.privacy.text.hidings import HIDINGS

MAKERS: dict[str, Callable[[random.Random], str]] = {
    "EMAIL_ADDRESS": lambda draw: (
        f"{draw.choice(['jane', 'omar', 'li'])}.{draw.choice(['doe', 'roe'])}@example.{draw.choice(['com', 'org'])}"
    ),
    "CREDIT_CARD": lambda draw: draw.choice(["4111 1111 1111 1111", "5555 5555 5555 4444", "4012888888881881"]),
    "IBAN_CODE": lambda draw: draw.choice(["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"]),
    "US_SSN": lambda draw: draw.choice(["219-09-9998", "536-90-4399"]),
    "PHONE_NUMBER": lambda draw: draw.choice(["+1 212-555-0123", "+44 20 7946 0018", "(212) 555-0199"]),
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


@pytest.mark.parametrize(
    "text", ["sent 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1, as agreed", "(4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1)"]
)
def test_what_is_spaced_may_end_a_clause(text: str) -> None:
    found = settled(detector().find(text), 0.5)
    assert [text[each.start : each.end] for each in found] == ["4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"]


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
