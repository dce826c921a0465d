"""JSON that has one reading and one spelling, for files whose every byte counts although no signature covers it."""

from __future__ import annotations

import json
import math
from typing import Any, Final, TypeVar

import msgspec

from casemate.core.errors import UnreadableError

MOST_BYTES: Final = 64 << 20
"""Largest bundle or attestation that is read."""

T = TypeVar("T", bound=msgspec.Struct)


def read_json(data: bytes, what: str) -> Any:
    """A JSON value in which no object names a key twice, and no number is NaN or infinite.

    Two parsers that disagree on a doubled key would let one of them check what the other does not use.

    Raises:
        UnreadableError: it is no such value; the message names ``what``.
    """
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"{what} is larger than {MOST_BYTES} bytes")
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_no_twins, parse_constant=_no_constant, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{what} is not JSON", cause=str(error)[:200]) from None


def read_canonical(data: bytes, kind: type[T], what: str) -> T:
    """A struct from JSON that is spelled as msgspec writes it: no spaces, fields in order, no escapes but needed ones.

    Raises:
        UnreadableError: it is not of this kind, or is spelled otherwise.
    """
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"{what} is larger than {MOST_BYTES} bytes")
    try:
        value = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableError(f"{what} cannot be read", cause=str(error)[:200]) from None
    if msgspec.json.encode(value) != data:
        raise UnreadableError(
            f"{what} is not in canonical form",
            cause="bytes outside the signatures were changed, or another tool wrote it in another way",
        )
    return value


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names a key twice")
    return value


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a number of JSON")
    return value
