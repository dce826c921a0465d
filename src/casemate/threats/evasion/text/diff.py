"""What an attack changed, for people: safe on a terminal and in a page, with the invisible shown as code points."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence

from casemate.threats.evasion.text.changes import Change
from casemate.threats.evasion.text.words import Layout


def visible(text: str) -> str:
    r"""Text in which everything that is not plainly seen is a code point: controls, formats, marks, odd spaces.

    Nothing of what it returns can move a cursor, set a color, change direction or hide; line breaks become U+000A.

    Example:
        >>> visible("g\u200bood\x1b[2J\u202edab")
        'g⟨U+200B⟩ood⟨U+001B⟩[2J⟨U+202E⟩dab'
    """
    return "".join(letter if _seen(letter) else f"⟨U+{ord(letter):04X}⟩" for letter in text)


def _seen(letter: str) -> bool:
    if letter.isascii():
        return " " <= letter <= "~"
    return unicodedata.category(letter)[0] in "LNPS" and letter not in "\u115f\u1160\u3164\uffa0\u2800"


def spelled(word: str) -> str:
    """A word with the code points of its letters that are not ASCII, since look-alikes look alike.

    Example:
        >>> spelled("gr\u0435at")
        'grе⟨U+0435⟩at'
    """
    return "".join(
        visible(letter) if letter.isascii() or not _seen(letter) else f"{letter}⟨U+{ord(letter):04X}⟩"
        for letter in word
    )


def as_text(original: str, changes: Sequence[Change]) -> str:
    """The text with each changed word as ``[-before-]{+after+}``.

    Example:
        >>> as_text("a bad film", [Change(1, "b4d", "typo", 1)])
        'a [-bad-]{+b4d+} film'
    """
    parts = _parts(original, changes)
    return "".join(
        visible(before) if after is None else f"[-{visible(before)}-]{{+{spelled(after)}+}}" for before, after in parts
    )


def as_html(original: str, changes: Sequence[Change]) -> str:
    """The same as a fragment of HTML: ``<del>`` and ``<ins>``, everything escaped.

    Example:
        >>> as_html("a <b> film", [Change(1, "b\u200b", "hidden", 1)])
        'a &lt;<del>b</del><ins>b⟨U+200B⟩</ins>&gt; film'
    """
    made = []
    for before, after in _parts(original, changes):
        text = html.escape(visible(before))
        made.append(text if after is None else f"<del>{text}</del><ins>{html.escape(spelled(after))}</ins>")
    return "".join(made)


def _parts(original: str, changes: Sequence[Change]) -> list[tuple[str, str | None]]:
    """What stays, with None, and what is replaced, with what stands there instead."""
    spans, parts, at = Layout.of(original).spans, [], 0
    for change in sorted(changes, key=lambda change: change.word):
        start, stop = spans[change.word]
        kept: tuple[str, str | None] = (original[at:start], None)
        parts += [kept, (original[start:stop], change.written)]
        at = stop
    return [part for part in [*parts, (original[at:], None)] if part != ("", None)]
