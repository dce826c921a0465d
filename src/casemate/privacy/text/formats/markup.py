"""HTML and XML: tags stay where they were; what is read is redacted across them, and attributes by themselves."""

from __future__ import annotations

import html
import re
from typing import BinaryIO, Final
from urllib.parse import unquote

from casemate.privacy.text.editor import Editor
from casemate.privacy.text.formats.plain import decoded, encoded
from casemate.privacy.text.projection import Projection, edited

_PART = re.compile(
    r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<(?:script|style)\b[^>]*>.*?(?:</(?:script|style)\s*>|\Z)"
    r"""|</?[a-zA-Z!?](?:[^<>"']|"[^"]*"|'[^']*')*+>|&(?:\w{1,32}|\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6});""",
    re.DOTALL | re.IGNORECASE,
)
_VALUE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_INLINE: Final = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)


def rewrite(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """Redact HTML or XML."""
    text, name = decoded(source.read())
    goal.write(encoded(rewritten(text, editor), name))


def rewritten(source: str, editor: Editor) -> str:
    """HTML without what was found in it.

    Example:
        >>> from casemate.privacy.text.analyzer import Analyzer
        >>> from casemate.privacy.text.redactor import Redactor
        >>> rewritten("<p>ask <b>jane</b>&#64;example.com</p>", Editor(Redactor(Analyzer("fast"))))
        '<p>ask <b>[EMAIL_ADDRESS]</b></p>'
    """
    source = edited(source, _hidden(source, editor))
    seen, at = Projection(source), 0
    for match in _PART.finditer(source):
        seen.shows(at, match.start())
        part, at = match[0], match.end()
        if part[0] == "&":
            seen.reads(match.start(), at, html.unescape(part))
        elif not _inline(part):
            seen.reads(match.start(), match.start(), "\n")
    seen.shows(at, len(source))
    return seen.rewritten(editor)


def _inline(part: str) -> bool:
    found = re.match(r"</?(\w+)", part)
    return found is not None and found[1].lower() in _INLINE


def _hidden(source: str, editor: Editor) -> list[tuple[int, int, str]]:
    """What nobody reads: attributes, comments, scripts."""
    edits = []
    for match in _PART.finditer(source):
        part = match[0]
        if part[0] == "&":
            continue
        if part.startswith(("<!--", "<![CDATA[")) or re.match(r"<(?:script|style)\b", part, re.IGNORECASE):
            new = editor(part, "hidden text")
            if new != part:
                edits.append((*match.span(), new))
            continue
        for each in _VALUE.finditer(part):
            group = each.lastindex or 2
            value = html.unescape(each[group])
            link = each[1].lower() in ("href", "src", "action")
            new = editor(unquote(value) if link else value, f"attribute {each[1]}", hint="" if link else each[1])
            if new != (unquote(value) if link else value):
                start, end = match.start() + each.start(group), match.start() + each.end(group)
                edits.append((start, end, html.escape(new)))
    return edits
