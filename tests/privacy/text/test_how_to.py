"""The examples of the how-to run as they stand there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "redact-streams.md"


def test_the_examples_of_the_page_about_streams(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    code = [textwrap.dedent(each) for each in blocks if each.strip() and not each.strip().startswith("tail ")]
    assert len(code) == 4
    exec(compile("\n".join(code), PAGE.name, "exec"), {})  # our own page
    assert capsys.readouterr().out == "Write to [EMAIL_ADDRESS] today.I asked [EMAIL_ADDRESS]."
