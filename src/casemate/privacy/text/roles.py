"""What a column holds, from a sample: a name that nobody knows is still one if all of its column are names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from casemate.privacy.text.editor import NOTHING, Editor

SAMPLE: Final = 300
"""Cells that are looked at."""
MOST: Final = 0.5
"""Share of them that must be of a type, from end to end, for the column to be."""
COVERED: Final = 0.8


def role(cells: Iterable[str], header: str, editor: Editor) -> str:
    """The type of a column, or "" if it has none.

    Args:
        cells: of the column, in order; only the first are looked at.
        header: name of the column, or "".
        editor: what finds.

    Example:
        >>> from casemate.privacy.text.analyzer import Analyzer
        >>> from casemate.privacy.text.redactor import Redactor
        >>> role(["a@example.com", "b@example.com", "c@example.com", "-"], "mail", Editor(Redactor(Analyzer("fast"))))
        'EMAIL_ADDRESS'
    """
    told = list(islice((each for each in cells if each.strip().casefold() not in NOTHING), SAMPLE))
    if len(told) < 3:
        return ""
    found: Counter[str] = Counter()
    for cell in told:
        for each in editor.find(cell, header)[:1]:
            if each.end - each.start >= COVERED * len(cell.strip()):
                found[each.type] += 1
    best = found.most_common(1)
    return best[0][0] if best and best[0][1] >= MOST * len(told) else ""


def is_header(row: Sequence[str], editor: Editor) -> bool:
    """Whether a first row names columns: all different, none empty, none a number, nothing of anybody in them."""
    if not row or len(set(row)) < len(row):
        return False
    return not any(not each.strip() or _number(each) or editor.find(each) for each in row)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
