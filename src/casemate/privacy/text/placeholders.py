"""Placeholders that come back: ``[PERSON_k7f3m2xq_2]``, and how they are found again in what a model made of a text.

Why this form: square brackets are no markup in HTML, JSON, shells or templates, and hold the parts together in
Markdown, where underscores inside a word mean nothing; the type in capitals tells a model what stands there, and that
it is a name for something; the number tells two apart. Models change case, break lines, add emphasis and escape: all of
that is read. What is not read is another nonce.

The nonce is random for each session, 8 of 28 letters and digits (38 bits) without vowels, so that it is no word. Who
writes a text before it is redacted cannot know it, so a look-alike in a text is left as it is; where it is known, in
the later turns of a talk, it is itself taken out (see ``vault.Session.reserved``).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

ALPHABET: Final = "23456789bcdfghjkmnpqrstvwxyz"
NONCE: Final = 8
"""Letters of a nonce."""
_DIGITS: Final = 9
_WITHIN: Final = 160
"""Code points between brackets that are read."""

_OPEN: Final = r"(?:\[|&#0{0,3}91;|&#[xX]0{0,3}5[bB];|&lbrack;|&lsqb;|［|【)"
_CLOSE: Final = r"(?:\]|&#0{0,3}93;|&#[xX]0{0,3}5[dD];|&rbrack;|&rsqb;|］|】)"
_BODY: Final = rf"((?:(?!{_OPEN})[^\]］】]){{1,{_WITHIN}}}?)"
_BARE: Final = (
    rf"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9]{{0,40}}(?:\\?_[A-Za-z0-9]{{1,40}}){{0,8}}?"
    rf"\\?_[{ALPHABET}{ALPHABET.upper()}]{{{NONCE}}}\\?_[0-9]{{1,{_DIGITS}}})(?![A-Za-z0-9])"
)
_ANY: Final = re.compile(rf"\\\[{_BODY}\\\]|{_OPEN}{_BODY}{_CLOSE}|{_BARE}")
_MARKUP: Final = r"&[#A-Za-z0-9]{1,10};|</?[A-Za-z]{1,10}[^<>]{0,40}>"
_BETWEEN: Final = re.compile(rf"{_MARKUP}|[^A-Za-z0-9]")
_ENDING: Final = re.compile(rf"[{ALPHABET}]{{{NONCE}}}")

LONGEST: Final = 480
"""Code points of the longest stretch that `found` can read as one, and what decides about it; rounded up."""
_BEGUN: Final = rf"(?:(?!{_OPEN})[^\]］】]){{0,{_WITHIN + 10}}}+"
_UNFINISHED: Final = re.compile(
    rf"\\(?:\[{_BEGUN})?\Z|{_OPEN}{_BEGUN}\Z|&(?:#[0-9xXbB]{{0,7}}|l[a-z]{{0,6}})?\Z"
    r"|(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9]{0,40}+(?:\\?_[A-Za-z0-9]{0,40}+){0,10}+\\?\Z"
)
_HALF_MARKUP: Final = re.compile(r"&[#A-Za-z0-9]{0,10}\Z|</?[A-Za-z]{0,10}[^<>]{0,40}\Z")
_START: Final = re.compile(rf"\\|{_OPEN}|&|(?<![A-Za-z0-9])[A-Za-z]")


class Placeholder(NamedTuple):
    """What a placeholder may say: its type in lower case without what stands between words, nonce and number."""

    type: str
    nonce: str
    number: int


Look = tuple[int, int, list[Placeholder]]
"""Start and end of what looks like a placeholder, and what it may say."""


def nonce() -> str:
    """A random one."""
    return "".join(secrets.choice(ALPHABET) for _ in range(NONCE))


def written(type: str, nonce: str, number: int) -> str:
    """A placeholder.

    Example:
        >>> written("PERSON", "k7f3m2xq", 2)
        '[PERSON_k7f3m2xq_2]'
    """
    return f"[{type}_{nonce}_{number}]"


def folded(type: str) -> str:
    """A type as ``Placeholder`` has it."""
    return re.sub(r"[^a-z0-9]", "", type.lower())


def found(text: str) -> Iterator[Look]:
    """Where something that looks like a placeholder stands, and what it may say; which of it is real, a vault knows.

    Example:
        >>> [(start, end, said[0]) for start, end, said in found("**[Person_K7F3M2XQ_2]**")]
        [(2, 21, Placeholder(type='person', nonce='k7f3m2xq', number=2))]
    """
    for match in _ANY.finditer(text):
        said = list(_readings(_letters(match[1] or match[2] or match[3])))
        if said:
            yield match.start(), match.end(), said


def _letters(text: str) -> str:
    return _BETWEEN.sub("", text).lower()


def _readings(letters: str) -> Iterator[Placeholder]:
    """Where the number begins is not written once separators are lost, and digits may end a nonce."""
    for digits in range(1, min(_DIGITS, len(letters) - NONCE) + 1):
        at = len(letters) - digits
        if not letters[at].isdigit():
            return
        if letters[at] != "0" and at > NONCE and _ENDING.fullmatch(letters, at - NONCE, at):
            yield Placeholder(letters[: at - NONCE], letters[at - NONCE : at], int(letters[at:]))


def pattern(nonce: str) -> re.Pattern[str]:
    """Finds a nonce wherever `found` would read it, in whatever is written between its letters."""
    between = rf"(?>{_MARKUP}|[^A-Za-z0-9\[\]]){{0,{_WITHIN}}}+"  # possessive: "&#;&#;" would be tried in every way
    return re.compile(between.join(map(re.escape, nonce)), re.IGNORECASE)


class Unfinished:
    """Finds in a text that arrives in pieces what `found` finds in the whole, and tells what may still become one.

    Args:
        types: of the placeholders that are waited for; what begins as none of them is not held back.
        nonce: that they have; any if empty.

    Attributes:
        held: code points that have arrived and cannot be given away yet; less than ``LONGEST``.
    """

    def __init__(self, types: Iterable[str], nonce: str) -> None:
        self._types, self._nonce = {folded(each) for each in types}, nonce
        self._text, self._given, self._at = "", 0, 0

    @property
    def held(self) -> int:
        """See above."""
        return len(self._text) - self._given

    def feed(self, chunk: str, *, ended: bool) -> tuple[str, list[Look]]:
        """What can be given away now, and where in it something that looks like a placeholder stands.

        Args:
            chunk: what has arrived.
            ended: nothing more will.
        """
        text = self._text = self._text + chunk
        size, looks, given = len(text), list[Look](), self._given
        undecided = -1
        while True:
            if undecided < self._at:
                part = None if ended else _UNFINISHED.search(text, max(self._at, size - LONGEST))
                undecided = part.start() if part else size
            match = _ANY.search(text, self._at)
            if match is None or match.start() > undecided:
                break
            if match.start() == undecided and match[3] and match.end() == size:
                break  # more digits may come
            read = _readings(_letters(match[1] or match[2] or match[3]))
            said = [each for each in read if each.type in self._types]
            if said and match.start() >= given:  # what was given away before could not be one of ours
                looks.append((match.start() - given, match.end() - given, said))
            self._at = match.end()
        self._at = undecided
        self._given = max(given, self._first(self._at))
        made, kept = (
            text[given : self._given],
            max(min(self._at, self._given) - 1, 0),
        )  # what stands before a word counts
        self._text, self._at, self._given = text[kept:], self._at - kept, self._given - kept
        return made, looks

    def _first(self, start: int) -> int:
        """The first place from ``start`` on where a placeholder that is waited for may begin."""
        for match in _START.finditer(self._text, start):
            at = match.start()
            whole = _ANY.match(self._text, at)
            if whole is None and not _UNFINISHED.match(self._text, at):
                continue
            if match[0] == "&":
                return at  # it may become a bracket
            said = self._text[at if match[0].isalpha() else match.end() : whole.end() if whole else None]
            half = None if whole else _HALF_MARKUP.search(said)
            if self._may(_letters(said[: half.start()] if half else said)):
                return at
        return len(self._text)

    def _may(self, letters: str) -> bool:
        """Whether these may be the first letters of one."""
        for each in self._types:
            if each.startswith(letters):
                return True
            rest = letters[len(each) :]
            nonce, digits = rest[:NONCE], rest[NONCE:]
            known = self._nonce.startswith(nonce) if self._nonce else set(nonce) <= set(ALPHABET)
            if letters.startswith(each) and known and (not digits or (digits.isdigit() and len(digits) <= _DIGITS)):
                return True
        return False
