"""Operators by name, for command lines and configurations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from casemate.core.errors import UsageError
from casemate.privacy.text.redactor import Operator, label
from casemate.privacy.text.spans import Span
from casemate.privacy.text.types import types


def redact(text: str, span: Span) -> str:
    """Nothing is left."""
    del text, span
    return ""


def mask(text: str, span: Span) -> str:
    """Letters and digits become stars; what stands between them stays."""
    del span
    return "".join("*" if each.isalnum() else each for each in text)


def keep(text: str, span: Span) -> str:
    """Found, and left as it is."""
    del span
    return text


_MAKERS: Final[dict[str, Callable[[], Operator]]] = {
    "label": lambda: label,
    "redact": lambda: redact,
    "mask": lambda: mask,
    "keep": lambda: keep,
}


def operator(name: str) -> Operator:
    """One operator.

    Raises:
        UsageError: there is none of that name.

    Example:
        >>> operator("mask")("a-1", Span(0, 3, "ID_CARD", 1.0, "id"))
        '*-*'
    """
    if name not in _MAKERS:
        raise UsageError(f"there is no operator {name[:40]!r}", next_step=f"use one of: {', '.join(_MAKERS)}")
    return _MAKERS[name]()


def operators(words: tuple[str, ...]) -> tuple[dict[str, Operator], Operator]:
    """By type, and for all other types, from words such as "mask" and "PERSON=redact".

    Raises:
        UsageError: a type or an operator is unknown, or two are for all types.
    """
    by_type: dict[str, Operator] = {}
    default: Operator | None = None
    for word in words:
        name, equals, kind = word.rpartition("=")
        if not equals:
            if default is not None:
                raise UsageError("two operators are for all types", next_step="write one as TYPE=OPERATOR")
            default = operator(kind)
        else:
            by_type[known(name)] = operator(kind)
    return by_type, default or label


def known(name: str) -> str:
    """A type that exists, in upper case.

    Raises:
        UsageError: there is none of that name.
    """
    if name.upper() not in types():
        raise UsageError(f"there is no type {name[:40]!r}", next_step=f"use one of: {', '.join(types())}")
    return name.upper()
