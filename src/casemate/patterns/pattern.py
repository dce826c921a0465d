"""Patterns as data: ``packs/PACK/*.toml``, each pattern with its own true and false examples.

A pattern says what it looks for in one of three ways:

``token``   a string that tells itself apart ("ghp_" and 36 characters); it must not stand inside a longer word
``value``   a string that means nothing alone; one of ``names`` must be assigned to it on the same line
``regex``   anything else, written out with exactly one group, which is what was looked for

All three are in the subset that hyperscan, RE2 and ``re`` share: no look-around, no back-references, every repeat
bounded,
so that a match is at most ``most`` bytes long and matching takes linear time. What the expression finds is then
judged by ``validators`` (three-valued: yes, no, cannot tell), ``entropy`` and the ``allow`` stages, in this order.

Examples are templates (see ``samples``), because a literal example of a key would look like a leaked key to everybody
else's scanner.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Final

import msgspec

from casemate.core.errors import UsageError

BEFORE: Final = r"(?:^|[^0-9A-Za-z_]|\\[nrt]|%[0-9A-Fa-f]{2})"
"""What may stand before a token: no part of its word, but the end of an escape."""
_AFTER = r"(?:[^0-9A-Za-z_-]|$)"
_ASSIGNED = (
    r"""[\w.\- ]{0,24}["'`\\\])]{0,4}\s{0,4}(?:>\s{0,12}|(?:=>|[?.+]=|:{1,3}=|={1,2}|[:,])\s{0,4})[bruf]?["'`\\]{0,3}"""
)
_ENDED = r"""(?:["'`\s;,&\\)}<\]]|$)"""


class Pattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that the engine looks for.

    Attributes:
        id: stable, for example "github-personal-token".
        title: what it is, in a few words.
        kind: what its owner does with it ("provider", "private-key", "connection", "bearer", "generic").
        token, value, regex: the expression; exactly one of them.
        names: for ``value``: what is assigned, as alternatives of an expression that ignores case.
        anchor: a part of the expression that is rare and cheap to look for ("@" and a letter), where the whole is slow.
        keywords: lower-case strings of which one is in every match; the engine without hyperscan looks for them first.
        entropy: least Shannon entropy of the match, in bits a character.
        validators: names in ``validators.VALIDATORS``.
        allow: names in ``stages.STAGES``: what is harmless although it matches.
        until: where a match that opens something ends ("-----END"); the match grows to there.
        files: endings of the files in which it is looked for; everywhere if none. Text without a name is everywhere.
        most: bytes that the expression can match.
        true, false: templates in which it must, and must not, be found.
    """

    id: str
    title: str
    kind: str
    token: str = ""
    value: str = ""
    regex: str = ""
    names: tuple[str, ...] = ()
    anchor: str = ""
    keywords: tuple[str, ...] = ()
    entropy: float = 0.0
    validators: tuple[str, ...] = ()
    allow: tuple[str, ...] = ("placeholder", "published", "repeated", "sequence", "variable")
    until: str = ""
    files: tuple[str, ...] = ()
    most: int = 512
    true: tuple[str, ...]
    false: tuple[str, ...]

    def __post_init__(self) -> None:
        if sum(map(bool, (self.token, self.value, self.regex))) != 1 or bool(self.value) != bool(self.names):
            raise ValueError(f"{self.id}: give token, regex, or names and value")

    @property
    def expression(self) -> str:
        """What is compiled; its only group is what was looked for.

        Example:
            >>> Pattern(id="a", title="", kind="", regex="(ab)", true=(), false=()).expression
            '(ab)'
        """
        if self.token:
            return f"{BEFORE}({self.token}){_AFTER}"
        if self.value:
            return f"(?i:{'|'.join(self.names)}){_ASSIGNED}({self.value}){_ENDED}"
        return self.regex


class _File(msgspec.Struct, forbid_unknown_fields=True):
    pattern: tuple[Pattern, ...]


def parse(text: str) -> tuple[Pattern, ...]:
    """The patterns of one TOML text.

    Raises:
        UsageError: it is not TOML, or not of this form.
    """
    try:
        return msgspec.convert(tomllib.loads(text), _File).pattern
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise UsageError(
            "these are not patterns", cause=str(error)[:300], next_step="see casemate.patterns.pattern for the fields"
        ) from error


@functools.cache
def pack(name: str) -> tuple[Pattern, ...]:
    """All patterns of a pack that comes with casemate, in the order of their ids.

    Raises:
        KeyError: there is no such pack.
    """
    folder = resources.files("casemate.patterns") / "packs" / name
    if not folder.is_dir():
        raise KeyError(name)
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    found = [each for file in files for each in parse(file.read_text(encoding="utf-8"))]
    return tuple(sorted(found, key=lambda each: each.id))
