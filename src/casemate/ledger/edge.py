"""The right edge of the log: all a writer has to remember, and which files an append changes. Pure.

It is one partial tile a level, the partial bundle of entries, and the compact range over everything left of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from casemate.core.errors import TamperedError
from casemate.ledger.layout import ENTRIES, WIDTH, tile_path, tile_size, unpack, widths
from casemate.ledger.merkle import CompactRange, leaf_hash, pieces, tree_hash

_TILE_HEIGHT = WIDTH.bit_length() - 1


class Change(NamedTuple):
    """What an append does to the folder: files to write, then files to remove, and the edge afterwards."""

    edge: Edge
    write: dict[str, bytes]
    remove: list[str]


class Edge(msgspec.Struct, frozen=True):
    """The right edge of a log.

    Attributes:
        size: number of leaves.
        tiles: hashes of the partial tile of each level, from level 0; empty where the last tile is full.
        bundle: the partial bundle of entries.
    """

    size: int = 0
    tiles: tuple[bytes, ...] = ()
    bundle: bytes = b""

    @classmethod
    def load(cls, read: Callable[[str], bytes], size: int) -> Edge:
        """Read the edge of a log of ``size`` leaves from its tiles.

        Raises:
            TamperedError: a file is missing, has the wrong size, or the last entries are not those in the last tile.
        """

        def fetch(level: int | str, count: int) -> bytes:
            width = count % WIDTH
            path = tile_path(level, count // WIDTH, width)
            try:
                data = read(path) if width else b""
            except OSError as error:
                raise TamperedError(f"{path} of the ledger cannot be read", cause=str(error)) from None
            if level != ENTRIES and len(data) != tile_size(width):
                raise TamperedError(f"{path} of the ledger has the wrong size")
            return data

        edge = cls(size, tuple(fetch(level, count) for level, count in widths(size)), fetch(ENTRIES, size))
        edge.check()
        return edge

    def check(self) -> None:
        """Compare the last entries with the last tile.

        Raises:
            TamperedError: they differ; the first that does is named.
        """
        first = self.size - self.size % WIDTH
        expected = pieces(self.tiles[0]) if self.tiles else []
        entries = unpack(self.bundle, "the last bundle of entries", first)
        for index, (entry, value) in enumerate(zip(entries, expected, strict=False), first):
            if leaf_hash(entry) != value:
                raise TamperedError(f"record {index} is not the one that was hashed")
        if len(entries) != len(expected) or [len(tile) for tile in self.tiles] != [
            tile_size(count % WIDTH) for _, count in widths(self.size)
        ]:
            raise TamperedError(f"the ledger's last tiles do not hold {self.size} records")

    def range(self) -> CompactRange:
        """The compact range that the partial tiles stand for."""
        nodes = []
        for level in reversed(range(len(self.tiles))):
            hashes = pieces(self.tiles[level])
            at = 0
            for bit in reversed(range(_TILE_HEIGHT)):
                if len(hashes) & 1 << bit:
                    nodes.append((level * _TILE_HEIGHT + bit, tree_hash(hashes[at : at + (1 << bit)])))
                    at += 1 << bit
        return CompactRange(nodes)

    def root(self) -> bytes:
        """The Merkle tree hash of the whole log."""
        return self.range().root()

    def extend(self, entries: Sequence[bytes]) -> Change:
        """The edge after appending entries, and the tiles and bundles that change."""
        compact = self.range()
        tiles = [bytearray(tile) for tile in self.tiles]
        bundle = bytearray(self.bundle)
        write: dict[str, bytes] = {}
        size = self.size
        for entry in entries:
            bundle += len(entry).to_bytes(2, "big")
            bundle += entry
            size += 1
            for level, node in enumerate(compact.append(leaf_hash(entry))[::_TILE_HEIGHT]):
                if level == len(tiles):
                    tiles.append(bytearray())
                tiles[level] += node
                if len(tiles[level]) == tile_size(WIDTH):
                    write[tile_path(level, (size >> level * _TILE_HEIGHT) // WIDTH - 1)] = bytes(tiles[level])
                    tiles[level].clear()
            if size % WIDTH == 0:
                write[tile_path(ENTRIES, size // WIDTH - 1)] = bytes(bundle)
                bundle.clear()
        edge = Edge(size, tuple(bytes(tile) for tile in tiles), bytes(bundle))
        before, after = self.partial_files(), edge.partial_files()
        write.update({path: data for path, data in after.items() if path not in before})
        return Change(edge, write, [path for path in before if path not in after])

    def partial_files(self) -> dict[str, bytes]:
        """Path and content of every partial tile and bundle."""
        counts = dict(widths(self.size))
        files = {
            tile_path(level, counts[level] // WIDTH, counts[level] % WIDTH): tile
            for level, tile in enumerate(self.tiles)
            if tile
        }
        if self.bundle or self.size % WIDTH:
            files[tile_path(ENTRIES, self.size // WIDTH, self.size % WIDTH)] = self.bundle
        return files
