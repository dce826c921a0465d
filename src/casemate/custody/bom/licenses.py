"""SPDX license expressions (SPDX 3.0.1, annex D): whether a text is one. Nothing is guessed from prose."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9][A-Za-z0-9.\-]*\+?(?::[A-Za-z0-9.\-]+)?)\s*")
_WORDS = {"AND", "OR", "WITH"}
MOST = 500


def is_expression(text: str) -> bool:
    """Whether a text reads as a license expression: identifiers joined by AND, OR and WITH, with parentheses.

    Identifiers are not looked up. A name of several words, such as "BSD License", is no expression.

    Example:
        >>> is_expression("MIT OR (Apache-2.0 AND BSD-3-Clause)"), is_expression("BSD License"), is_expression("")
        (True, False, False)
    """
    if len(text) > MOST:
        return False
    depth, wants_name, at = 0, True, 0
    while at < len(text):  # each match takes at least one character
        match = _TOKEN.match(text, at)
        if match is None:
            return False
        word, at = match[1], match.end()
        if word == "(":
            if not wants_name:
                return False
            depth += 1
        elif word == ")":
            if wants_name or not depth:
                return False
            depth -= 1
        elif (word in _WORDS) == wants_name:
            return False
        else:
            wants_name = not wants_name
    return not wants_name and depth == 0
