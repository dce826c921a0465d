"""CRFsuite models (first-order linear-chain CRF): features, two dictionaries of names, and lists of features.

The library maps the file into memory and follows its offsets and indices without checking any, so all are checked
here: chunks follow each other, a name is where its hash table says, a feature and a list name only what is there.

Source: crfsuite 0.12, ``lib/crf/src/crf1d_model.c`` (model) and ``lib/cqdb/src/cqdb.c`` (dictionaries).
Termination: chunks, names, buckets and lists stand one behind the other; each is read once.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View

MAGIC: Final = b"lCRF"
_HEADER: Final = struct.Struct("<4sI4s9I")
_TYPE: Final = b"FOMC"
_VERSION: Final = 100
_FEATURE: Final = struct.Struct("<3Id")
_NAMES: Final = struct.Struct("<4s5I")
_ORDER: Final = 0x62445371
_TABLES: Final = 256
_INDEX: Final = "crfsuite.index"


class _Chunk(NamedTuple):
    """Where a chunk begins, its identifier, and what it holds."""

    at: int
    kind: bytes
    what: str


def parse(view: View, report: Report) -> None:
    """Read the header, then the chunks in the order in which they stand."""
    if not view.begins(MAGIC):
        raise NotMine
    header = _HEADER.unpack(view.raw(0, _HEADER.size))
    _, size, kind, version, _, labels, attributes, *places = header
    if kind != _TYPE or version != _VERSION:
        raise Malformed("the model is of no known type or version", 8)
    if size > len(view):
        raise Malformed(f"the model announces {size} bytes", 4)
    report.cover(0, _HEADER.size)
    model = _Model(view.part(0, size), report, labels, attributes)
    kinds = (b"FEAT", b"CQDB", b"CQDB", b"LFRF", b"AFRF")
    whats = ("features", "labels", "attributes", "label lists", "attribute lists")
    at = _HEADER.size
    for chunk in sorted(map(_Chunk, places, kinds, whats)):
        at = model.chunk(chunk, at)
    model.finish()
    report.describe("labels", model.counts["labels"])
    report.describe("attributes", model.counts["attributes"])
    report.describe("features", model.features)


class _Model:
    def __init__(self, view: View, report: Report, labels: int, attributes: int) -> None:
        self.view = view
        self.report = report
        self.counts = {"labels": labels, "attributes": attributes}
        self.features = 0
        self.largest = (-1, 0)

    def chunk(self, chunk: _Chunk, expected: int) -> int:
        """Read one chunk, which begins where the last one ends or, behind zeros, at the next multiple of four."""
        if not expected <= chunk.at < expected + 4 or self.view.raw(expected, chunk.at - expected).strip(b"\0"):
            raise Malformed(f"the {chunk.what} do not stand where the chunk before them ends", expected)
        kind, size = self.view.raw(chunk.at, 4), self.view.number(chunk.at + 4, 4)
        if kind != chunk.kind:
            raise Malformed(f"the {chunk.what} are not marked as such", chunk.at)
        part = self.view.part(chunk.at, size)
        if kind == b"CQDB":
            self._names(part, chunk)
        elif kind == b"FEAT":
            self._features(part, chunk.at)
        else:
            self._lists(part, chunk)
        self.report.cover(expected, chunk.at - expected + size)
        return chunk.at + size

    def _features(self, part: View, at: int) -> None:
        """Kind, source, label and weight of each: from an attribute to a label (0), or from label to label (1)."""
        self.features = part.number(8, 4)
        if len(part) != 12 + _FEATURE.size * self.features:
            raise Malformed("the features do not fill their chunk", at)
        labels = self.counts["labels"]
        limits = (self.counts["attributes"], labels)
        for number, (kind, source, label, _) in enumerate(_FEATURE.iter_unpack(part.memory(12))):
            if kind > 1 or source >= limits[kind] or label >= labels:
                place = at + 12 + _FEATURE.size * number
                self.report.fact(_INDEX, f"feature {number} names a label or attribute that is not there", place)
                return

    def _lists(self, part: View, chunk: _Chunk) -> None:
        """Where each list begins, then the lists: a count and numbers of features. Labels have two vacant ones more."""
        count = part.number(8, 4)
        offsets = struct.iter_unpack("<I", part.raw(12, 4 * count))
        wanted = self.counts["labels" if chunk.kind == b"LFRF" else "attributes"]
        if count < wanted:
            self.report.fact(_INDEX, f"there are fewer {chunk.what} than the header announces", chunk.at)
        at = 12 + 4 * count
        for number, (offset,) in enumerate(offsets):
            if not offset and number >= wanted:
                continue
            if offset != chunk.at + at:
                raise Malformed(f"the {chunk.what} do not follow each other", chunk.at + at)
            length = part.number(at, 4)
            largest = max((each for (each,) in struct.iter_unpack("<I", part.raw(at + 4, 4 * length))), default=-1)
            self.largest = max(self.largest, (largest, offset))
            at += 4 + 4 * length
        if at != len(part):
            raise Malformed(f"the {chunk.what} do not fill their chunk", chunk.at + at)

    def _names(self, part: View, chunk: _Chunk) -> None:
        """A dictionary: names with their numbers, 256 hash tables of places, and places by number."""
        _, _, _, order, most, backward = _NAMES.unpack(part.raw(0, _NAMES.size))
        if order != _ORDER:
            raise Malformed("the dictionary is of no known byte order", chunk.at + 12)
        references = list(struct.iter_unpack("<2I", part.raw(_NAMES.size, 8 * _TABLES)))
        first = _NAMES.size + 8 * _TABLES
        tables = next((offset for offset, _ in references if offset), backward or len(part))
        known = _records(part, first, tables, chunk.at)
        at = self._tables(part, references, tables, known, chunk)
        places = part.raw(at, len(part) - at)
        if at != (backward or at) or len(places) % 4 or len(places) // 4 > most:
            raise Malformed("the dictionary does not end with its places", chunk.at + at)
        wrong = any(known.get(place) != number for number, (place,) in enumerate(struct.iter_unpack("<I", places)))
        if wrong or len(places) // 4 != self.counts[chunk.what]:
            self.report.fact(_INDEX, f"the dictionary of {chunk.what} does not have a name for each", chunk.at + at)

    def _tables(
        self, part: View, references: list[tuple[int, ...]], at: int, known: dict[int, int], chunk: _Chunk
    ) -> int:
        found: set[int] = set()
        for offset, count in references:
            if offset != (at if count else 0):
                raise Malformed("the hash tables do not follow each other", chunk.at + at)
            places = [place for _, place in struct.iter_unpack("<2I", part.raw(at, 8 * count))]
            if count and 0 not in places:  # a search for a name that is not there would not end
                self.report.fact(_INDEX, "a hash table has no vacant place", chunk.at + at)
            found.update(places)
            at += 8 * count
        if found - {0} != set(known):
            self.report.fact(_INDEX, f"hash tables of {chunk.what} lead to places where no name stands", chunk.at)
        return at

    def finish(self) -> None:
        """Lists name features only; they may stand before them."""
        largest, at = self.largest
        if largest >= self.features:
            self.report.fact(_INDEX, f"a list names feature {largest}, which is not there", at)


def _records(part: View, at: int, stop: int, base: int) -> dict[int, int]:
    """Number of each name by its place: a number, a length, and a text that ends in a zero."""
    known: dict[int, int] = {}
    data = part.raw(at, max(stop - at, 0))
    begin, reached = at, 0
    while reached < len(data):
        if reached + 8 > len(data):
            raise Malformed("a name is cut short", base + begin + reached)
        number, size = struct.unpack_from("<2I", data, reached)
        if not size or reached + 8 + size > len(data) or data.find(b"\0", reached + 8) != reached + 7 + size:
            raise Malformed("a name does not end where it says", base + begin + reached)
        known[begin + reached] = number
        reached += 8 + size
    return known
