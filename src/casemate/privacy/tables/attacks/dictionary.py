"""Pseudonyms that are plain hashes, turned back: hash everything the identifier can be, and look the results up.

Telephone numbers, insurance numbers, plates and birth dates are few enough to try all. Keyed pseudonyms withstand this,
since nothing can be tried without the key. The same works with any fixed salt that is known, or stored with the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from casemate.patterns.hashes import turned_back
from casemate.privacy.tables.inference import as_text


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
    found = turned_back(wanted, candidates, salts)
    return Reversed(len(found.values), len(wanted), found.how, found.tried)
