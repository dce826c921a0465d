"""No expression can make an engine slow: every repeat has an end, and none looks around or back.

What an expression says as ``most`` is how far a stream has to wait and how far back a match is confirmed, so it must
not be less than what the expression can match. Both are read off the parsed expression, not tried out.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from casemate.patterns.pattern import Pattern, pack
from casemate.privacy.text.readings import SIGNS
from casemate.privacy.text.recognizer import built_in

PARSER = importlib.import_module("re._parser")
REPEATS = {"MAX_REPEAT", "MIN_REPEAT"}
PLAIN = REPEATS | {"LITERAL", "NOT_LITERAL", "ANY", "IN", "BRANCH", "SUBPATTERN", "AT"}
MOST_OF_ALL = 4096
ALL = [*(each.pattern for each in built_in()), *pack("secrets"), *SIGNS]


def nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every node of a parsed expression, with its arguments, however deep."""
    if isinstance(tree, PARSER.SubPattern):
        for name, arguments in tree:
            yield str(name), arguments
            yield from nodes(arguments)
    elif isinstance(tree, tuple | list):
        for each in tree:
            yield from nodes(each)


def complaints(expression: str, most: int) -> list[str]:
    tree = PARSER.parse(expression.encode().decode("latin-1"))  # engines see bytes
    found = [f"{name} is not in the subset" for name, _ in nodes(tree) if name not in PLAIN]
    found += [
        f"no end to {name}" for name, arguments in nodes(tree) if name in REPEATS and arguments[1] == PARSER.MAXREPEAT
    ]
    widest = tree.getwidth()[1]
    return [*found, *([f"matches {widest} bytes and says {most}"] if widest > most else [])]


@pytest.mark.parametrize("pattern", ALL, ids=lambda each: each.id)
def test_every_expression_is_bounded_and_says_by_how_much(pattern: Pattern) -> None:
    assert complaints(pattern.expression, pattern.most) == []
    assert pattern.most <= MOST_OF_ALL
    assert re.compile(pattern.expression).groups == 1


@pytest.mark.parametrize(
    "expression", ["(a+)", "(a*?)", "((?:a{2,}){3})", "(a(?=b))", "((?<!a)b)", r"(?:(x)|y)\1", "(a|(?:b|c+))"]
)
def test_what_is_not_bounded_is_noticed(expression: str) -> None:
    assert complaints(expression, 1 << 40)


def test_what_is_wider_than_it_says_is_noticed() -> None:
    assert complaints("(a{3}\u00e4{2})", 7) == []
    assert complaints("(a{3}[bc]{0,5})", 7) == ["matches 8 bytes and says 7"]
