"""Which bytes of a view belong to something that was understood."""

from __future__ import annotations


class Coverage:
    """Claimed ranges of ``size`` bytes. Claims may touch and overlap; they usually come in order."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._ranges: list[tuple[int, int]] = []

    def claim(self, at: int, count: int) -> None:
        """Claim ``count`` bytes at ``at``; what lies outside the view is not claimed."""
        start, stop = max(at, 0), min(at + count, self.size)
        if start >= stop:
            return
        if self._ranges and self._ranges[-1][0] <= start <= self._ranges[-1][1]:
            self._ranges[-1] = (self._ranges[-1][0], max(stop, self._ranges[-1][1]))
        else:
            self._ranges.append((start, stop))

    def gaps(self) -> list[tuple[int, int]]:
        """The ranges nobody claimed, in order."""
        found, reached = [], 0
        for start, stop in sorted(self._ranges):
            if start > reached:
                found.append((reached, start))
            reached = max(reached, stop)
        if reached < self.size:
            found.append((reached, self.size))
        return found

    def extent(self) -> tuple[int, int]:
        """The first claimed byte, and the one behind the last."""
        return min((start for start, _ in self._ranges), default=0), max((stop for _, stop in self._ranges), default=0)

    @property
    def covered(self) -> int:
        """How many bytes are claimed."""
        return self.size - sum(stop - start for start, stop in self.gaps())
