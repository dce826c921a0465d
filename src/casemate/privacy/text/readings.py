"""Other ways in which a text reads: decoded, spelled out, spaced, wrapped, marked up. Each with a way back.

What hides an address or a number from an expression hides it from no reader: ``jane&#64;example.com``,
``jane%40example.com``, base64, ``jane at example dot com``, ``4 1 1 1 ...``, a line break or asterisks in between.
Where one of these signs stands, the text around it is read once more without it, and what is found is where it was
written. Signs are expressions that run in the same pass as the recognizers, so a text without them costs nothing.

Sources: HTML, section 13.5 (character references); RFC 3986, section 2.1; RFC 4648, section 4 and 5; RFC 2045,
section 6.7 (soft line breaks).
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final

from casemate.patterns.normalize import Normalized, normalize, unstable
from casemate.patterns.pattern import Pattern

AROUND: Final = 256
"""Code points around a sign that are read once more."""
_TOP: Final = r"(?:com|org|net|edu|gov|mil|info|biz|io|co|eu|de|at|ch|fr|es|it|pt|br|nl|be|uk|us|example|test|invalid)"
_DOT: Final = r"(?:dot|punkt|point|punto|ponto|punt)"
_AT: Final = r"(?:at|ät|arobase|arroba|chiocciola|apenstaartje|klammeraffe)"
_SMALL: Final = r"(?:the|an?|this|that|it|all|our|my|your|his|her|their|its|which|what)"
_SIGNS: Final = {
    "coded": r"(&(?:#\d{2,7}|#[xX][0-9A-Fa-f]{2,6}|[A-Za-z]{2,8});|%[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2})",  # noqa: E501
    "base64": r"(?:^|[^0-9A-Za-z+/_=-])([A-Za-z0-9+/_-]{15,1000}={0,2})(?:[^0-9A-Za-z+/_=-]|$)",
    "spelled": rf"((?i:[\[({{<]\s?(?:{_AT}|@|{_DOT}|\.)\s?[\])}}>]|[\s_-]{_DOT}[\s_-]{_TOP}(?:[^A-Za-z0-9]|$)))",
    "spaced": r"(?:^|\s)((?:[0-9A-Za-z@.+_-] {1,3}){6}[0-9A-Za-z@.+_-])",
    "wrapped": r"(@[0-9A-Za-z.-]{0,64}=?-?\r?\n|[0-9A-Za-z.]\r?\n[ \t>]{0,8}@|://[^\s]{1,99}=?\r?\n|[0-9][ .-]?=?\r?\n[ \t>]{0,8}[0-9])",  # noqa: E501
    "marked": r"([0-9@.)(]\s?(?:\*{1,3}|~~|\x60{1,3}|__?)[0-9A-Za-z@. ()-]|[0-9A-Za-z ](?:\*{1,3}|~~|\x60{1,3})[0-9@.]|[A-Z]\*{1,3}[A-Z]|\\[-_.@+])",  # noqa: E501
}
SIGNS: Final = tuple(
    Pattern(id=f"reading:{name}", title=name, kind="reading", regex=regex, most=2100, allow=(), true=(), false=())
    for name, regex in _SIGNS.items()
)
"""What the engine looks for; a match says which reading is worth the while."""

_CODED: Final = re.compile(
    r"(?:%[0-9A-Fa-f]{2}){1,64}|&(?:#\d{2,7}|#[xX][0-9A-Fa-f]{2,6}|[A-Za-z]{2,8});|\\u00[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}"
)
_SPELLED: Final = re.compile(
    rf"\s?[\[({{<]\s?(?:(?P<at>{_AT}|@)|{_DOT}|\.)\s?[\])}}>]\s?|[\s_-](?:(?P<bare>{_AT})|{_DOT})[\s_-](?!{_SMALL}\b)",
    re.IGNORECASE,
)
_SPACED: Final = re.compile(r"(?<![^\s(\[<\"'])(?:\S {1,3}){6,}\S(?=[.,;:!?)\]>\"']?(?!\S))")
_WRAPPED: Final = re.compile(r"[=-]?\r?\n[ \t>]{0,8}")
_MARKED: Final = re.compile(r"\*{1,3}|~~|`{1,3}|\\(?=[-_.@+])|(?<=[0-9@.])__?|__?(?=[0-9@])")
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{15,1000}={0,2}")

Piece = tuple[int, int, str]
"""Start and stop in the text, and what is read in its place."""


def around(text: str) -> Iterator[tuple[int, Normalized]]:
    """Stretches in which letters are not what they look like, as they look; with where each begins.

    Digits of any script read as digits.
    """
    if not text.isascii():
        for start, stop in _stretches((match.span() for match in unstable().finditer(text)), len(text)):
            yield start, normalize(text[start:stop].translate(_digits()))


def readings(text: str, signs: Iterable[tuple[str, int, int]]) -> Iterator[tuple[int, Normalized]]:
    """Stretches around signs, read without them; with where each begins.

    Args:
        text: as given.
        signs: names ("reading:coded"), starts and stops of what ``SIGNS`` found.

    Example:
        >>> text = "mail jane%40example.com"
        >>> [(at, seen.text) for at, seen in readings(text, [("reading:coded", 9, 12)])]
        [(0, 'mail jane@example.com')]
    """
    by_name: dict[str, list[tuple[int, int]]] = {}
    for name, start, stop in signs:
        by_name.setdefault(name.removeprefix("reading:"), []).append((start, stop))
    for name, places in by_name.items():
        for start, stop in _stretches(sorted(places), len(text)):
            part = text[start:stop]
            pieces = list(_PIECES[name](part))
            if pieces:
                yield start, _without(part, pieces)


def _stretches(places: Iterable[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """Places in order, with ``AROUND`` of what is around; those that touch are one."""
    start = stop = -1
    for first, last in places:
        if first > stop + 2 * AROUND:
            if stop >= 0:
                yield max(start - AROUND, 0), min(stop + AROUND, length)
            start = first
        stop = max(last, stop)
    if stop >= 0:
        yield max(start - AROUND, 0), min(stop + AROUND, length)


def _without(text: str, pieces: Iterable[Piece]) -> Normalized:
    made: list[str] = []
    starts: list[int] = []
    stops: list[int] = []
    at = 0
    for start, stop, read in pieces:
        made += [text[at:start], read]
        starts += [*range(at, start), *([start] * len(read))]
        stops += [*range(at + 1, start + 1), *([stop] * len(read))]
        at = stop
    made.append(text[at:])
    starts += range(at, len(text) + 1)
    stops += range(at + 1, len(text) + 1)
    return Normalized("".join(made), tuple(starts), tuple(stops))


def _coded(text: str) -> Iterator[Piece]:
    for match in _CODED.finditer(text):
        yield from _decoded(match)


def _decoded(match: re.Match[str]) -> Iterator[Piece]:
    code, start = match[0], match.start()
    if code[0] == "&":
        yield start, match.end(), html.unescape(code)
    elif code[0] == "\\":
        yield start, match.end(), chr(int(code[2:], 16))
    else:
        read = bytes.fromhex(code.replace("%", "")).decode("utf-8", "replace")
        if read.isascii():
            yield from ((start + 3 * at, start + 3 * at + 3, letter) for at, letter in enumerate(read))
        else:
            yield start, match.end(), read


def _base64(text: str) -> Iterator[Piece]:
    for match in _RUN.finditer(text):
        body = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            read = base64.b64decode(body + "=" * (-len(body) % 4), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            continue
        if all(letter.isprintable() or letter in "\r\n\t" for letter in read):
            yield match.start(), match.end(), read


def _spelled(text: str) -> Iterator[Piece]:
    for match in _SPELLED.finditer(text):
        yield match.start(), match.end(), "@" if match["at"] or match["bare"] else "."


def _spaced(text: str) -> Iterator[Piece]:
    for match in _SPACED.finditer(text):
        for gap in re.finditer(r" {1,3}", match[0]):
            yield match.start() + gap.start(), match.start() + gap.end(), "" if len(gap[0]) < 3 else " "


def _wrapped(text: str) -> Iterator[Piece]:
    yield from ((*match.span(), "") for match in _WRAPPED.finditer(text))


def _marked(text: str) -> Iterator[Piece]:
    yield from ((*match.span(), "") for match in _MARKED.finditer(text))


_PIECES: Final[dict[str, Callable[[str], Iterator[Piece]]]] = {
    "coded": _coded,
    "base64": _base64,
    "spelled": _spelled,
    "spaced": _spaced,
    "wrapped": _wrapped,
    "marked": _marked,
}


@cache
def _digits() -> dict[int, str]:
    """Decimal digits of every script."""
    return {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(0x660, 0x1FC00)
        if unicodedata.category(chr(code)) == "Nd"
    }
