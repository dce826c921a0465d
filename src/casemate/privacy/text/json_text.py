r"""JSON that comes in pieces: what its strings say goes through parts, and what stands between them stays.

A string is decoded before anything looks at it, so that ``\u0041`` and ``\n`` hide nothing, wherever they are cut, and
escaped again: the result is JSON if the text was. The name of a field is read as if it stood before its value. A number
that is somebody's becomes a string. A string that begins as JSON is read as JSON. From where a text is no JSON on, it
is a plain text, read behind what stood before.

What waits: a string no longer than its part lets it, a name or a number until it is whole (``NAME``, ``TOKEN``), an
escape. Brackets are kept up to ``DEEP``. All else is given away at once.

Source: RFC 8259, sections 2 to 7. Line breaks and the like in a string, which it forbids, are taken and escaped.
"""

from __future__ import annotations

import re
from typing import Final

from casemate.privacy.text.editor import spoken
from casemate.privacy.text.formats.tree import DEEP as NESTED
from casemate.privacy.text.formats.tree import another
from casemate.privacy.text.parts import Part, Parts

DEEP: Final = 500
"""Brackets that may hold each other."""
NAME: Final = 2_000
"""Code points of the longest name of a field."""
TOKEN: Final = 100
"""Code points of the longest number."""
DIGITS: Final = 6
"""Of a number that may be somebody's."""
BEHIND: Final = 256
"""Code points that a plain text is read behind."""

