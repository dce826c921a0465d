"""Jinja templates, as chat models carry them: parsed to a syntax tree, judged node by node, never rendered.

Nothing of the template runs: the tree comes from Jinja's parser alone, without its optimizer, which would evaluate
constants. Size is bounded here and depth by the interpreter's own limit, so that judging ends.
"""

from __future__ import annotations

import re

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from casemate.threats.supply_chain.formats.template_bombs import judge_cost
from casemate.threats.supply_chain.formats.template_nodes import Judge
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, Refused

SIZE = 1 << 18
"""Characters that a template may have; the largest of seventy real ones has 17,000."""

_STATEMENT = re.compile(
    r"\{%[-+]?\s*(?:for|if|set|macro|call|filter|with|raw|block|import|from|include|extends|do|generation|autoescape)\b"
)
_CHAT = re.compile(r"\bmessages?\b")
"""What a template for conversations reads, also where it stands in a file of its own."""

_HEAD = ("{{", "{%", "{#")


class _Generation(Extension):
    """The tag by which transformers marks what the assistant says; only its body matters here."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


_ENVIRONMENT = Environment(  # noqa: S701
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", _Generation],
)
"""Used to parse and for nothing else: what it would escape or trim does not matter. The tags are those that chat
templates use beyond plain Jinja."""


def seems_template(text: str) -> bool:
    """Whether a text is written for a template engine, or could be."""
    return ("{{" in text and "}}" in text) or ("{%" in text and "%}" in text)


def begins_template(text: str) -> bool:
    """Whether a whole file is a template, rather than a text in which braces stand."""
    return seems_template(text) and (text.lstrip().startswith(_HEAD) or _STATEMENT.search(text) is not None)


def judge_text(text: str, report: Report, at: int | None = None, where: str = "", *, declared: bool = True) -> None:
    """Report what a template does beyond formatting the values that it is given.

    Args:
        text: the template.
        report: told the facts of the family "jinja".
        at: where it stands in the report's view.
        where: its key.
        declared: whether a loader takes it for a template; what merely looks like one may fail to parse.

    Raises:
        Malformed: a declared template does not parse.
        Refused: it is too large or too deep.
    """
    if len(text) > SIZE:
        if declared:
            raise Refused("jinja.bomb", f"a template of {len(text)} characters", at or 0)
        return
    report.budget.spend(len(text))
    try:
        tree = _ENVIRONMENT.parse(text)
        Judge(tree, report, at, where, declared=declared or _CHAT.search(text) is not None).judge()
        judge_cost(tree, lambda message: report.fact("jinja.bomb", message, at, where))
    except (TemplateError, ValueError, OverflowError) as error:
        if declared:
            raise Malformed(f"{where or 'the template'} does not parse", at or 0) from error
    except RecursionError as error:
        raise Refused("jinja.bomb", "a template nests too deep", at or 0) from error
