"""The header of a 7z archive ("7zFormat.txt" of the LZMA SDK 23.01), read within bounds on everything it counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View

END, HEADER, _ARCHIVE, _ADDITIONAL, STREAMS, FILES, PACK, UNPACK, SUBSTREAMS = range(9)
_SIZE, _CRC, FOLDER, _CODERS_SIZE, _STREAM_COUNT = 9, 10, 11, 12, 13
_EMPTY_STREAM, _EMPTY_FILE, _ANTI, _NAMES, _ATTRIBUTES, ENCODED = 14, 15, 16, 17, 21, 23
_TIMES: Final = frozenset({18, 19, 20, 24})
_DUMMY: Final = 25
_MOST_CODERS: Final = 8


class Coder(NamedTuple):
    """One step of unpacking: the method's id and its properties."""

    method: bytes
    properties: bytes


@dataclass
class Folder:
    """What is unpacked in one go: coders in the order in which data passes through them when unpacked.

    Attributes:
        coders: the one that reads the packed stream first.
        order: where each of them stands in the header.
        sizes: bytes that come out of each.
        crc: of what comes out of the last, if the header says so.
        parts: size and CRC of each file in it.
    """

    coders: list[Coder]
    order: list[int]
    sizes: list[int] = field(default_factory=list)
    crc: int | None = None
    parts: list[tuple[int, int | None]] = field(default_factory=list)


@dataclass
class File:
    """A file in the archive: its name, attributes, and whether it has a stream."""

    name: str = ""
    attributes: int = 0
    stream: bool = True
    folder: bool = False


@dataclass
class Contents:
    """What a header says.

    Attributes:
        start: of the packed streams, in bytes behind the signature header.
        packed: bytes of each packed stream.
        folders: one a packed stream.
        files: in order; those with a stream take the folders' parts in turn.
    """

    start: int = 0
    packed: list[int] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    files: list[File] = field(default_factory=list)


