"""The judge of templates: any text ends in facts or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.formats.templates import judge_text
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.formats.samples import SETTINGS
from tests.threats.supply_chain.formats.test_templates import BOMBS, ESCAPES, HONEST

MINUTES = 3


def seeds() -> list[bytes]:
    """Templates of honest models, and of others."""
    return [text.encode() for text in (*HONEST, *ESCAPES.values(), *BOMBS.values()) if len(text) < 1000]


def one_input(data: bytes) -> None:
    """Judge these bytes as a text."""
    report = Report(View(data), SETTINGS, Budget(len(data), 1 << 24))
    try:
        judge_text(data.decode("utf-8", "replace"), report)
    except (Malformed, Refused):
        return
