"""Every recognizer finds its own true examples and none of its false ones."""

from __future__ import annotations

import pytest

from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.detector import Structured
from casemate.privacy.text.recognizer import Recognizer, built_in
from casemate.privacy.text.types import types


@pytest.mark.parametrize("by", built_in(), ids=lambda each: each.id)
def test_true_examples_are_found_and_false_ones_are_not(by: Recognizer) -> None:
    assert by.type in types()
    detector = Structured([by])
    for text in by.true:
        assert settled(detector.find(text), 0.5), text
    for text in by.false:
        assert not settled(detector.find(text), 0.5), text
