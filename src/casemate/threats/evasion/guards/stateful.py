"""A detector that remembers: an attack by queries asks about many inputs that are nearly the same.

Each query is reduced to hashes of its quantized windows. Two queries that share many hashes are the same image but for
small changes, which benign users do not send.

Reference:
    Li et al. 2022, "Blacklight: scalable defense for neural networks against query-based black-box attacks", section 4
    (arXiv 2006.14042); the idea of looking at the stream is Chen, Carlini and Wagner 2019 (arXiv 1907.05587). Broken by
    who adapts: Feng et al. 2023, "Stateful defenses for machine learning models are not yet secure against black-box
    attacks" (arXiv 2303.06280).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from itertools import islice
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError, UsageError
from casemate.core.seeds import derive

Words: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]

RECENT: Final = 1000
"""Of the queries that share a hash only so many are counted, the newest first: an empty margin is in every image, and
would make each query cost as much as all before it."""

_NONE: Final[deque[int]] = deque()


class QueryMemory:
    """Flags queries that are too much like earlier ones. It sees inputs, not who sends them: accounts are cheap.

    Hashes are multilinear with secret multipliers, so that nobody who does not know the key can aim at a collision, or
    away from one other than by changing windows.

    Args:
        window: length of a window, in values of the flattened input.
        quantum: width of a gray value that counts as the same, in units of inputs.
        kept: hashes that stand for a query, the largest of all its windows'.
        matches: a query that shares more than so many with one earlier query is flagged.
        capacity: queries remembered; the oldest are forgotten, which bounds memory at about ``kept`` x 100 bytes each.
        key: secret.

    Raises:
        UsageError: settings that make no sense.
    """

    def __init__(
        self,
        *,
        window: int = 50,
        quantum: float = 50 / 255,
        kept: int = 50,
        matches: int = 25,
        capacity: int = 100_000,
        key: int = 0,
    ) -> None:
        if window < 1 or not 0 < quantum < 1 or not 0 <= matches < kept or capacity < 1:
            raise UsageError(
                f"windows of {window}, quanta of {quantum:g}, more than {matches} of {kept} hashes, {capacity} queries",
                next_step="give a window and a capacity of 1 or more, a quantum below 1, fewer matches than hashes",
            )
        self.window, self.quantum, self.kept, self.matches, self.capacity = window, quantum, kept, matches, capacity
        self._multipliers = np.random.default_rng(derive(key, "guards.stateful")).integers(
            1, 2**63, window, dtype=np.uint64
        ) * np.uint64(2) + np.uint64(1)
        self._shape: tuple[int, ...] | None = None
        self._queries: OrderedDict[int, list[int]] = OrderedDict()
        self._seen: dict[int, deque[int]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._queries)

    def look(self, queries: Any) -> Flags:
        """(n,) whether each of the queries is flagged; they are remembered in their order, flagged or not.

        Args:
            queries: (n, ...) inputs in [0, 1], the same shape each time.

        Raises:
            DataError: no inputs, another shape than before, fewer values than a window, or not finite.
        """
        return np.array([self._one(hashes) > self.matches for hashes in self._hashes(queries)], dtype=np.bool_)

    def _one(self, hashes: list[int]) -> int:
        """The most hashes shared with one earlier query; then remember this one."""
        shared: Counter[int] = Counter()
        for each in hashes:
            shared.update(islice(reversed(self._seen.get(each, _NONE)), RECENT))
        most = max(shared.values(), default=0)
        for each in hashes:
            self._seen.setdefault(each, deque()).append(self._next)
        self._queries[self._next] = hashes
        self._next += 1
        if len(self._queries) > self.capacity:
            self._forget()
        return most

    def _forget(self) -> None:
        _, hashes = self._queries.popitem(last=False)
        for each in hashes:
            left = self._seen[each]
            left.popleft()  # queries are forgotten in the order in which they came, so this is the oldest
            if not left:
                del self._seen[each]

    def _hashes(self, queries: Any) -> list[list[int]]:
        given = np.asarray(queries, dtype=np.float32)
        if given.ndim < 2 or not given.size:
            raise DataError(f"queries of shape {given.shape}", next_step="give (n, ...) inputs, at least one")
        if self._shape is not None and given.shape[1:] != self._shape:
            raise DataError(
                f"queries of shape {given.shape[1:]} after {self._shape}", next_step="use one memory for each model"
            )
        flat = given.reshape(len(given), -1)
        if flat.shape[1] < self.window:
            raise DataError(
                f"queries of {flat.shape[1]} values hold no window of {self.window}", next_step="give a shorter window"
            )
        if not np.isfinite(flat).all():
            raise DataError("queries hold NaN or infinity", next_step="reject them before they are remembered")
        self._shape = given.shape[1:]
        levels = np.floor(flat / np.float32(self.quantum)).astype(np.int64).astype(np.uint64)
        windows = np.lib.stride_tricks.sliding_window_view(levels, self.window, axis=1)
        made = []
        for each in windows:  # one at a time: all together would be window times larger than the queries
            with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is meant
                mixed = (each * self._multipliers).sum(axis=1, dtype=np.uint64)
                mixed ^= mixed >> np.uint64(32)
                mixed *= np.uint64(0x9E3779B97F4A7C15)
                mixed ^= mixed >> np.uint64(29)
            made.append(np.unique(mixed)[-self.kept :].tolist())
        return made
