"""Texts that are made to be slow for one expression, from the expression itself."""

from __future__ import annotations

from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_MOST = 24
"""Repeats that are written out."""


def units(expression: str) -> list[str]:
    """What repeats in such texts: a match, near misses, and runs of what the expression begins and goes on with.

    A near miss lacks the end, or has another; a run keeps the expression waiting for what never comes.
    """
    shortest, longest = (made(expression, most=most) for most in (False, True))
    found = [f"{shortest} ", longest, f"{longest} "]
    for each in dict.fromkeys((shortest, longest)):
        found += [each[:-1], f"{each[:-1]}! ", each[: max(1, len(each) // 2)], each[0], each[-1], f"{each[0]} "]
        found += [f"{each[:-1]}{each[:-1]} ", each[len(each) // 2]]
    return [each for each in dict.fromkeys(found) if each.strip()]


def text(expression: str, size: int) -> str:
    """Of about so many characters: an equal part of each unit."""
    each = units(expression)
    part = size // len(each)
    return "\n".join(unit * max(1, part // len(unit)) for unit in each)


def made(expression: str, *, most: bool) -> str:
    """A match, with as few repeats as possible, or with many."""
    tree = parser.parse(expression.encode())
    return b"".join(_made(tree, most)).decode("utf-8", "replace").strip("\n")


def _made(tree: Any, most: bool) -> Iterator[bytes]:
    for kind, value in tree:
        if kind is codes.LITERAL:
            yield bytes([value])
        elif kind is codes.NOT_LITERAL:
            yield b"a" if value != ord("a") else b"b"
        elif kind is codes.ANY:
            yield b"a"
        elif kind is codes.IN:
            yield bytes([_one(value)])
        elif kind in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            low, high, body = value
            yield from list(_made(body, most)) * max(low, min(high, _MOST) if most else low)
        elif kind is codes.SUBPATTERN:
            yield from _made(value[-1], most)
        elif kind is codes.BRANCH:
            yield from _made(max(value[1], key=len) if most else value[1][0], most)


def _one(members: Any) -> int:
    """A byte of a class; a printable one where there is one."""
    excluded, allowed = set[int](), set[int]()
    negated = False
    for kind, value in members:
        if kind is codes.NEGATE:
            negated = True
        elif kind is codes.LITERAL:
            allowed.add(value)
        elif kind is codes.RANGE:
            allowed |= set(range(value[0], value[1] + 1))
        elif kind is codes.CATEGORY:
            allowed |= {code for code in range(128) if _in(chr(code), str(value))}
    if negated:
        excluded, allowed = allowed, set(range(32, 127))
    left = sorted(allowed - excluded)
    return next((code for code in left if chr(code).isalnum() and code < 128), left[0])


def _in(letter: str, category: str) -> bool:
    word = letter.isalnum() or letter == "_"
    held = letter.isdigit() if "DIGIT" in category else letter.isspace() if "SPACE" in category else word
    return held != ("NOT" in category)
