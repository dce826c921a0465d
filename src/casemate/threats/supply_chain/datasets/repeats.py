"""Rows that repeat, exactly or nearly, within a table and across its splits.

Near, for text of eight words and more: three quarters of the three-word shingles are the same, found by MinHash and
bands
(Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3) and confirmed by counting. Near,
for rows of six columns and more: all columns but one are the same.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.data.duplicates import comparable

MOST_ROWS = 200_000
WORDS = 8
COLUMNS = 6
SAME = 0.75
_BANDS, _ROWS = 16, 4
_PRIME = np.uint64((1 << 61) - 1)
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows of ``second`` that repeat a row of ``first`` (an earlier one, where both are the same table).

    Attributes:
        first, second: names of the tables.
        exact, near: how many rows; an exact repeat is not counted as near.
        rows: rows of ``second`` that were compared.
        compared: "" if all rows were compared, else why not.
    """

    first: str
    second: str
    exact: int
    near: int
    rows: int
    compared: str = ""


def repeats(first: str, one: pd.DataFrame, second: str, two: pd.DataFrame) -> Repeats:
    """Compare two tables by the columns that both have, or a table with itself (``first == second``)."""
    columns = [name for name in one.columns if name in set(two.columns)]
    note = "" if max(len(one), len(two)) <= MOST_ROWS else f"only the first {MOST_ROWS} rows were compared"
    a, b = one[columns].head(MOST_ROWS), two[columns].head(MOST_ROWS)
    if not columns:
        return Repeats(first, second, 0, 0, len(b), "they have no column in common")
    table = pd.concat([a, b], ignore_index=True) if first != second else b.reset_index(drop=True)
    hashes = np.stack([_hashed(table[name]) for name in columns], axis=1)
    start = len(a) if first != second else 0
    whole = hashes.sum(axis=1, dtype=np.uint64)
    exact = _repeat(whole, start)
    near = np.zeros(len(b), dtype=bool)
    if len(columns) >= COLUMNS:
        for at in range(len(columns)):
            near |= _repeat(whole - hashes[:, at], start)
    texts = _joined(table)
    near |= _texts(texts, start) if texts else False
    return Repeats(first, second, int(exact.sum()), int((near & ~exact).sum()), len(b), note)


def _hashed(values: pd.Series) -> Hashes:
    """A hash a value that depends on its column, so that values moved between columns are not the same row."""
    salt = np.uint64(zlib.crc32(str(values.name).encode()) | 1)
    raw = np.asarray(pd.util.hash_pandas_object(comparable(values), index=False).to_numpy(), dtype=np.uint64)
    mixed = raw * (salt << np.uint64(1) | np.uint64(1)) + salt
    return np.asarray(mixed ^ (mixed >> np.uint64(29)), dtype=np.uint64)


def _repeat(keys: Hashes, start: int) -> npt.NDArray[np.bool_]:
    """Which keys from ``start`` on also stand before: before ``start``, or, if it is 0, earlier at all."""
    if start == 0:
        return np.asarray(pd.Series(keys).duplicated().to_numpy(), dtype=bool)
    return np.asarray(np.isin(keys[start:], keys[:start]), dtype=bool)


def _joined(table: pd.DataFrame) -> list[str]:
    texts = [
        name
        for name in table.columns
        if not pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name])
    ]
    if not texts:
        return []
    columns = [table[name].astype(object).where(table[name].notna(), "").astype(str) for name in texts]
    return [" ".join(values)[:20_000] for values in zip(*columns, strict=True)]


def _texts(texts: list[str], start: int) -> npt.NDArray[np.bool_]:
    """Which texts from ``start`` on are near one before them. Each bucket keeps one text, so the work is linear."""
    found = np.zeros(max(0, len(texts) - start), dtype=bool)
    rng = np.random.default_rng(61)
    a = rng.integers(1, 1 << 31, _BANDS * _ROWS, dtype=np.uint64)
    b = rng.integers(0, 1 << 31, _BANDS * _ROWS, dtype=np.uint64)
    kept: dict[tuple[int, bytes], frozenset[int]] = {}
    for number, text in enumerate(texts):
        shingles = _shingles(text)
        if not shingles:
            continue
        values = np.fromiter(shingles, dtype=np.uint64, count=len(shingles))
        signature = ((values[:, None] * a + b) % _PRIME).min(axis=0)
        for band in range(_BANDS):
            key = band, signature[band * _ROWS : (band + 1) * _ROWS].tobytes()
            other = kept.get(key)
            if other is not None and number >= start and not found[number - start]:
                found[number - start] = len(shingles & other) >= SAME * len(shingles | other)
            if number < start or start == 0:
                kept.setdefault(key, shingles)
    return found


def _shingles(text: str) -> frozenset[int]:
    words = text.lower().split()
    if len(words) < WORDS:
        return frozenset()
    return frozenset(
        zlib.crc32(" ".join(words[at : at + 3]).encode("utf-8", "surrogatepass")) for at in range(len(words) - 2)
    )
