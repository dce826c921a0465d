"""Figures: digits that measure something and name nobody, told by what stands right beside them.

Tables of numbers hold everything that looks like an identifier: in ten thousand digits some checksum always holds.
"""

from __future__ import annotations

import re
from typing import Final

NEAR: Final = 24
"""Letters that are looked at on both sides."""
_PARTED: Final = re.compile(r"-?\d{1,4}(?:[ \n]+-?\d{1,4})+")
_BEFORE: Final = re.compile(r"(?:^|[^\d./:-])(?:\d{1,4}[ \n]+-?){2,8}$|[ \n]-?\d{1,4}[ \n]+-?\d{1,4}[ \n]+-?$")
_AFTER: Final = re.compile(r"(?:[ \n]+-?\d{1,4}(?![\d/:.-])){2}")
_DIGITS: Final = re.compile(r"\d+(?:[ \n-]+\d+)*")
_DECIMAL: Final = re.compile(r"\d\.\d{7}")
_FRACTION: Final = re.compile(r"\d\.$")


def figure(text: str, start: int, stop: int) -> bool:
    """Whether ``text[start:stop]`` is of a number with a fraction, or groups of digits out of a longer row of groups.

    Args:
        text: it and what is around it.
        start: where it begins.
        stop: where it ends.

    Example:
        >>> figure("a 0.0204063466033 b", 4, 17), figure("card 4111 1111 1111 1111, 12/30", 5, 24)
        (True, False)
        >>> row = "9 0 1 0 1 1 0 0 1 0 1 0 1 7 3 1"
        >>> figure(row, 4, 29)
        True
    """
    found = text[start:stop]
    if not found[:1].isdigit() and found[:1] != "-":
        return False
    if _DECIMAL.match(found) is not None:
        return True
    before = text[max(0, start - NEAR) : start]
    if _FRACTION.search(before) is not None and _DIGITS.fullmatch(found) is not None:
        return True
    if _PARTED.fullmatch(found) is None:
        return False
    return _BEFORE.search(before) is not None or _AFTER.match(text, stop, stop + NEAR) is not None
