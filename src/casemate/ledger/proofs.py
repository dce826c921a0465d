"""Inclusion and consistency proofs: made from tiles, verified by functions that need nothing else.

Made as in RFC 6962 (2.1.1 audit paths, 2.1.2 consistency), verified as in RFC 9162 (2.1.3.2 and 2.1.4.2). The proofs
of both are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from casemate.core.errors import TamperedError, UsageError
from casemate.ledger.layout import WIDTH
from casemate.ledger.merkle import HASH_SIZE, node_hash, pieces, split_point, tree_hash

TileReader = Callable[[int, int, int], bytes]
"""(level, index, least width) -> the tile's hashes, concatenated; at least that many."""
_HEIGHT = WIDTH.bit_length() - 1


class TileTree:
    """A Merkle tree that reads the hashes it needs from tiles.

    Args:
        read: where tiles come from.
        size: number of leaves.
    """

    def __init__(self, read: TileReader, size: int) -> None:
        self._read = read
        self.size = size

    def subtree(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]) where start is a multiple of the largest power of two below end - start."""
        count = end - start
        if count & (count - 1):
            k = split_point(count)
            return node_hash(self.subtree(start, start + k), self.subtree(start + k, end))
        level, inside = divmod(count.bit_length() - 1, _HEIGHT)
        first = start >> level * _HEIGHT
        at, width = first % WIDTH, 1 << inside
        tile = self._read(level, first // WIDTH, at + width)
        return tree_hash(pieces(tile[at * HASH_SIZE : (at + width) * HASH_SIZE]))

    def root(self, size: int | None = None) -> bytes:
        """The root over the first ``size`` leaves; over all of them by default."""
        size = self.size if size is None else size
        return tree_hash(()) if size == 0 else self.subtree(0, size)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """PATH(index, D[size]): the audit path of a leaf.

        Raises:
            UsageError: there is no such leaf or size.
        """
        size = self.size if size is None else size
        if not 0 <= index < size <= self.size:
            raise UsageError(f"there is no record {index} in a log of {size} (this one has {self.size})")
        path = []
        start, end = 0, size
        while end - start > 1:
            middle = start + split_point(end - start)
            if index < middle:
                path.append(self.subtree(middle, end))
                end = middle
            else:
                path.append(self.subtree(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """PROOF(old, D[new]): that the first ``old`` leaves of the larger tree are those of the smaller.

        Raises:
            UsageError: not 0 < old <= new <= size.
        """
        new = self.size if new is None else new
        if not 0 < old <= new <= self.size:
            raise UsageError(f"there is no consistency proof from {old} to {new} records (the log has {self.size})")
        proof = []
        start, end, whole = 0, new, True
        while old != end:
            middle = start + split_point(end - start)
            if old <= middle:
                proof.append(self.subtree(middle, end))
                end = middle
            else:
                proof.append(self.subtree(start, middle))
                start, whole = middle, False
        if not whole:
            proof.append(self.subtree(start, end))
        return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash is at ``index`` of the tree of ``size`` leaves with this root (RFC 9162, 2.1.3.2).

    Raises:
        TamperedError: it is not shown to be.
    """
    if not 0 <= index < size:
        raise TamperedError(f"record {index} cannot be in a log of {size}")
    number, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise TamperedError(f"the inclusion proof of record {index} is too long")
        if number & 1 or number == last:
            result = node_hash(sibling, result)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        number, last = number >> 1, last >> 1
    if last or result != root:
        raise TamperedError(f"record {index} is not shown to be in the log of {size}")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the log of ``new`` leaves begins with the log of ``old`` leaves (RFC 9162, 2.1.4.2).

    Raises:
        TamperedError: it is not shown to: history was rewritten, or the proof is wrong.
    """
    failure = TamperedError(f"the log of {new} records is not shown to begin with the log of {old}")
    if not 0 < old <= new:
        raise failure
    if old == new:
        if proof or old_root != new_root:
            raise failure
        return
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        raise failure
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_result = new_result = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise failure
        if first & 1 or first == last:
            old_result, new_result = node_hash(step, old_result), node_hash(step, new_result)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new_result = node_hash(new_result, step)
        first, last = first >> 1, last >> 1
    if last or old_result != old_root or new_result != new_root:
        raise failure
