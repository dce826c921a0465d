"""Plain hashes turned back by trying what they may be of, for columns of tables and for pseudonyms in texts.

What has few possible values (telephone numbers, names, birth dates) is found by hashing all of them. The same works
with any fixed salt that is known. Nothing can be tried against a keyed hash without its key.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Set
from itertools import islice
from typing import Final, NamedTuple

PLAIN: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s", "sha3_256", "sha3_512")
TRIALS: Final = 2_000
"""Candidates by which the algorithm is found before all are tried."""
SHORTEST: Final = 8
"""Characters below which a cut hash is no proof."""
MOST: Final = 100_000_000
"""Candidates that are tried at most."""

WRITTEN: Final[dict[str, Callable[[bytes], str]]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64url": lambda digest: base64.urlsafe_b64encode(digest).decode(),
    "base32": lambda digest: base64.b32encode(digest).decode().lower(),
}
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
ALPHABETS: Final = {
    "hex": frozenset("0123456789abcdef"),
    "base64": _LETTERS | {"+", "/"},
    "base64url": _LETTERS | {"-", "_"},
    "base32": _LETTERS - {"0", "1", "8", "9"},
}
"""Of what is written, in small letters."""


class Found(NamedTuple):
    """What was turned back.

    Attributes:
        values: by hash.
        how: the algorithm and how it was written, or "" where none fits.
        tried: candidates.
    """

    values: dict[str, str]
    how: str
    tried: int


def turned_back(wanted: Set[str], candidates: Iterable[str], salts: Iterable[str] = ("",)) -> Found:
    """Try candidates against hashes, as they are and cut to their length.

    Args:
        wanted: hashes in small letters, without padding; of one length, of at least ``SHORTEST`` characters.
        candidates: what they may be of, likely ones first; at most ``MOST`` are tried.
        salts: texts that may stand before the value.

    Example:
        >>> turned_back({hashlib.sha256(b"Ada").hexdigest()}, ["Bob", "Ada"]).how
        'sha256, hex'
    """
    lengths = {len(each) for each in wanted}
    if len(lengths) != 1 or (cut := lengths.pop()) < SHORTEST:
        return Found({}, "", 0)
    source = iter(islice(candidates, MOST))
    letters = frozenset("".join(wanted))
    able = [
        (name, form) for name in PLAIN for form in WRITTEN if letters <= ALPHABETS[form] and _long(name, form) >= cut
    ]
    forms = [(name, form, salt) for salt in salts for name, form in able]
    found: dict[str, str] = {}
    tried = 0
    while len(found) < len(wanted) and (ahead := list(islice(source, TRIALS))):  # takes of what is there each time
        tried += len(ahead)
        hits = {each: _hits(wanted, ahead, each, cut) for each in forms}
        best = max(hits, key=lambda each: len(hits[each]), default=None)
        if best is not None and hits[best]:
            forms = [best]  # the others are not tried any more
            found |= hits[best]
    name, form, salt = forms[0] if forms else ("", "", "")
    return Found(found, f"{name}, {form}" + (", salted" if salt else "") if found else "", tried)


def _long(name: str, form: str) -> int:
    """Characters of a whole hash, without padding."""
    return len(WRITTEN[form](hashlib.new(name, usedforsecurity=False).digest()).rstrip("="))


def _hits(wanted: Set[str], candidates: list[str], how: tuple[str, str, str], cut: int) -> dict[str, str]:
    """The hashes that some candidate has, and that candidate."""
    name, form, salt = how
    made, written = getattr(hashlib, name), WRITTEN[form]
    found: dict[str, str] = {}
    for text in candidates:
        digest = made((salt + text).encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        word = written(digest)[:cut].lower()
        if word in wanted:
            found[word] = text
    return found
