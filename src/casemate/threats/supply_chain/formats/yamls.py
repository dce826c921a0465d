"""YAML, by the events of PyYAML's pure parser: no constructor runs, no node is made, aliases are not followed.

The same parser that most loaders use says what the text means, so nothing can be hidden in a difference. Each event
consumes a character or closes something that one opened, depth is bounded, and so is what aliases would expand to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from casemate.core.optional import require
from casemate.threats.supply_chain.formats.configs import judge_config
from casemate.threats.supply_chain.jsons import Json
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, Refused

SIZE = 1 << 20
"""Characters; settings are far smaller, and the parser reads a few hundred thousand a second."""

DEPTH = 64
EXPANDED = 1_000_000
"""Values after all aliases are followed."""

_FIRST = re.compile(r"(?:\s*(?:#[^\n]*)?\n)*+(?:%YAML|%TAG|---|- |\? |[!&]\S|[^\s:#{}\[\]|>@`][^:#\n]{0,120}:(?:\s|$))")
_CORE = "tag:yaml.org,2002:"
_PLAIN = frozenset(
    [
        "null",
        "bool",
        "int",
        "float",
        "str",
        "seq",
        "map",
        "set",
        "omap",
        "pairs",
        "binary",
        "timestamp",
        "merge",
        "value",
    ]
)
_HARMLESS = frozenset(
    f"python/{name}"
    for name in ("none", "bool", "str", "unicode", "bytes", "int", "long", "float", "complex", "list", "tuple", "dict")
)


def looks_like_yaml(text: str) -> bool:
    """Whether the first line that says something could begin a YAML document."""
    return _FIRST.match(text) is not None


def judge_yaml(text: str, report: Report) -> bool:
    """Judge each document that parses; whether all do.

    Raises:
        MissingPartError: PyYAML is not installed.
        Malformed: the text is longer than settings are.
        Refused: it nests too deep, or aliases multiply it ("yaml.bomb").
    """
    if len(text) > SIZE:
        raise Malformed(f"a YAML text of more than {SIZE} characters", 0)
    yaml = require("yaml", extra="yaml")
    builder = _Builder(report)
    report.budget.spend(4 * len(text))
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    return builder.structured


@dataclass
class _Open:
    """A list or a mapping that is not closed yet."""

    value: dict[str, Json] | list[Json]
    anchor: str | None
    size: int = 1
    key: str | None = None
    keys: set[str] = field(default_factory=set)


class _Builder:
    """Makes plain values of events and judges every document when it ends."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.open: list[_Open] = []
        self.sizes: dict[str, int] = {}
        self.structured = False
        self.tags: list[str] = []

    def take(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            self._tag(event)
            self._put(str(event.value), 1, event.anchor)
        elif kind == "AliasEvent":
            self._put(None, self.sizes.get(event.anchor, 1), None)
        elif kind in ("SequenceStartEvent", "MappingStartEvent"):
            self._tag(event)
            if len(self.open) >= DEPTH:
                raise Refused("yaml.bomb", f"YAML nests more than {DEPTH} deep", 0)
            self.open.append(_Open([] if kind == "SequenceStartEvent" else {}, event.anchor))
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            closed = self.open.pop()
            self._put(closed.value, closed.size, closed.anchor)
        elif kind == "DocumentStartEvent":
            self.sizes.clear()
        elif kind == "DocumentEndEvent":
            self._judge_tags()

    def _put(self, value: Json, size: int, anchor: str | None) -> None:
        if size > EXPANDED:
            raise Refused("yaml.bomb", f"aliases expand to more than {EXPANDED} values", 0)
        if anchor is not None:
            self.sizes[anchor] = size
        if not self.open:
            self.structured = self.structured or isinstance(value, dict | list)
            judge_config(value, self.report)
            return
        inside = self.open[-1]
        inside.size += size
        if isinstance(inside.value, list):
            inside.value.append(value)
        elif inside.key is None:
            inside.key = value if isinstance(value, str) else f"({len(inside.keys)})"
            if inside.key in inside.keys and inside.key != "<<":
                self.report.fact("yaml.repeated", f"the key {inside.key!r} stands twice", logical=inside.key)
            inside.keys.add(inside.key)
            if isinstance(value, dict | list):
                judge_config(value, self.report)
        else:
            if inside.key in inside.value:
                judge_config({inside.key: inside.value[inside.key]}, self.report)  # some readers keep the first
            inside.value[inside.key] = _plain(value)
            inside.key = None

    def _tag(self, event: Any) -> None:
        tag = event.tag
        if tag is None or tag == "!":
            return
        name = tag.removeprefix(_CORE)
        if name != tag and name in _PLAIN:
            return
        if name != tag and name in _HARMLESS:
            return
        self.tags.append(tag)

    def _judge_tags(self) -> None:
        """Only once the document has ended: of what turns out to be no YAML, a loader constructs nothing."""
        for tag in self.tags:
            name = tag.partition("python/")[2]
            if not name:
                self.report.fact("yaml.unknown-tag", f"the tag {tag}", logical=tag)
            elif name.startswith(("name:", "module:")):
                self.report.fact("yaml.import", f"the tag {tag}", logical=tag)
            else:
                self.report.fact("yaml.tag", f"the tag {tag}", logical=tag)
        self.tags.clear()


def _plain(value: Json) -> Json:
    """Truth as YAML writes it; other scalars stay texts, which is all that judging needs."""
    return {"true": True, "True": True, "TRUE": True}.get(value, value) if isinstance(value, str) else value
