"""RFC 6962 hashing against the definition, tiles against the tree, proofs against a naive prover."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import TamperedError, UsageError
from casemate.ledger.edge import Edge
from casemate.ledger.layout import WIDTH, expected_tiles, pack, parse_tile_path, tile_path, unpack
from casemate.ledger.merkle import EMPTY_ROOT, CompactRange, leaf_hash, tree_hash
from casemate.ledger.proofs import TileTree, verify_consistency, verify_inclusion

BIG = [b"%d" % number for number in range(70_000)]
"""Enough for three levels of tiles."""


def mth(entries: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    n = len(entries)
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def tree_of(entries: Sequence[bytes]) -> TileTree:
    files = Edge().extend(entries).write
    size = len(entries)

    def read(level: int, index: int, width: int) -> bytes:
        return files[tile_path(level, index, min(WIDTH, (size >> 8 * level) - index * WIDTH))]

    return TileTree(read, size)


@pytest.fixture(scope="module")
def big() -> TileTree:
    return tree_of(BIG)


def test_vectors_of_rfc_6962() -> None:
    """The test vectors of certificate-transparency's reference implementation."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    roots = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    entries = [bytes.fromhex(leaf) for leaf in leaves]
    for size, root in roots.items():
        assert tree_hash([leaf_hash(entry) for entry in entries[:size]]).hex() == root


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_all_ways_to_a_root_agree(entries: list[bytes]) -> None:
    compact = CompactRange()
    for entry in entries:
        compact.append(leaf_hash(entry))
    root = mth(entries)
    assert compact.root() == root == tree_hash([leaf_hash(entry) for entry in entries])
    assert Edge().extend(entries).edge.root() == root


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=5))
def test_batches_give_the_same_tiles_as_one_go(counts: list[int]) -> None:
    """Whatever the batches: the files that remain are those of the whole, and nothing else is left."""
    edge, files = Edge(), dict[str, bytes]()
    start = 0
    for count in counts:
        change = edge.extend(BIG[start : start + count])
        files.update(change.write)
        for path in change.remove:
            del files[path]
        edge, start = change.edge, start + count
        assert Edge.load(files.__getitem__, start) == edge
    assert set(files) == set(expected_tiles(start))
    whole = Edge().extend(BIG[:start])
    assert files == {path: whole.write[path] for path in files}
    assert edge == whole.edge


def test_edge_of_a_big_log(big: TileTree) -> None:
    edge = Edge().extend(BIG).edge
    assert edge.root() == big.root() == mth(BIG)
    assert [len(tile) // 32 for tile in edge.tiles] == [112, 17, 1]  # the example of tlog-tiles


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_proofs_verify_and_changed_ones_do_not(big: TileTree, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(BIG)), "size")
    index = data.draw(st.integers(0, size - 1), "index")
    old = data.draw(st.integers(1, size), "old")
    root, leaf = big.root(size), leaf_hash(BIG[index])
    path, proof = big.inclusion(index, size), big.consistency(old, size)
    verify_inclusion(leaf, index, size, path, root)
    verify_consistency(old, size, big.root(old), root, proof)
    for bad_path in (path[:-1], [*path, bytes(32)], [bytes(32), *path[1:]], path[::-1] if len(set(path)) > 1 else None):
        if bad_path is not None and bad_path != path:
            with pytest.raises(TamperedError):
                verify_inclusion(leaf, index, size, bad_path, root)
            with pytest.raises(TamperedError):
                verify_inclusion(leaf_hash(b"other"), index, size, path, root)
    for bad_proof in (proof[:-1], [*proof, bytes(32)], [bytes(32), *proof[1:]]):
        if bad_proof != proof:
            with pytest.raises(TamperedError):
                verify_consistency(old, size, big.root(old), root, bad_proof)
    if old != size:
        with pytest.raises(TamperedError):
            verify_consistency(old, size, bytes(32), root, proof)
        with pytest.raises(TamperedError):
            verify_consistency(old, size, big.root(old), bytes(32), proof)


def test_small_trees_exhaustively() -> None:
    for size in range(1, 35):
        tree, root = tree_of(BIG[:size]), mth(BIG[:size])
        for index in range(size):
            path = tree.inclusion(index)
            verify_inclusion(leaf_hash(BIG[index]), index, size, path, root)
            for wrong in set(range(size)) - {index}:
                with pytest.raises(TamperedError):
                    verify_inclusion(leaf_hash(BIG[index]), wrong, size, path, root)
            verify_consistency(index + 1, size, mth(BIG[: index + 1]), root, tree.consistency(index + 1))


def test_questions_without_answer(big: TileTree) -> None:
    for index, size in ((-1, 5), (5, 5), (0, 0), (0, len(BIG) + 1)):
        with pytest.raises(UsageError):
            big.inclusion(index, size)
    for old, new in ((0, 5), (6, 5), (5, len(BIG) + 1)):
        with pytest.raises(UsageError):
            big.consistency(old, new)
    with pytest.raises(TamperedError):
        verify_inclusion(bytes(32), 3, 3, [], bytes(32))
    with pytest.raises(TamperedError):
        verify_consistency(0, 3, EMPTY_ROOT, bytes(32), [])
    assert big.root(0) == EMPTY_ROOT


@given(st.integers(0, 10**9), st.integers(1, 256), st.sampled_from(["entries", "0", "7", "63"]))
def test_tile_names_have_one_spelling(index: int, width: int, level: str) -> None:
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


@given(st.text(alphabet="tile/0123456789xp.", max_size=40))
def test_other_names_are_no_tiles(text: str) -> None:
    parsed = parse_tile_path(text)
    assert parsed is None or tile_path(*parsed) == text


@pytest.mark.parametrize(
    "name", ["tile/0/000.p/256", "tile/0/000.p/0", "tile/00/000", "tile/0/x000/001", "tile/64x/000"]
)
def test_names_of_no_tile(name: str) -> None:
    assert parse_tile_path(name) is None


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    assert unpack(pack(entries), "it") == entries
