"""Operators by name, for command lines and configurations."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Final

from casemate.core.errors import UsageError
from casemate.privacy.text.operators.format_preserving import FormatPreserving
from casemate.privacy.text.operators.generalize import Generalize
from casemate.privacy.text.operators.keyed import Pseudonym
from casemate.privacy.text.operators.numbers import Numbered
from casemate.privacy.text.operators.surrogates import Surrogate
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


_PLAIN: Final[dict[str, Callable[[], Operator]]] = {
    "label": lambda: label,
    "redact": lambda: redact,
    "mask": lambda: mask,
    "keep": lambda: keep,
    "number": Numbered,
    "generalize": Generalize,
}
_KEYED: Final[dict[str, Callable[[bytes], Operator]]] = {
    "pseudonym": Pseudonym,
    "surrogate": Surrogate,
    "fpe": FormatPreserving,
}


def operator(name: str, secret: bytes = b"") -> Operator:
    """One operator.

    Args:
        name: "pseudonym", "surrogate" and "fpe" (format-preserving encryption) need a secret; dates moved and a vault
            need more than that, and have no name here.
        secret: at least 16 random bytes.

    Raises:
        UsageError: there is none of that name, or it needs a secret that was not given or is too short.

    Example:
        >>> operator("mask")("a-1", Span(0, 3, "ID_CARD", 1.0, "id"))
        '*-*'
    """
    if name in _KEYED:
        if not secret:
            raise UsageError(
                f"the operator {name!r} needs a secret",
                cause="without one, anybody could try values out",
                next_step="name a file of 32 random bytes that only you can read: CASEMATE_SECRET_FILE",
            )
        return _KEYED[name](secret)
    if name not in _PLAIN:
        raise UsageError(
            f"there is no operator {name[:40]!r}", next_step=f"use one of: {', '.join((*_PLAIN, *_KEYED))}"
        )
    return _PLAIN[name]()


def operators(
    words: tuple[str, ...], secret: bytes = b"", own: Container[str] = ()
) -> tuple[dict[str, Operator], Operator]:
    """By type, and for all other types, from words such as "mask" and "PERSON=redact".

    Args:
        words: as given.
        secret: for operators with a key.
        own: types of the user's own.

    Raises:
        UsageError: a type or an operator is unknown, two are for all types, or a secret is missing.
    """
    made: dict[str, Operator] = {}  # types of one operator share it, and what it remembers
    by_type: dict[str, Operator] = {}
    default: Operator | None = None
    for word in words:
        name, equals, kind = word.rpartition("=")
        each = made[kind] = made[kind] if kind in made else operator(kind, secret)
        if equals:
            by_type[name if name in own else known(name)] = each
        elif default is None:
            default = each
        else:
            raise UsageError("two operators are for all types", next_step="write one as TYPE=OPERATOR")
    return by_type, default or label


def wanted(words: Iterable[str], own: Container[str] = ()) -> tuple[str, ...]:
    """The types that words name: types, or all that are "direct", "quasi", "special" or "secret".

    Args:
        words: in any case.
        own: types of the user's own.

    Raises:
        UsageError: there is no type of that name.

    Example:
        >>> wanted(["person", "secret"])
        ('PERSON', 'SECRET')
    """
    found: list[str] = []
    for word in words:
        alike = [each.name for each in types().values() if each.relation == word.lower()]
        found += alike or [word if word in own else known(word)]
    return tuple(dict.fromkeys(found))


def known(name: str) -> str:
    """A type that exists, in upper case.

    Raises:
        UsageError: there is none of that name.
    """
    if name.upper() not in types():
        raise UsageError(f"there is no type {name[:40]!r}", next_step=f"use one of: {', '.join(types())}")
    return name.upper()
