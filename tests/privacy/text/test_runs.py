"""What is said to hold a run of digits does, and is found wherever it stands among other numbers."""

from __future__ import annotations

import random
import re

import pytest

from casemate.privacy.text import runs
from casemate.privacy.text.detector import Structured
from casemate.privacy.text.recognizer import Recognizer, built_in
from casemate.privacy.text.runs import leads
from tests.privacy.text.adversarial import made

NUMBERS = tuple(each for each in built_in() if leads(each.pattern.expression))


@pytest.mark.parametrize("by", NUMBERS, ids=lambda each: each.id)
def test_what_leads_has_a_run(by: Recognizer) -> None:
    """Its examples, and the shortest and the longest that its expression makes."""
    expression = by.pattern.expression
    written = [made(expression, most=most) for most in (False, True)]
    for text in (*by.true, *(each for each in written if re.search(expression, each))):
        assert re.search(runs._RUN, text), text


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        (r"\d{6}", True), (r"\d{5}", False), (r"\d{2,9}", False), (r"(?:\d{6}|\d{4}-\d{4})", True),
        (r"(?:\d{6}|\d{4}X\d)", False), (r"\d{3}.{3}\d{3}", True), (r"\d{3}.{4}\d{3}", False),
        (r"\d{3}(?:abcd)?\d{3}", False), (r"\d{3}(?:abc)?\d{3}", True), (r"\d{3}[a-z]*\d{3}", False),
        (r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}", False), (r"(?:\d\D{0,3}){6}", True), (r"(?:\d\D{0,4}){6}", False),
        (r"(?:\d{3}-)?\d{4}", False), (r"1\d{5}|[2-4]\d{6}", True), (r"(?:)", False),
        (r"[A-Z]\d{2} ?\d{2} ?\d{2}", True),
    ],
)  # fmt: skip
def test_leads(expression: str, holds: bool) -> None:
    assert leads(expression) is holds


def test_numbers_are_found_in_parts_as_in_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, structured = random.Random(7), Structured(built_in(), 0.5)
    examples = [text for each in NUMBERS for text in (*each.true, *each.false)]
    texts = []
    for _ in range(60):
        gaps = [rng.choice(("", " ", "x" * rng.randint(1, 400), "9", "\n", "é")) for _ in range(12)]
        texts.append("".join(gap + rng.choice(examples) for gap in gaps) + "y" * rng.choice((0, 1, 3000)))
    parts = [list(structured.find(text)) for text in texts]
    monkeypatch.setattr(runs, "areas", lambda data, _reach: ((0, len(data)),))
    assert parts == [list(structured.find(text)) for text in texts]
