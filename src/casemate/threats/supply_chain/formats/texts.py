"""Plain text, the last resort: UTF-8 without control characters that no other format accepts.

What a text makes a program do is judged all the same: templates, YAML, Python that loaders run by convention, and
characters that show a reader something else than what a program reads.
"""

from __future__ import annotations

import re

from casemate.threats.supply_chain.formats.templates import begins_template, judge_text
from casemate.threats.supply_chain.formats.yamls import judge_yaml, looks_like_yaml
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View

SIZE = 256 << 20
"""Bytes that a text may have."""

_CONTROL = bytes({*range(32), 127} - set(b"\t\n\f\r"))
_HIGH_CONTROL = re.compile("[\x80-\x84\x86-\x9f]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_TAG = re.compile(r"(?:^|[\s:\-\[,{?])!(?:!|<tag:yaml\.org,2002:)python/(?:object|name|module)", re.M)
_PYTHON = re.compile(r"^(?:import [\w.]+|from [\w.]+ import |def \w+\(|class \w+[(:])", re.M)
_WORDS = ("import ", "def ", "class ")
_LOADED = re.compile(
    r"^class (?:EndpointHandler\b|\w+\((?:[\w., ]*\b)?"
    r"(?:PreTrainedModel|PretrainedConfig|PreTrainedConfig|PreTrainedTokenizer(?:Fast)?|ProcessorMixin|DiffusionPipeline|"
    r"PythonModel|BaseHandler)\b)",
    re.M,
)


def parse(view: View, report: Report) -> None:
    """Read a text.

    Raises:
        NotMine: it is no text.
        Malformed: it is too large to be read as one.
    """
    if _controlled(view.raw(0, min(len(view), 4096))):
        raise NotMine  # before a large file is copied
    if len(view) > SIZE:
        raise Malformed(f"a text of more than {SIZE} bytes", 0)
    raw = view.raw(0, len(view))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotMine from error
    if _controlled(raw) or (not text.isascii() and _HIGH_CONTROL.search(text)):
        raise NotMine
    text = text.removeprefix("\ufeff")
    report.describe("kind", _judge(text, report))
    report.cover(0, len(view))


def _controlled(raw: bytes) -> bool:
    return len(raw.translate(None, _CONTROL)) < len(raw)


def _judge(text: str, report: Report) -> str:
    # Fixed words are found many times as fast as patterns, and most texts hold none of them.
    if not text.isascii() and _BIDI.search(text):
        report.fact("text.bidi", "characters that turn the direction of writing")
    if begins_template(text):
        judge_text(text, report, declared=False)
    if "class " in text and _LOADED.search(text):
        report.fact("python.loaded", "Python source that loaders run when remote code is trusted")
    if looks_like_yaml(text) and judge_yaml(text, report):
        return "yaml"
    if "python/" in text and _TAG.search(text):
        report.fact("yaml.mention", "a tag that makes YAML import something stands in a text")
    return "python" if any(word in text for word in _WORDS) and _PYTHON.search(text) else "text"
