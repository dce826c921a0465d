"""From patterns and bytes to matches: one pass, confirmation, validators, entropy, stages, and one match a place."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from casemate.patterns.backends import TOGETHER, Keep, Place, backend
from casemate.patterns.normalize import normalize
from casemate.patterns.pattern import Pattern, pack
from casemate.patterns.stages import Context, allowed, entropy
from casemate.patterns.validators import judge

LINE = 400
GROWS = 16_384


@dataclass(frozen=True, slots=True)
class Match:
    """Something a pattern matched.

    Attributes:
        pattern: which one.
        start, stop: where: offsets in what was given, bytes in bytes and code points in text.
        proven: whether a validator said yes (a checksum holds).
        harmless: the reason it does not count ("entropy", "validator", a stage), or "".
    """

    pattern: Pattern
    start: int
    stop: int
    proven: bool = False
    harmless: str = ""

    @property
    def strength(self) -> tuple[bool, bool, int]:
        """Which of two overlapping matches is kept: the proven, the specific, the longer."""
        return self.proven, self.pattern.kind != "generic", self.stop - self.start


class Named:
    """Leaves out patterns that are not for a file of this name; see `casemate.patterns.backends.Keep`."""

    def __init__(self, patterns: Sequence[Pattern], name: str) -> None:
        self._patterns, self._name = patterns, name.lower()

    def areas(self, numbers: range, size: int) -> Iterable[tuple[int, int]]:
        """See ``Keep``."""
        return ((0, size),) if any(map(self._fits, numbers)) else ()

    def __call__(self, number: int, stops: list[int]) -> list[int]:
        """See ``Keep``."""
        return stops if self._fits(number) else []

    def _fits(self, number: int) -> bool:
        files = self._patterns[number].files
        return not files or self._name.endswith(files)


class Scanner:
    """A set of patterns, compiled once; safe to use again and again.

    Args:
        patterns: what to look for.
        together: how many are compiled into one database, of all or one by one; more cost more to compile, and less in
            short texts.

    Raises:
        MissingPartError: neither hyperscan nor google-re2 is installed.

    Example:
        >>> from casemate.patterns.samples import sample
        >>> text = sample("key = npm_<alnum:36>")
        >>> [(match.pattern.id, match.start) for match in secrets_scanner().text(text)]
        [('npm-token', 6)]
    """

    def __init__(self, patterns: Iterable[Pattern], together: int | Sequence[int] = TOGETHER) -> None:
        self.patterns = tuple(patterns)
        self._backend = backend(self.patterns, together)

    @property
    def engine(self) -> str:
        """What runs it, for the report."""
        return self._backend.name

    def places(self, data: bytes, keep: Keep | None = None) -> Iterable[Place]:
        """(number of the pattern, start, stop) of every match of an expression, as it is, in no particular order.

        Args:
            data: one block, held in memory.
            keep: says what is not wanted; all is if none.

        Raises:
            OverflowError: as ``judged`` does.
        """
        return self._backend.spans(data, keep)

    def ends(self, data: bytes) -> dict[int, list[int]]:
        """Where matches may end (of expressions with an anchor, where the anchor does), by the number of the pattern.

        Raises:
            OverflowError: as ``judged`` does.
        """
        return self._backend.ends(data)

    def confirmed(self, data: bytes, ends: Mapping[int, list[int]]) -> Iterable[Place]:
        """The matches of which ``ends`` said that there may be some."""
        return self._backend.confirmed(data, ends)

    def judged(self, data: bytes, name: str = "") -> Iterator[Match]:
        """Every match, with the reason why it does not count where it does not.

        Args:
            data: one block, held in memory.
            name: the file's name with its folders; "" for text without one.

        Raises:
            OverflowError: the block has far more matches than any text, and is made to be slow.
        """
        for number, start, stop in self.places(data, Named(self.patterns, name) if name else None):
            pattern = self.patterns[number]
            token = data[start:stop].decode("utf-8", "replace")
            proven = judge(pattern.validators, token)
            harmless = "validator" if proven is False else ""
            if not harmless and not proven and pattern.entropy and entropy(token) < pattern.entropy:
                harmless = "entropy"
            if not harmless and pattern.allow:
                harmless = allowed(pattern.allow, Context(token, _line(data, start, stop), name))
            yield Match(pattern, start, _grown(data, stop, pattern.until), proven is True, harmless)

    def bytes(self, data: bytes, name: str = "") -> list[Match]:
        """The matches that count, in order, none overlapping another; offsets are bytes."""
        found = [match for match in self.judged(data, name) if not match.harmless]
        return _apart(found) if len(found) > 1 else found

    def text(self, text: str, name: str = "") -> list[Match]:
        """The matches that count in a text, as it stands and as it reads; offsets are code points of the original.

        As it reads: full-width letters, look-alike letters and invisible characters do not hide anything.
        """
        found = [_moved(match, _points(text)) for match in self.bytes(text.encode("utf-8", "surrogatepass"), name)]
        normal = normalize(text)
        if normal.text != text:
            points = _points(normal.text)
            for match in self.bytes(normal.text.encode("utf-8", "surrogatepass"), name):
                inner = _moved(match, points)
                found.append(Match(match.pattern, *normal.original(inner.start, inner.stop), match.proven))
        return _apart(found)


@functools.cache
def secrets_scanner() -> Scanner:
    """The scanner of the pack ``secrets``, compiled at first use (a second or less).

    Next to nothing is found of them, so they compile as fast together, and one pass takes a third of the time of many.
    Those for some files come last, in a database that other files never run.
    """
    patterns = sorted(pack("secrets"), key=lambda each: bool(each.files))
    return Scanner(patterns, together=sum(not each.files for each in patterns))


def _apart(matches: Iterable[Match]) -> list[Match]:
    """The strongest of each group of overlapping matches, in order of place."""
    kept: list[Match] = []
    for match in sorted(set(matches), key=lambda each: (each.start, each.stop, each.pattern.id)):
        if kept and match.start < kept[-1].stop:
            if match.strength > kept[-1].strength:
                kept[-1] = match
        else:
            kept.append(match)
    return kept


def _line(data: bytes, start: int, stop: int) -> str:
    left = data.rfind(b"\n", max(0, start - LINE), start) + 1 or max(0, start - LINE)
    right = data.find(b"\n", stop, stop + LINE)
    return data[left : right if right >= 0 else stop + LINE].decode("utf-8", "replace")


def _grown(data: bytes, stop: int, until: str) -> int:
    """The end of what a match opens; where nothing ends it within reach, the reach."""
    if not until:
        return stop
    found = data.find(until.encode(), stop, stop + GROWS)
    if found < 0:
        return min(len(data), stop + GROWS)
    end = data.find(b"-----", found + len(until), found + len(until) + 64)
    return end + 5 if end >= 0 else found + len(until)


def _points(text: str) -> list[int] | None:
    """Code point by byte offset, or None where they are the same."""
    if text.isascii():
        return None
    points: list[int] = []
    for number, letter in enumerate(text):
        points += [number] * len(letter.encode("utf-8", "surrogatepass"))
    return [*points, len(text)]


def _moved(match: Match, points: list[int] | None) -> Match:
    if points is None:
        return match
    stop = points[match.stop - 1] + 1 if match.stop else 0
    return Match(match.pattern, points[match.start], stop, match.proven, match.harmless)
