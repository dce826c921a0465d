"""JSON files, told apart by what they say: a schema of skops, a notebook, a model of trees, or settings."""

from __future__ import annotations

from casemate.threats.supply_chain.formats.configs import judge_config
from casemate.threats.supply_chain.formats.notebooks import is_notebook, judge_notebook
from casemate.threats.supply_chain.formats.skops import is_schema, judge_schema
from casemate.threats.supply_chain.formats.trees_json import is_catboost, is_xgboost, judge_catboost, judge_xgboost
from casemate.threats.supply_chain.jsons import read_json
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View

_KINDS = (
    ("skops", is_schema, judge_schema),
    ("notebook", is_notebook, judge_notebook),
    ("xgboost", is_xgboost, judge_xgboost),
    ("catboost", is_catboost, judge_catboost),
)


def parse(view: View, report: Report) -> None:
    """Read one JSON text, or one on each line, and judge it.

    Raises:
        NotMine: it stops being JSON within the first bytes, as many texts do that begin with a bracket.
        Malformed: it stops being JSON later.
    """
    try:
        value = read_json(view, report)
    except Malformed as stop:
        if _lines(view, report):
            return
        if stop.offset < 16:
            raise NotMine from stop
        raise
    report.cover(0, len(view))
    for kind, recognizes, judge in _KINDS:
        if recognizes(value):
            report.describe("kind", kind)
            judge(value, report)
            return
    report.describe("kind", "settings")
    judge_config(value, report)


def _lines(view: View, report: Report) -> bool:
    """JSON lines: every line that is not blank is a JSON text. Each turn passes a line."""
    at, read = 0, 0
    while at < len(view):
        stop = view.find(b"\n", at)
        stop = len(view) if stop < 0 else stop
        if view.raw(at, stop - at).strip():
            try:
                judge_config(read_json(view, report, at, stop - at), report)
            except Malformed:
                return False
            read += 1
        at = stop + 1
    report.cover(0, len(view))
    report.describe("kind", "lines")
    return read > 1
