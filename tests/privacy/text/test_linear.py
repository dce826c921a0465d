"""Time grows as the text does, whatever the text: CPU seconds on what is made to be slow, as ratios within one run."""

from __future__ import annotations

import time

import pytest

from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.recognizer import built_in

pytestmark = pytest.mark.slow
SMALL = 1 << 14
MOST = 6.0
"""Four times the text takes at most six times as long: half as much again for caches and collection."""
HARD = ("1234567890", "1", "a", "@", ".", "-", " ", "\n", "1.", "a@", "1-", "1 ", "0af9", "a:", "%41", "&#64;", "QUJD",
        "http://", " at ", "[at]", "1*", "a\n@", "1\u200b", "\uff11", "a\u0301", "\u0442\u0435\u0441\u0442 ",
        "password = 'x9!aZkk3'\n", 'api_key = "', "-----BEGIN RSA PRIVATE KEY-----\n" + "A" * 41)  # fmt: skip
EXAMPLES = tuple(each.true[0] for each in built_in())
UNITS = (*HARD, *(f"{each} " for each in EXAMPLES), *(each[: max(1, len(each) * 2 // 3)] for each in EXAMPLES))


@pytest.fixture(scope="module")
def fast() -> Analyzer:
    made = Analyzer("fast")
    made.find("warm up")
    return made


def seconds(fast: Analyzer, unit: str, size: int) -> float:
    text = unit * (size // len(unit.encode()))
    began = time.process_time()
    fast.find(text)
    return time.process_time() - began


@pytest.mark.parametrize("unit", UNITS, ids=lambda each: ascii(each)[:40])
def test_four_times_the_text_takes_about_four_times_as_long(fast: Analyzer, unit: str) -> None:
    for _ in range(3):  # the best of three: other programs share the machine's caches
        ratio = seconds(fast, unit, 4 * SMALL) / max(seconds(fast, unit, SMALL), 2e-3)
        if ratio <= MOST:
            return
    pytest.fail(f"{ratio:.1f} times as long")
