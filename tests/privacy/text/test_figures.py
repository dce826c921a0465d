"""Rows of figures and fractions are nobody's numbers, unless a word says whose; single identifiers stay."""

from __future__ import annotations

import random

import pytest

from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.figures import figure

ANALYZER = Analyzer("fast", threshold=0.5)


def told(text: str) -> set[str]:
    return {span.type for span in ANALYZER.find(text)} - {"DATE_TIME"}


def test_a_table_of_numbers_names_nobody() -> None:
    draws = random.Random(7)
    rows = "\n".join(" ".join(str(draws.randint(-99, 99)) for _ in range(24)) for _ in range(60))
    bits = " ".join(str(draws.randint(0, 1)) for _ in range(3000))
    fractions = "\n".join(" ".join(f"{draws.random():.12f}" for _ in range(5)) for _ in range(200))
    assert told(rows) | told(bits) | told(fractions) == set()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("paid with 4111 1111 1111 1111 on 12/30", "CREDIT_CARD"),
        ("3 tickets, card 5500 0000 0000 0004 until 12 26", "CREDIT_CARD"),
        ("v. 4111111111111111", "CREDIT_CARD"),
    ],
)
def test_single_identifiers_stay(text: str, kind: str) -> None:
    assert kind in told(text)


def test_what_stands_in_a_row_of_groups_is_a_figure() -> None:
    row = "17 65 21 53 82 85 96 62 65 35 41 71 82"
    assert figure(row, 6, 29)
    assert not figure("65 21 53 82", 0, 11)
