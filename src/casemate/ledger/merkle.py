"""The Merkle tree of RFC 6962, section 2.1: what a leaf, a node and a tree hash to, and a tree that only grows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256().digest()
"""MTH({}): the root of the tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """MTH({d}) = SHA-256(0x00 || d)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_point(n: int) -> int:
    """K of RFC 6962: the largest power of two smaller than n, for n > 1.

    Example:
        >>> [split_point(n) for n in (2, 3, 4, 5, 8, 9)]
        [1, 2, 2, 4, 4, 8]
    """
    return 1 << (n - 1).bit_length() - 1


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """MTH over leaf (or subtree) hashes: MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = split_point(len(hashes))
    return node_hash(tree_hash(hashes[:k]), tree_hash(hashes[k:]))


def pieces(tile: bytes) -> list[bytes]:
    """Cut concatenated hashes into hashes."""
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]


class CompactRange:
    """The right edge of a growing tree: one hash for each perfect subtree, tallest first.

    Its heights are the one-bits of the size, so it takes log2(n) hashes and one new hash a leaf, whatever the size.
    """

    def __init__(self, nodes: Iterable[tuple[int, bytes]] = ()) -> None:
        self._nodes = list(nodes)
        self.size = sum(1 << height for height, _ in self._nodes)

    def copy(self) -> CompactRange:
        """An independent copy."""
        return CompactRange(self._nodes)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf hash; returns the nodes it completes: the leaf at height 0, its parent at height 1, and so on."""
        completed = [leaf]
        while self._nodes and self._nodes[-1][0] == len(completed) - 1:
            completed.append(node_hash(self._nodes.pop()[1], completed[-1]))
        self._nodes.append((len(completed) - 1, completed[-1]))
        self.size += 1
        return completed

    def root(self) -> bytes:
        """MTH of all leaves so far."""
        if not self._nodes:
            return EMPTY_ROOT
        *rest, (_, right) = self._nodes
        for _, left in reversed(rest):
            right = node_hash(left, right)
        return right
