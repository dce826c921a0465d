"""A text in UTF-8, which expressions search, and the code points that their offsets mean."""

from __future__ import annotations

from typing import Final

import numpy as np

_BLOCK: Final = 1024
_OFTEN: Final = 64
"""Bytes for each look-up from which on counting them all is faster."""
_FEW: Final = 48
"""Look-ups that are cheaper one by one however short a text is."""
_CONTINUED: Final = bytes(range(0x80, 0xC0))


class Encoded:
    """A text and its bytes.

    Args:
        text: any; lone surrogates too.

    Attributes:
        text: as given.
        data: in UTF-8.
        points: code point by byte; None where they are the same.
    """

    __slots__ = ("data", "points", "text")

    def __init__(self, text: str) -> None:
        self.text, self.data = text, text.encode("utf-8", "surrogatepass")
        self.points = None if len(self.data) == len(text) else Points(self.data)


class Points:
    """Code points by offset in UTF-8, counted where they are asked for.

    Args:
        data: UTF-8, lone surrogates too.

    Example:
        >>> at = Points("né!".encode())
        >>> [at[0], at[1], at[2], at[3], at[4]]
        [0, 1, 1, 2, 3]
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._all = data, np.zeros(0, dtype=np.int32)
        self._left, self._list = max(len(data) // _OFTEN, _FEW), list[int]()
        full = len(data) // _BLOCK
        self._before = [0]
        if full:
            begins = np.frombuffer(data, dtype=np.int8, count=full * _BLOCK) >= -64
            self._before += np.cumsum(begins.reshape(full, _BLOCK).sum(axis=1)).tolist()

    def __getitem__(self, offset: int) -> int:
        if self._list:
            return self._list[offset]
        self._left -= 1
        if self._left < 0:
            self._list = self._table().tolist()
        block = offset // _BLOCK
        part = self._data[block * _BLOCK : offset + 1]
        more = 1 if offset == len(self._data) else 0  # behind the last code point, where none begins
        return self._before[block] + len(part.translate(None, _CONTINUED)) - 1 + more

    def many(self, offsets: np.ndarray) -> np.ndarray:
        """Of many offsets at once."""
        return np.asarray(self._table()[offsets])

    def bytes_of(self, points: np.ndarray) -> np.ndarray:
        """Where code points begin; the end of the text for the one behind the last."""
        return np.searchsorted(self._table(), points.astype(np.int32))  # of one type, or the table is converted

    def _table(self) -> np.ndarray:
        if not len(self._all):
            begins = np.frombuffer(self._data, dtype=np.int8) >= -64
            self._all = np.zeros(len(begins) + 1, dtype=np.int32)
            np.cumsum(begins, dtype=np.int32, out=self._all[:-1])
            self._all[:-1] -= 1
            self._all[-1] = self._all[-2] + 1 if len(begins) else 0
        return self._all
