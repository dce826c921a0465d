"""What becomes of a text on its way, and of the texts in JSON: it is redacted, or restored."""

from __future__ import annotations

from typing import Protocol

from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.names.detector import SOURCES
from casemate.privacy.text.placeholders import LONGEST, found
from casemate.privacy.text.propagation import Known
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.restoration import Restoration
from casemate.privacy.text.windows import Windows


class Part(Protocol):
    """A text on its way; `casemate.privacy.text.streams` adds what must happen before anything is given away."""

    @property
    def held(self) -> int:
        """Code points held back."""

    @property
    def bound(self) -> int:
        """Code points that are never all held back."""

    def feed(self, text: str, *, ended: bool = False) -> str:
        """What can be given away now."""


class Parts(Protocol):
    """Makes the parts of one document."""

    def text(self, before: str = "") -> Part:
        """A part that is read as if some words stood before it."""

    def key(self, text: str) -> str:
        """What becomes of a key of JSON."""


class Redacting:
    """Makes parts that redact; names found in one are known in the next.

    Args:
        redactor: of one document.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor, self._known = redactor, Known()

    def text(self, before: str = "") -> Part:
        """A part that is read behind some words."""
        return _Redacted(self._redactor, before, self._known)

    def key(self, text: str) -> str:
        """A key stays but for what expressions find in it: a tool would not know its arguments by another name."""
        spans = [each for each in self._redactor.analyzer.find(text) if each.source not in SOURCES]
        reserved = list(self._redactor.reserved(text))
        return self._redactor.put(text, settled([*spans, *reserved], 0.0)).text


class Restoring:
    """Makes parts that restore."""

    def __init__(self, restoration: Restoration) -> None:
        self._restoration = restoration

    def text(self, before: str = "") -> Part:
        """A part; what stands before it says nothing about it."""
        del before
        return _Restored(self._restoration)

    def key(self, text: str) -> str:
        """A key of JSON."""
        return self._restoration.filled(text, found(text))


class _Redacted:
    def __init__(self, redactor: Redactor, before: str, known: Known) -> None:
        self._redactor = redactor
        self._windows = Windows(redactor.analyzer, redactor.reserved, before, known)
        self.bound = self._windows.bound

    @property
    def held(self) -> int:
        return self._windows.held

    def feed(self, text: str, *, ended: bool = False) -> str:
        pieces = self._windows.feed(text, ended=ended)
        return "".join(self._redactor.put(piece, spans).text for piece, spans in pieces)


class _Restored:
    bound = LONGEST

    def __init__(self, restoration: Restoration) -> None:
        self._restoration, self._unfinished = restoration, restoration.unfinished()

    @property
    def held(self) -> int:
        return self._unfinished.held

    def feed(self, text: str, *, ended: bool = False) -> str:
        made, looks = self._unfinished.feed(text, ended=ended)
        return self._restoration.filled(made, looks) if looks else made
