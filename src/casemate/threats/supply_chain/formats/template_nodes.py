"""Judges the nodes of a template's syntax tree by allow-list: what is not reviewed becomes a fact."""

from __future__ import annotations

import re

from jinja2 import nodes

from casemate.threats.supply_chain.formats.template_kinds import Kind, Kinds
from casemate.threats.supply_chain.formats.template_names import GETTERS
from casemate.threats.supply_chain.names import names
from casemate.threats.supply_chain.report import Report

_STATEMENTS = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.For,
    nodes.Assign,
    nodes.AssignBlock,
    nodes.NSRef,
    nodes.Macro,
    nodes.CallBlock,
    nodes.FilterBlock,
    nodes.With,
    nodes.Scope,
    nodes.ExprStmt,
    nodes.Break,
    nodes.Continue,
    nodes.Expr,
    nodes.Helper,
)
_IMPORTS = (nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends)
_FIELD = re.compile(r"\{\{|\}\}|\{\d{0,2}(?:![rs])?(?::[^{}\d]?[^{}\d]?\d{0,3}[^{}\d]?(?:\.\d{1,3})?[a-z%]?)?\}")
_DUNDER = re.compile(r"__[A-Za-z]\w*|[A-Za-z]\w*__")


class Judge:
    """Judges one template.

    Args:
        tree: what the parser returned.
        report: told the facts.
        at, where: where the template stands.
        declared: whether a loader is known to render it. Of other templates nobody knows which functions, filters and
            tests their program adds, so a name that is merely unknown is not told.
    """

    def __init__(self, tree: nodes.Template, report: Report, at: int | None, where: str, *, declared: bool) -> None:
        self.tree = tree
        self.report = report
        self.at = at
        self.where = where
        self.declared = declared
        self.kinds = Kinds(tree)
        self.stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
        self.attributes = names("jinja")["jinja.attribute"].deny
        self.globals = names("jinja")["jinja.variable"].deny

    def judge(self) -> None:
        """Look at every node once."""
        for node in (self.tree, *self.tree.find_all(nodes.Node)):
            if isinstance(node, _IMPORTS):
                self._say("import", f"{type(node).__name__.lower()} of another template")
            elif not isinstance(node, _STATEMENTS):
                self._say("statement", f"the statement {type(node).__name__.lower()}")
            self._one(node)

    def _say(self, fact: str, message: str) -> None:
        self.report.fact(f"jinja.{fact}", f"template: {message}", self.at, self.where)

    def _name(self, kind: str, name: str) -> None:
        if not self.declared and names("jinja")[f"jinja.{kind}"].fact(name) == "jinja.unknown":
            return
        self.report.name(f"jinja.{kind}", name, self.at, f"{self.where}:{name}" if self.where else name)

    def _one(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Getattr):
            self._attribute(node.attr)
            self._base(node.node)
        elif isinstance(node, nodes.Getitem):
            self._item(node)
        elif isinstance(node, nodes.Call):
            self._call(node)
        elif isinstance(node, nodes.Filter):
            self._filter(node)
        elif isinstance(node, nodes.Test):
            self._name("test", node.name)
        elif isinstance(node, nodes.Name):
            self._variable(node)
        elif isinstance(node, nodes.NSRef):
            self._attribute(node.attr)
        elif isinstance(node, nodes.Const) and isinstance(node.value, str):
            self._constant(node.value)
        elif isinstance(node, nodes.Keyword):
            self._constant(node.key)

    def _attribute(self, name: str) -> None:
        if name.startswith("_") or name in self.attributes:
            self._say("attribute", f"the attribute {name}")

    def _base(self, node: nodes.Node) -> None:
        """Attributes of functions, and of macros, are of no use to a template."""
        if isinstance(node, nodes.Name) and node.name not in self.stored:
            known = names("jinja")["jinja.function"].allow
            if node.name in known or node.name in self.kinds.macros:
                self._say("attribute", f"an attribute of the function {node.name}")

    def _item(self, node: nodes.Getitem) -> None:
        """An index is a number, a constant, or a key of the input; never a text that the template builds."""
        if isinstance(node.arg, nodes.Const):
            if isinstance(node.arg.value, str):
                self._attribute(node.arg.value)
        elif not isinstance(node.arg, nodes.Slice) and self.kinds.kind(node.arg) is Kind.BUILT:
            self._say("computed", "an index that the template computes")
        self._base(node.node)

    def _call(self, node: nodes.Call) -> None:
        called = node.node
        if isinstance(called, nodes.Name):
            if called.name in self.kinds.macros and called.name not in self._assigned():
                return
            if called.name == "caller" and "caller" not in self.stored:
                return
            if called.name == "loop":
                return
            if called.name in self.stored:
                self._say("call", f"a call of the variable {called.name}")
            else:
                self._name("function", called.name)
        elif isinstance(called, nodes.Getattr):
            if called.attr == "format":
                self._format(called.node)
            elif isinstance(called.node, nodes.Name) and called.node.name == "loop":
                self._name("loop", called.attr)
            elif not called.attr.startswith("_"):
                self._name("method", called.attr)
        else:
            self._say("call", "a call of something that has no name")

    def _assigned(self) -> set[str]:
        """Names that something other than a macro may hold."""
        return self.stored

    def _format(self, base: nodes.Node) -> None:
        """``str.format`` reads attributes and items by what the text says, so the text must be a plain constant."""
        if not isinstance(base, nodes.Const) or not isinstance(base.value, str):
            self._say("computed", "str.format on a text that is no constant")
        elif "{" in _FIELD.sub("", base.value) or "}" in _FIELD.sub("", base.value):
            self._say("attribute", "str.format with a field that names more than a position")

    def _filter(self, node: nodes.Filter) -> None:
        self._name("filter", node.name)
        wanted = [keyword.value for keyword in node.kwargs if keyword.key == "attribute"]
        position = GETTERS.get(node.name, 0)
        if node.name == "map":
            self._mapped(node.args)
        elif node.name in GETTERS and len(node.args) >= position:
            wanted.append(node.args[position - 1])
        if node.name in GETTERS and (node.dyn_args is not None or node.dyn_kwargs is not None):
            self._say("computed", f"arguments of the filter {node.name} that the template computes")
        for expression in wanted:
            self._getter(expression)
        if node.name in ("select", "reject", "selectattr", "rejectattr"):
            self._tested(node)

    def _mapped(self, arguments: list[nodes.Expr]) -> None:
        if arguments and isinstance(arguments[0], nodes.Const) and isinstance(arguments[0].value, str):
            self._name("filter", arguments[0].value)
        elif arguments:
            self._say("computed", "a filter whose name the template computes")

    def _tested(self, node: nodes.Filter) -> None:
        place = 1 if node.name.endswith("attr") else 0
        if len(node.args) > place:
            test = node.args[place]
            if isinstance(test, nodes.Const) and isinstance(test.value, str):
                self._name("test", test.value)
            else:
                self._say("computed", "a test whose name the template computes")

    def _getter(self, expression: nodes.Expr) -> None:
        if not isinstance(expression, nodes.Const):
            self._say("computed", "an attribute whose name the template computes")
        elif isinstance(expression.value, str):
            for part in re.split(r"[.,]", expression.value):
                self._attribute(part.strip())

    def _variable(self, node: nodes.Name) -> None:
        if node.ctx == "load" and node.name not in self.stored:
            if node.name in self.globals:
                self._say("global", f"the name {node.name}")
            elif node.name.startswith("_"):
                self._say("attribute", f"the name {node.name}")

    def _constant(self, text: str) -> None:
        if _DUNDER.search(text) or text in self.attributes:
            self._say("constant", "a constant that is, or begins or ends like, a name inside Python")