class Reader:
    """Reads a header from front to end; every count is checked against the bytes that are left or the budget."""

    def __init__(self, view: View, budget: Budget) -> None:
        self._view = view
        self._budget = budget
        self.at = 0

    def header(self) -> Contents:
        """The whole header behind its first byte.

        Raises:
            Malformed: it is cut short, or has something that this reader does not know.
        """
        contents, kind = Contents(), self.byte()
        if kind == STREAMS:
            self.streams(contents)
            kind = self.byte()
        if kind == FILES:
            self._files(contents)
            kind = self.byte()
        if kind != END:
            raise self._unknown(kind)
        return contents

    def streams(self, contents: Contents) -> None:
        """Packed streams, folders, and how folders divide into files."""
        while (kind := self.byte()) != END:
            if kind == PACK:
                self._pack(contents)
            elif kind == UNPACK:
                self._unpack(contents)
            elif kind == SUBSTREAMS:
                self._substreams(contents)
            else:
                raise self._unknown(kind)
        for folder in contents.folders:
            if not folder.parts:
                folder.parts = [(folder.sizes[-1], folder.crc)]
        if len(contents.folders) != len(contents.packed):
            raise Malformed("folders and packed streams differ in number", self.at)

    def _pack(self, contents: Contents) -> None:
        contents.start, count = self.number(), self._count()
        while (kind := self.byte()) != END:
            if kind == _SIZE:
                contents.packed = [self.number() for _ in range(count)]
            elif kind == _CRC:
                self._digests(count)
            else:
                raise self._unknown(kind)
        if len(contents.packed) != count:
            raise Malformed("packed streams have no sizes", self.at)

    def _unpack(self, contents: Contents) -> None:
        if self.byte() != FOLDER:
            raise Malformed("folders are missing", self.at)
        count = self._count()
        if self.byte():
            raise Malformed("folders stand elsewhere, which is not read", self.at)
        contents.folders = [self._folder() for _ in range(count)]
        if self.byte() != _CODERS_SIZE:
            raise Malformed("the sizes of folders are missing", self.at)
        for folder in contents.folders:
            written = [self.number() for _ in folder.coders]
            folder.sizes = [written[index] for index in folder.order]
        while (kind := self.byte()) != END:
            if kind != _CRC:
                raise self._unknown(kind)
            for folder, crc in zip(contents.folders, self._digests(count), strict=True):
                folder.crc = crc

    def _folder(self) -> Folder:
        """Coders in a chain, each with one stream in and one out; others (BCJ2) are not read."""
        count = self.number()
        if not 1 <= count <= _MOST_CODERS:
            raise Malformed(f"a folder has {count} coders", self.at)
        coders = []
        for _ in range(count):
            flags = self.byte()
            method = self._take(flags & 15)
            if flags & 0xC0 or (flags & 0x10 and (self.number(), self.number()) != (1, 1)):
                raise Malformed("a coder has several streams, which is not read", self.at)
            coders.append(Coder(method, self._take(self.number()) if flags & 0x20 else b""))
        feeds = {self.number(): self.number() for _ in range(count - 1)}  # a coder's input: the coder it comes from
        if len(feeds) != count - 1 or not all(key < count and value < count for key, value in feeds.items()):
            raise Malformed("coders are not in a chain", self.at)
        (first,) = set(range(count)) - set(feeds)
        follows = {source: coder for coder, source in feeds.items()}
        order = [first]
        while order[-1] in follows and len(order) < count:
            order.append(follows[order[-1]])
        if len(order) != count:
            raise Malformed("coders are not in a chain", self.at)
        return Folder([coders[index] for index in order], order)

    def _substreams(self, contents: Contents) -> None:
        counts = [1] * len(contents.folders)
        kind = self.byte()
        if kind == _STREAM_COUNT:
            counts = [self._count() for _ in contents.folders]
            kind = self.byte()
        for folder, count in zip(contents.folders, counts, strict=True):
            sizes = [self.number() for _ in range(count - 1)] if kind == _SIZE else []
            if count > 1 and not sizes:
                raise Malformed("the sizes of files are missing", self.at)
            last = folder.sizes[-1] - sum(sizes)
            if last < 0:
                raise Malformed("files are larger than their folder", self.at)
            folder.parts = [(size, None) for size in [*sizes, last][:count]]
        if kind == _SIZE:
            kind = self.byte()
        while kind != END:
            if kind != _CRC:
                raise self._unknown(kind)
            self._part_digests(contents)
            kind = self.byte()

    def _part_digests(self, contents: Contents) -> None:
        known = [len(folder.parts) == 1 and folder.crc is not None for folder in contents.folders]
        missing = sum(len(folder.parts) for folder, has in zip(contents.folders, known, strict=True) if not has)
        digests = iter(self._digests(missing))
        for folder, has in zip(contents.folders, known, strict=True):
            folder.parts = [(size, folder.crc if has else next(digests)) for size, _ in folder.parts]

    def _files(self, contents: Contents) -> None:
        contents.files = [File() for _ in range(self._count())]
        files = contents.files
        while (kind := self.byte()) != END:
            size = self.number()
            stop = self.at + size
            self._view.part(self.at, size)
            if kind == _EMPTY_STREAM:
                for file, empty in zip(files, self._bits(len(files)), strict=True):
                    file.stream, file.folder = not empty, empty
            elif kind == _EMPTY_FILE:
                empties = [file for file in files if not file.stream]
                for file, empty in zip(empties, self._bits(len(empties)), strict=True):
                    file.folder = not empty
            elif kind == _NAMES:
                self._names(files, stop)
            elif kind == _ATTRIBUTES:
                self._attributes(files)
            elif kind == _DUMMY:
                if self._view.raw(self.at, size).strip(b"\0"):
                    raise Malformed("padding of the header is not zero", self.at)
                self.at = stop
            elif kind in _TIMES or kind == _ANTI:
                self.at = stop
            else:
                raise self._unknown(kind)
            if self.at != stop:
                raise Malformed("a property of the files has another size than it says", self.at)

    def _names(self, files: list[File], stop: int) -> None:
        if self.byte():
            raise Malformed("names stand elsewhere, which is not read", self.at)
        raw = self._view.raw(self.at, stop - self.at)
        names = raw.decode("utf-16-le", "backslashreplace").split("\0")
        if len(names) != len(files) + 1 or names[-1]:
            raise Malformed("names and files differ in number", self.at)
        for file, name in zip(files, names, strict=False):
            file.name = name
        self.at = stop

    def _attributes(self, files: list[File]) -> None:
        defined = self._defined(len(files))
        if self.byte():
            raise Malformed("attributes stand elsewhere, which is not read", self.at)
        for file, has in zip(files, defined, strict=True):
            if has:
                file.attributes = int.from_bytes(self._take(4), "little")

    def _digests(self, count: int) -> list[int | None]:
        return [int.from_bytes(self._take(4), "little") if has else None for has in self._defined(count)]

    def _defined(self, count: int) -> list[bool]:
        return [True] * count if self.byte() else self._bits(count)

    def _bits(self, count: int) -> list[bool]:
        raw = self._take((count + 7) // 8)
        return [bool(raw[index >> 3] & (0x80 >> (index & 7))) for index in range(count)]

    def byte(self) -> int:
        """The next byte."""
        return self._take(1)[0]

    def number(self) -> int:
        """A number of one to nine bytes: as many bytes follow as the first one has leading ones."""
        first = self.byte()
        more = 8 - (first ^ 0xFF).bit_length()
        low = int.from_bytes(self._take(more), "little")
        return low | (first & (0x7F >> more)) << (8 * more) if more < 8 else low

    def _count(self) -> int:
        """A number of things, each of which the budget counts as a step and some byte of the header describes."""
        count = self.number()
        if count > self._budget.members:
            raise Refused("file.members", f"the archive announces {count} members", self.at)
        self._budget.spend(count)
        return count

    def _take(self, count: int) -> bytes:
        raw = self._view.raw(self.at, count)
        self.at += count
        return raw

    def _unknown(self, kind: int) -> Malformed:
        return Malformed(f"the header has the unknown property {kind}", self.at)
