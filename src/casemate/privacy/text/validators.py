"""Checks that an expression cannot make: True is proof, False is proof of the contrary, None is neither."""

from __future__ import annotations

import importlib
import ipaddress
from collections.abc import Callable
from functools import cache
from typing import Any

from casemate.core.errors import UsageError
from casemate.patterns.validators import iban, luhn

Validator = Callable[[str], bool | None]


def address(text: str) -> bool | None:
    """An IP address (RFC 791, RFC 4291).

    Example:
        >>> address("192.168.1.1"), address("1.2.3.400")
        (True, False)
    """
    try:
        ipaddress.ip_address(text.partition("/")[0].strip("[]"))
    except ValueError:
        return False
    return True


VALIDATORS: dict[str, Validator] = {"luhn": luhn, "iban": iban, "ip": address}
"""By the name that packs use; ``stdnum:de.idnr`` names a module of python-stdnum."""


@cache
def validator(name: str) -> Validator:
    """One validator.

    Raises:
        UsageError: there is none of that name.
    """
    kind, _, module = name.partition(":")
    if kind == "stdnum":
        return _stdnum(module)
    if name not in VALIDATORS:
        raise UsageError(f"there is no validator {name!r}", next_step=f"use one of: {', '.join(sorted(VALIDATORS))}")
    return VALIDATORS[name]


def judge(names: tuple[str, ...], text: str) -> bool | None:
    """False if any validator says no; else True if any says yes; else None."""
    answers = [validator(name)(text) for name in names]
    if False in answers:
        return False
    return True if True in answers else None


def _stdnum(name: str) -> Validator:
    try:
        module: Any = importlib.import_module(f"stdnum.{name}")
    except ImportError as error:
        raise UsageError(
            f"python-stdnum has no module {name!r}", next_step="pip install 'casemate[text]', or mend the name"
        ) from error
    return lambda text: bool(module.is_valid(text))