_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_NAME: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_TOKEN: Final = re.compile(r"([-+.0-9A-Za-z]++)[ \t\r\n]*+")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|-?Infinity|true|false|null")
_PLAIN: Final = re.compile(r'[^"\\]++')
_NESTED: Final = re.compile(r'[ \t\r\n]*+(?:\{[ \t\r\n]*+"|\[[ \t\r\n]*+["{\[])')
_MAY_NEST: Final = re.compile(r"[ \t\r\n]*+(?:[{\[][ \t\r\n]*+)?\Z")
_LEADING: Final = 64
"""Code points that show whether a string is JSON."""
_UNICODE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})")
_HALF: Final = re.compile(r"\\(?:u[0-9A-Fa-f]{0,3})?\Z")
_PAIR: Final = re.compile(r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u([dD][c-fC-F][0-9A-Fa-f]{2})")
_HALF_PAIR: Final = re.compile(r"\\u[dD][89abAB][0-9A-Fa-f]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9A-Fa-f]?)?)?)?)?\Z")
_READ: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WRITTEN: Final = {text: f"\\{sign}" for sign, text in _READ.items() if sign != "/"}
_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
VALUE, ELEMENT, NAMED, FIELD, COLON, AFTER = range(6)
"""What comes next: a value; a value or the end of a list; a name or the end of an object; a name; a colon; a comma or
the end of what is open."""


class JsonText:
    """One text of JSON; see `casemate.privacy.text.parts.Part`.

    Args:
        parts: make what becomes of strings.
        name: of the field that it is the value of.
        depth: of strings of JSON in which it is.
    """

    def __init__(self, parts: Parts, name: str = "", depth: int = 0) -> None:
        self._parts, self._depth = parts, depth
        self._open: list[_Open] = [_Open("", name)]
        self._next = VALUE
        self._text, self._before = "", ""
        self._string: Part | None = None
        self._plain: Part | None = None
        self.bound = parts.text().bound + NAME

    @property
    def held(self) -> int:
        """Code points held back; those of a string as it reads."""
        part = self._plain or self._string
        return len(self._text) + (part.held if part else 0)

    def feed(self, text: str, *, ended: bool = False) -> str:
        """What can be given away now."""
        if self._plain is not None:
            return self._plain.feed(text, ended=ended)
        text = self._text + text
        made, at = list[str](), 0
        while at < len(text) and self._plain is None:
            step = self._in_string(text, at, made, ended) if self._string else self._between(text, at, made, ended)
            if step is None:
                break
            at = step
        if self._plain is None and ended:
            at = self._close(text, at, made)
        self._text = text[at:]
        self._before = (self._before + text[:at])[-BEHIND:]
        return "".join(made)

    def _between(self, text: str, at: int, made: list[str], ended: bool) -> int | None:
        """One step outside of strings: up to where, or None if more has to come."""
        space = _SPACE.match(text, at)
        if space and space.end() > at:
            made.append(space[0])
            return space.end()
        sign, top, awaited = text[at], self._open[-1], self._next
        if sign == '"' and awaited in (NAMED, FIELD):
            return self._name(text, at, made, ended)
        if awaited in (VALUE, ELEMENT) and sign not in '{[]"':
            return self._token(text, at, made, ended)
        if sign == '"' and awaited in (VALUE, ELEMENT):
            self._string, self._next = _Value(self._parts, top.name, self._depth), AFTER
        elif sign in "{[" and awaited in (VALUE, ELEMENT) and len(self._open) <= DEEP:
            self._open.append(_Open(sign, top.name))
            self._next = NAMED if sign == "{" else ELEMENT
        elif (sign == "}" and top.kind == "{" and awaited in (NAMED, AFTER)) or (
            sign == "]" and top.kind == "[" and awaited in (ELEMENT, AFTER)
        ):
            self._open.pop()
            self._next = AFTER
        elif sign == "," and awaited == AFTER and top.kind:
            self._next = FIELD if top.kind == "{" else VALUE
        elif sign == ":" and awaited == COLON:
            self._next = VALUE
        else:
            return self._fall(text, at, made, ended)
        made.append(sign)
        return at + 1

    def _name(self, text: str, at: int, made: list[str], ended: bool) -> int | None:
        found = _NAME.match(text, at, at + NAME)
        if found is None:
            return None if len(text) - at < NAME and not ended else self._fall(text, at, made, ended)
        name, _ = decoded(found[1], ended=True)
        new, top = self._parts.key(name), self._open[-1]
        if new != name:
            new = another(new, top.given)
        made.append(f'"{escaped(new)}"')
        top.name, self._next = name, COLON
        return found.end()

    def _token(self, text: str, at: int, made: list[str], ended: bool) -> int | None:
        found = _TOKEN.match(text, at, at + TOKEN)
        if found and found.end() == len(text) < at + TOKEN and not ended:
            return None
        # it is only one if nothing but the end of a value comes behind it: "4111 1111 ..." is a text
        behind = text[found.end() : at + TOKEN][:1] if found else ""
        if not found or not _NUMBER.fullmatch(found[1]) or len(found[1]) == TOKEN or behind not in ("", ",", "]", "}"):
            return self._fall(text, at, made, ended)
        said = found[1]
        new = said if sum(map(str.isdigit, said)) < DIGITS else self._behind().feed(said, ended=True)
        made.append(said if new == said else f'"{escaped(new)}"')
        self._next = AFTER
        return at + len(said)

    def _behind(self) -> Part:
        name = self._open[-1].name
        return self._parts.text(f"{spoken(name)}: " if name else "")

    def _in_string(self, text: str, at: int, made: list[str], ended: bool) -> int | None:
        """One step in a string: what it says up to its end, or to where the text ends."""
        said, stop = decoded(text, at, ended=ended)
        closed = text[stop : stop + 1] == '"'
        if stop == at and not closed:
            return None
        assert self._string is not None  # noqa: S101  # for the type checker
        made.append(escaped(self._string.feed(said, ended=closed)))
        if closed:
            made.append('"')
            self._string = None
        return stop + closed

    def _fall(self, text: str, at: int, made: list[str], ended: bool) -> int:
        """This is no JSON: the rest is a text."""
        name = self._open[-1].name
        before = f"{spoken(name)}: " * bool(name) + self._before + text[:at]
        self._plain, self._string = self._parts.text(before[-BEHIND:]), None
        made.append(self._plain.feed(text[at:], ended=ended))
        return len(text)

    def _close(self, text: str, at: int, made: list[str]) -> int:
        """The text ends here, whole or not."""
        if self._string is not None:
            made.append(escaped(self._string.feed("", ended=True)))
            self._string = None
        elif at < len(text):
            return self._fall(text, at, made, ended=True)
        return at


class _Open:
    """An object or a list that is open, and the field whose value comes next."""

    __slots__ = ("given", "kind", "name")

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name, self.given = kind, name, set[str]()


class _Value:
    """What a string says: JSON again, or a text."""

    def __init__(self, parts: Parts, name: str, depth: int) -> None:
        self._parts, self._name, self._depth = parts, name, depth
        self._part: Part | None = None
        self._text = ""
        self.bound = 0

    @property
    def held(self) -> int:
        return len(self._text) + (self._part.held if self._part else 0)

    def feed(self, text: str, *, ended: bool = False) -> str:
        if self._part is None:
            self._text += text
            if not ended and len(self._text) < _LEADING and _MAY_NEST.match(self._text):
                return ""
            nested = self._depth < NESTED and _NESTED.match(self._text, 0, _LEADING)
            before = f"{spoken(self._name)}: " if self._name else ""
            self._part = JsonText(self._parts, self._name, self._depth + 1) if nested else self._parts.text(before)
            text, self._text = self._text, ""
        return self._part.feed(text, ended=ended)


def decoded(text: str, at: int = 0, *, ended: bool) -> tuple[str, int]:
    r"""What a string of JSON says, up to its end or to an escape that is cut, and up to where that is.

    Args:
        text: with the string's inside from ``at`` on.
        at: where to begin.
        ended: nothing more will come; then what is no escape stands for itself.

    Example:
        >>> decoded(r'caf\u00e9 \ud83d\ude00\n"', ended=False), decoded(r"a\ud83d", ended=False)
        (('café 😀\n', 24), ('a', 1))
    """
    parts, size = list[str](), len(text)
    while at < size and text[at] != '"':
        plain = _PLAIN.match(text, at)
        if plain:
            parts.append(plain[0])
            at = plain.end()
        elif not ended and (_HALF.match(text, at) or _HALF_PAIR.match(text, at)):
            break
        elif pair := _PAIR.match(text, at):
            high, low = int(text[at + 2 : at + 6], 16), int(pair[1], 16)
            parts.append(chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00))
            at = pair.end()
        elif code := _UNICODE.match(text, at):
            parts.append(chr(int(code[1], 16)))
            at = code.end()
        else:
            read = _READ.get(text[at + 1 : at + 2], "")
            parts.append(read or "\\")
            at += 2 if read else 1
    return "".join(parts), at


def escaped(text: str) -> str:
    r"""A text as it stands in a string of JSON; nothing is escaped that need not be.

    Example:
        >>> escaped('"é"\n')
        '\\"é\\"\\n'
    """
    return _ESCAPED.sub(lambda found: _WRITTEN.get(found[0]) or f"\\u{ord(found[0]):04x}", text)
