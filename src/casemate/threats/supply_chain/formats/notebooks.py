"""Jupyter notebooks (nbformat 4): what runs when the notebook is opened, rather than when someone runs it."""

from __future__ import annotations

import re

from casemate.threats.supply_chain.jsons import Json
from casemate.threats.supply_chain.report import Report

_ACTIVE = re.compile(r"<script\b|<iframe\b|<object\b|<embed\b|\bon(?:error|load|click|mouseover)\s*=|javascript:", re.I)
_SHELL = re.compile(r"^\s*(?:!|%%?(?:bash|sh|system|sx|script)\b)", re.M)


def is_notebook(value: Json) -> bool:
    """Whether this is a notebook."""
    return isinstance(value, dict) and isinstance(value.get("cells"), list) and isinstance(value.get("nbformat"), int)


def judge_notebook(value: Json, report: Report) -> None:
    """Report scripts in outputs and texts, and cells that use the shell. Looks at every cell once."""
    cells = value["cells"] if isinstance(value, dict) else []
    for index, cell in enumerate(cells if isinstance(cells, list) else []):
        if not isinstance(cell, dict):
            continue
        where = f"cells[{index}]"
        source = _text(cell.get("source"))
        if cell.get("cell_type") == "code" and _SHELL.search(source):
            report.fact("notebook.shell", "a cell gives commands to the shell", logical=where)
        if cell.get("cell_type") in ("markdown", "raw") and _ACTIVE.search(source):
            report.fact("notebook.script", "a text holds a script", logical=where)
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else []:
            data = output.get("data") if isinstance(output, dict) else None
            for kind, content in data.items() if isinstance(data, dict) else ():
                if "javascript" in kind:
                    report.fact("notebook.script", f"an output of the type {kind}", logical=where)
                elif kind in ("text/html", "image/svg+xml") and _ACTIVE.search(_text(content)):
                    report.fact("notebook.script", "an output holds a script", logical=where)


def _text(value: Json) -> str:
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""
