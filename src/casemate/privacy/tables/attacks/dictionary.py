"""Pseudonyms that are plain hashes, turned back: hash everything the identifier can be, and look the results up.

Telephone numbers, insurance numbers, plates and birth dates are few enough to try all. Keyed pseudonyms withstand this,
since nothing can be tried without the key. The same works with any fixed salt that is known, or stored with the table.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

import pandas as pd

from casemate.privacy.tables.inference import as_text

PLAIN: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s", "sha3_256", "sha3_512")
TRIALS: Final = 2_000
"""Candidates by which the algorithm is found before all are tried."""
SHORTEST: Final = 8
"""Characters below which a cut hash is no proof."""
MOST: Final = 100_000_000
"""Candidates that are tried at most."""

Written = Callable[[bytes], str]
WRITTEN: Final[dict[str, Written]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64url": lambda digest: base64.urlsafe_b64encode(digest).decode(),
    "base32": lambda digest: base64.b32encode(digest).decode().lower(),
}


@dataclass(frozen=True)
class Reversed:
    """What a dictionary turned back.

    Attributes:
        found: pseudonyms whose value is known now.
        total: distinct pseudonyms.
        how: the hash and how it was written, or empty where none fits.
        tried: candidates.
    """

    found: int
    total: int
    how: str
    tried: int

    @property
    def share(self) -> float:
        """Of the pseudonyms."""
        return self.found / self.total if self.total else 0.0


def reverse(column: pd.Series, candidates: Iterable[str], *, salts: Iterable[str] = ("",)) -> Reversed:
    """Try candidates against a column of pseudonyms, as they are and cut to the column's length.

    Args:
        column: (n,) pseudonyms.
        candidates: what the identifier can be, likely ones first; at most 100,000,000 are tried.
        salts: texts that may stand before the value.
    """
    wanted = {as_text(value).rstrip("=").lower() for value in pd.unique(column)} - {""}
    length = {len(each) for each in wanted}
    if len(length) != 1 or (cut := length.pop()) < SHORTEST:
        return Reversed(0, len(wanted), "", 0)
    source = iter(islice(candidates, MOST))
    forms = [(name, form, salt) for salt in salts for name in PLAIN for form in WRITTEN]
    found: set[str] = set()
    tried = 0
    while len(found) < len(wanted) and (ahead := list(islice(source, TRIALS))):  # takes of what is there each time
        tried += len(ahead)
        hits = {each: _hits(wanted, ahead, each, cut) for each in forms}
        best = max(hits, key=lambda each: len(hits[each]), default=None)
        if best is not None and hits[best]:
            forms = [best]  # the others are not tried any more
            found |= hits[best]
    name, form, salt = forms[0] if forms else ("", "", "")
    how = f"{name}, {form}" + (", salted" if salt else "") if found else ""
    return Reversed(len(found), len(wanted), how, tried)


def _hits(wanted: set[str], candidates: list[str], how: tuple[str, str, str], cut: int) -> set[str]:
    """The pseudonyms that some candidate hashes to."""
    name, form, salt = how
    made, written = getattr(hashlib, name), WRITTEN[form]
    words = {written(made((salt + text).encode(), usedforsecurity=False).digest())[:cut].lower() for text in candidates}
    return words & wanted
