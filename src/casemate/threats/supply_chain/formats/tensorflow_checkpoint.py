"""The index of a TensorFlow checkpoint: a sorted table of tensors that lie in the data files beside it.

The table is LevelDB's (blocks of prefix-compressed keys, a footer of 48 bytes); its values are BundleHeaderProto and
BundleEntryProto. Checksums prove nothing against an attacker and are not computed.

Source: tensorflow/core/lib/io/table_format.txt, tensorflow/core/protobuf/tensor_bundle.proto.
Termination: every entry of a block takes bytes of it, and each block is read once.
"""

from __future__ import annotations

import math
from typing import Final

from casemate.threats.supply_chain.formats.outline import varint
from casemate.threats.supply_chain.formats.protobuf import Node, Span, Walk, schema
from casemate.threats.supply_chain.formats.tensorflow_graph import SIZES
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View, printable

MAGIC: Final = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
FOOTER: Final = 48
_TRAILER: Final = 5
_MOST_SHARDS: Final = 100_000


def parse(view: View, report: Report) -> None:
    """Read the table and claim the bytes of its tensors."""
    if not view.begins(MAGIC, len(view) - len(MAGIC)):
        raise NotMine
    table = _Table(view, report)
    table.read()
    entries = _Entries(view, report)
    for key, value in table.entries:
        entries.see(key, value)
    entries.finish()


class _Table:
    """Blocks of the table; ``entries`` are its keys and the places of their values."""

    def __init__(self, view: View, report: Report) -> None:
        self.view = view
        self.report = report
        self.entries: list[tuple[bytes, Span]] = []
        self.taken: set[int] = set()

    def read(self) -> None:
        at = len(self.view) - FOOTER
        meta, place = self._handle(at, len(self.view) - len(MAGIC))
        index, place = self._handle(place, len(self.view) - len(MAGIC))
        if self.view.raw(place, len(self.view) - len(MAGIC) - place).strip(b"\0"):
            raise Malformed("the footer's padding is not zero", place)
        self.report.cover(at, FOOTER)
        self._block(meta)
        blocks = self._block(index)
        for _, value in blocks:
            inner, end = self._handle(value.at, value.at + value.size)
            if end != value.at + value.size:
                raise Malformed("a handle is longer than it needs", value.at)
            self.entries += self._block(inner)

    def _handle(self, at: int, end: int) -> tuple[Span, int]:
        start, at, _ = varint(self.view.data, self.view.start, max(at, 0), end)
        count, at, _ = varint(self.view.data, self.view.start, at, end)
        return Span(start, count), at

    def _block(self, span: Span) -> list[tuple[bytes, Span]]:
        at, count = span
        if self.view.raw(at + count, 1) != b"\0":
            raise Malformed("a compressed block is not supported", at + count)
        if at in self.taken or count < 4:
            raise Malformed("a block is used twice or too short", at)
        self.taken.add(at)
        restarts = self.view.number(at + count - 4, 4)
        end = at + count - 4 - 4 * restarts
        if end < at:
            raise Malformed("a block has more restarts than bytes", at)
        found: list[tuple[bytes, Span]] = []
        key, place = b"", at
        while place < end:
            shared, place, _ = varint(self.view.data, self.view.start, place, end)
            more, place, _ = varint(self.view.data, self.view.start, place, end)
            size, place, _ = varint(self.view.data, self.view.start, place, end)
            if shared > len(key) or more + size > end - place:
                raise Malformed("an entry does not fit its block", place)
            self.report.budget.spend(1 + shared // 64)
            key = key[:shared] + self.view.raw(place, more)
            if found and key <= found[-1][0]:
                self.report.fact("tensorflow.checkpoint", "keys are not in order", place)
            found.append((key, Span(place + more, size)))
            place += more + size
        self.report.cover(at, count + _TRAILER)
        return found


class _Entries:
    """Judges the tensors of a checkpoint and claims their bytes."""

    def __init__(self, view: View, report: Report) -> None:
        self.report = report
        self.walk = Walk(view, schema("tensorflow"), report)
        self.shards = 0
        self.ranges: dict[int, list[tuple[int, int]]] = {}

    def see(self, key: bytes, value: Span) -> None:
        """One entry: the header under the empty key, a tensor under any other."""
        kind = "BundleEntryProto" if key else "BundleHeaderProto"
        root = self.walk.node(kind, value)
        self.walk.all(root, lambda node: None)
        if self.walk.unknown:
            raise Malformed("an entry has unknown fields", value.at)
        if not key:
            self.shards = root.number("num_shards")
            if root.number("endianness") or not 0 <= self.shards <= _MOST_SHARDS:
                raise Malformed("a checkpoint of this kind is not supported", value.at)
        else:
            self._tensor(key.decode("utf-8", "backslashreplace"), root)

    def _tensor(self, name: str, root: Node) -> None:
        shapes = self.walk.look(root, "shape")
        lengths = [each.number("size") for each in self.walk.look(shapes[-1], "dim")] if shapes else []
        shard, at, size = root.number("shard_id"), root.number("offset"), root.number("size")
        wanted = math.prod(lengths) * SIZES.get(root.number("dtype"), 0)
        sliced = "slices" in root
        wrong = (wanted and wanted != size and not sliced) or shard >= self.shards or (at + size) >> 62
        if wrong:
            self.report.fact("tensorflow.checkpoint", f"tensor {printable(name)} does not fit", root.span.at, name)
        elif size:
            self.ranges.setdefault(shard, []).append((at, at + size))

    def finish(self) -> None:
        """Tensors of one data file must not overlap; the file's name follows from this one's."""
        own = self.report.view.where.rpartition("!")[2].rpartition("/")[2]
        stem = own.removesuffix(".index")
        for shard, ranges in self.ranges.items():
            reached = 0
            for start, stop in sorted(ranges):
                if start < reached:
                    self.report.fact("tensorflow.checkpoint", f"tensors overlap in shard {shard} at {start}")
                reached = max(reached, stop)
                if own != stem:
                    path = f"{stem}.data-{shard:05d}-of-{self.shards:05d}"
                    self.report.claim(path, "tensors", start, stop - start)
        self.report.describe("tensors", sum(len(ranges) for ranges in self.ranges.values()))
