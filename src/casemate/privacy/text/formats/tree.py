"""JSON, and lines of it: strings are redacted where they stand, everything else stays as it is, byte by byte.

The name of a field is read as if it stood before its value. A number that is somebody's becomes a string; a string that
holds JSON is redacted as JSON.
"""

from __future__ import annotations

import json
import re
from typing import BinaryIO, Final, NamedTuple

from casemate.privacy.text.editor import Editor
from casemate.privacy.text.formats.plain import decoded, encoded

DEEP: Final = 8
"""So many strings of JSON may hold each other; deeper ones are texts."""
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.eE+-]*+|[{}\[\]:,]', re.DOTALL)


class _Frame:
    """An object or a list that is open."""

    def __init__(self, kind: str, path: str) -> None:
        self.kind, self.path, self.key, self.index, self.given = kind, path, "", 0, set[str]()

    @property
    def here(self) -> str:
        """Path of the value that comes next."""
        if self.kind == "[":
            return f"{self.path}[{self.index}]"
        plain = re.fullmatch(r"\w+", self.key)
        return f"{self.path}.{self.key}" if plain else f"{self.path}[{json.dumps(self.key)}]"


class _Tree(NamedTuple):
    editor: Editor
    depth: int

    def rewritten(self, text: str, root: str) -> str:
        parts, at = [], 0
        frames = [_Frame("", root)]
        for match in _TOKEN.finditer(text):
            sign, top = match[0], frames[-1]
            if sign in "{[":
                frames.append(_Frame(sign, top.here if top.kind else top.path))
            elif sign in "}]":
                frames.pop()
            elif sign == ",":
                top.index += 1
                top.key = ""
            elif sign != ":":
                new = self._value(sign, text, match.end(), top)
                if new is not None:
                    parts += [text[at : match.start()], new]
                    at = match.end()
        return "".join((*parts, text[at:]))

    def _value(self, sign: str, text: str, end: int, top: _Frame) -> str | None:
        """What a string or a number becomes, or None if it stays."""
        if top.kind == "{" and not top.key and _colon(text, end):
            top.key = json.loads(sign) or "\0"
            new = self.editor(top.key, f"a name in {top.path}")
            if new == top.key:
                return None
            top.key = another(new, top.given)
            return written(top.key)
        where = top.here if top.kind else top.path
        hint = top.key if top.kind == "{" else _last(top.path)
        if sign[0] != '"':
            return self._number(sign, where, hint)
        value = json.loads(sign)
        inner = parsed(value) if self.depth < DEEP else None
        new = (
            _Tree(self.editor, self.depth + 1).rewritten(value, where)
            if inner
            else self.editor(value, where, hint=hint)
        )
        return None if new == value else written(new)

    def _number(self, sign: str, where: str, hint: str) -> str | None:
        if sum(map(str.isdigit, sign)) < 6:
            return None
        new = self.editor(sign, where, hint=hint)
        return None if new == sign else written(new)


def rewrite_json(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """Redact JSON; what cannot be parsed is redacted as a text, and that is noted."""
    text, name = decoded(source.read())
    goal.write(encoded(rewritten(text, editor), name))


def rewrite_jsonl(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """Redact JSON lines, one by one."""
    for number, line in enumerate(source, 1):
        text, name = decoded(line)
        goal.write(encoded(rewritten(text, editor, f"line {number}: $") if text.strip() else text, name))


def rewritten(text: str, editor: Editor, root: str = "$") -> str:
    """JSON without what was found in it.

    Example:
        >>> from casemate.privacy.text.analyzer import Analyzer
        >>> from casemate.privacy.text.redactor import Redactor
        >>> rewritten('{"to": ["jane@example.com"], "n":1.50}', Editor(Redactor(Analyzer("fast"))))
        '{"to": ["[EMAIL_ADDRESS]"], "n":1.50}'
    """
    if not parsed(text, also=str):
        editor.notes.append("not JSON, redacted as text")
        return "".join(editor.stream([text]))
    return _Tree(editor, 0).rewritten(text, root)


def parsed(text: str, also: type = dict) -> bool:
    """Whether a text is JSON: an object or a list, or anything where all of a document is."""
    if also is dict and text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def written(text: str) -> str:
    """A JSON string, readable where it can be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)


def _colon(text: str, at: int) -> bool:
    while text[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return text[at : at + 1] == ":"


def another(name: str, given: set[str]) -> str:
    """Names of one object stay different."""
    number, made = 2, name
    while made in given:
        made, number = f"{name} {number}", number + 1
    given.add(made)
    return made


def _last(path: str) -> str:
    found = re.search(r"\.(\w+)(?:\[\d+\])*$", path)
    return found[1] if found else ""
