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
from collections.abc import Iterator
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


class Placeholder(NamedTuple):
    """What a placeholder may say: its type in lower case without what stands between words, nonce and number."""

    type: str
    nonce: str
    number: int


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


def found(text: str) -> Iterator[tuple[int, int, list[Placeholder]]]:
    """Where something that looks like a placeholder stands, and what it may say; which of it is real, a vault knows.

    Example:
        >>> [(start, end, said[0]) for start, end, said in found("**[Person_K7F3M2XQ_2]**")]
        [(2, 21, Placeholder(type='person', nonce='k7f3m2xq', number=2))]
    """
    for match in _ANY.finditer(text):
        letters = _BETWEEN.sub("", match[1] or match[2] or match[3]).lower()
        said = list(_readings(letters))
        if said:
            yield match.start(), match.end(), said


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
