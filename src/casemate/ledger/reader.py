"""Reading a ledger: its records, its hashes, and proofs about them."""

from __future__ import annotations

from collections.abc import Iterator

from casemate.core.errors import TamperedError, UsageError
from casemate.ledger.disk import Disk
from casemate.ledger.layout import ENTRIES, WIDTH, tile_path, tile_size, tiles, unpack
from casemate.ledger.merkle import CompactRange, leaf_hash
from casemate.ledger.proofs import TileTree


class Reader:
    """The first ``size`` records of a ledger. What it returns is what is on disk; proofs and roots tell if it is right.

    Args:
        disk: the ledger's folder.
        size: how many records its checkpoint covers.
    """

    def __init__(self, disk: Disk, size: int) -> None:
        self._disk = disk
        self.size = size
        self.recomputed_root = b""
        self.tree = TileTree(self.tile, size)

    def _read(self, path: str) -> bytes:
        try:
            return self._disk.read(path)
        except OSError as error:
            raise TamperedError(f"{path} of the ledger cannot be read", cause=error.strerror or str(error)) from None

    def _width(self, count: int, index: int) -> int:
        return min(WIDTH, count - index * WIDTH)

    def tile(self, level: int, index: int, width: int = 1) -> bytes:
        """Hashes of a tile, concatenated: at least ``width``, as many as the log has.

        Raises:
            TamperedError: it is missing or has the wrong size.
        """
        available = self._width(self.size >> 8 * level, index)
        path = tile_path(level, index, available)
        data = self._read(path)
        if available < width or len(data) != tile_size(available):
            raise TamperedError(f"{path} of the ledger has the wrong size")
        return data

    def bundle(self, index: int) -> list[bytes]:
        """The entries of a bundle.

        Raises:
            TamperedError: it is missing.
            UnreadableError: it ends inside a record.
        """
        path = tile_path(ENTRIES, index, self._width(self.size, index))
        return unpack(self._read(path), path, index * WIDTH)

    def entry(self, index: int) -> bytes:
        """One record, checked against its leaf hash.

        Raises:
            UsageError: there is no such record.
            TamperedError: it is not the one that was hashed.
        """
        if not 0 <= index < self.size:
            raise UsageError(f"there is no record {index}; the ledger has {self.size}")
        entries = self.bundle(index // WIDTH)
        at = index % WIDTH
        if at >= len(entries) or leaf_hash(entries[at]) != self.tree.subtree(index, index + 1):
            raise TamperedError(f"record {index} is not the one that was hashed")
        return entries[at]

    def entries(self) -> Iterator[bytes]:
        """All records in order; after the last one ``recomputed_root`` is the root they have."""
        compact = CompactRange()
        for index, _ in tiles(self.size):
            for entry in self.bundle(index):
                compact.append(leaf_hash(entry))
                yield entry
        self.recomputed_root = compact.root()
