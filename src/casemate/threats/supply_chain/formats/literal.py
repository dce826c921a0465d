"""Python literals as NumPy writes them in array headers: strings, integers, booleans, tuples, lists and dicts.

A grammar of its own instead of ``ast.literal_eval``, which takes expressions and whose stack an input can exhaust.
Each step consumes a token and depth is bounded, so reading ends.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from casemate.threats.supply_chain.stops import Malformed

Literal: TypeAlias = "str | int | bool | tuple[Literal, ...] | list[Literal] | dict[str, Literal] | None"

DEPTH = 16

_TOKEN = re.compile(r"""[ \t\n\r]*(?:'([^'\\\n]*)'|"([^"\\\n]*)"|(\d{1,19})L?|(True|False|None)|([(){}\[\],:]))""")
_WORDS = {"True": True, "False": False, "None": None}


def literal(text: str) -> Literal:
    """The value of ``text``.

    Raises:
        Malformed: it is anything but a literal; the offset counts characters.

    Example:
        >>> literal("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }")["shape"]
        (3, 4)
    """
    reader = _Reader(text)
    value = reader.value(0)
    if text[reader.at :].strip(" \t\r\n"):
        raise Malformed("something follows the literal", reader.at)
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def token(self) -> re.Match[str]:
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            raise Malformed("this is no literal", self.at)
        self.at = match.end()
        return match

    def value(self, depth: int, match: re.Match[str] | None = None) -> Literal:
        match = match or self.token()
        if depth > DEPTH:
            raise Malformed("the literal nests too deep", self.at)
        single, double, digits, word, mark = match.groups()
        if digits is not None:
            return int(digits)
        if word is not None:
            return _WORDS[word]
        if mark is None:
            return single if single is not None else double
        if mark == "(":
            items, comma = self._items(")", depth)
            return items[0] if len(items) == 1 and not comma else tuple(items)
        if mark == "[":
            return self._items("]", depth)[0]
        if mark == "{":
            return self._dict(depth)
        raise Malformed("this is no literal", self.at)

    def _items(self, end: str, depth: int) -> tuple[list[Literal], bool]:
        items: list[Literal] = []
        comma = False
        while True:
            match = self.token()
            if match[5] == end:
                return items, comma
            if items and not comma:
                raise Malformed("a comma is missing", self.at)
            items.append(self.value(depth + 1, match))
            comma = self._comma(end)
            if not comma:
                return items, False

    def _comma(self, end: str) -> bool:
        match = self.token()
        if match[5] not in (",", end):
            raise Malformed("a comma is missing", self.at)
        return match[5] == ","

    def _dict(self, depth: int) -> dict[str, Literal]:
        made: dict[str, Literal] = {}
        while True:
            match = self.token()
            if match[5] == "}":
                return made
            key = self.value(depth + 1, match)
            if not isinstance(key, str) or key in made or self.token()[5] != ":":
                raise Malformed("a key is no string, or repeated", self.at)
            made[key] = self.value(depth + 1)
            if not self._comma("}"):
                return made
