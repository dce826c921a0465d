"""Where the value of a template's expression comes from: a number, the input, a constant, or a text that it builds.

Reading ``x[key]`` with a built key is how templates reach attributes that no constant in them names. Kinds are joined
over all assignments to a name, whatever their order, until nothing changes: each pass raises at least one name by at
least one of four steps, so the passes end.
"""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum

from jinja2 import nodes

from casemate.threats.supply_chain.formats.template_names import (
    BUILDING_METHODS,
    NUMERIC_FILTERS,
    NUMERIC_METHODS,
    PASSING_FILTERS,
)


class Kind(IntEnum):
    """Where a value comes from; a join is the greater."""

    NUMBER = 0
    INPUT = 1
    CONSTANT = 2
    BUILT = 3


class Kinds:
    """The kinds of all expressions of a template.

    Args:
        tree: what the parser returned.
    """

    def __init__(self, tree: nodes.Template) -> None:
        self.macros = {macro.name: macro for macro in tree.find_all(nodes.Macro)}
        self.names: dict[str, Kind] = {}
        self._known: dict[int, Kind] = {}
        statements = list(tree.find_all((nodes.Assign, nodes.AssignBlock, nodes.For, nodes.With, nodes.CallBlock)))
        calls = [call for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name)]
        before: dict[str, Kind] | None = None
        while before != self.names:
            before = dict(self.names)
            self._known.clear()
            for statement in statements:
                self._assign(statement)
            for call in calls:
                self._pass(call)
        self._known.clear()

    def _raise(self, target: nodes.Node, kind: Kind) -> None:
        for name in _targets(target):
            self.names[name] = max(kind, self.names.get(name, Kind.NUMBER))

    def _assign(self, statement: nodes.Node) -> None:
        if isinstance(statement, nodes.Assign):
            value = statement.node
            if isinstance(value, nodes.Call) and isinstance(statement.target, nodes.Name):
                for keyword in value.kwargs:
                    name = f"{statement.target.name}.{keyword.key}"
                    self.names[name] = max(self.kind(keyword.value), self.names.get(name, Kind.NUMBER))
            self._raise(statement.target, self.kind(value))
        elif isinstance(statement, nodes.AssignBlock):
            self._raise(statement.target, Kind.BUILT)
        elif isinstance(statement, nodes.For):
            self._raise(statement.target, self.kind(statement.iter))
        elif isinstance(statement, nodes.With):
            for target, value in zip(statement.targets, statement.values, strict=True):
                self._raise(target, self.kind(value))
        elif isinstance(statement, nodes.CallBlock):
            for target in statement.args:
                self._raise(target, Kind.BUILT)

    def _pass(self, call: nodes.Call) -> None:
        """A macro's parameters take the kinds of what it is called with, and of their defaults."""
        macro = self.macros.get(call.node.name) if isinstance(call.node, nodes.Name) else None
        if macro is None:
            return
        given: dict[str, list[nodes.Expr]] = defaultdict(list)
        for parameter, value in zip(macro.args, call.args, strict=False):
            given[parameter.name].append(value)
        for value in call.args[len(macro.args) :]:
            given["varargs"].append(value)
        for keyword in call.kwargs:
            given[keyword.key].append(keyword.value)
            given["kwargs"].append(keyword.value)
        for parameter, value in zip(reversed(macro.args), reversed(macro.defaults), strict=False):
            given[parameter.name].append(value)
        for name, values in given.items():
            for value in values:
                self.names[name] = max(self.kind(value), self.names.get(name, Kind.INPUT))
        if call.dyn_args is not None or call.dyn_kwargs is not None:
            for parameter in macro.args:
                self.names[parameter.name] = Kind.BUILT

    def kind(self, expression: nodes.Node) -> Kind:
        """The kind of an expression."""
        known = self._known.get(id(expression))
        if known is None:
            known = self._known[id(expression)] = self._find(expression)
        return known

    def _join(self, *expressions: nodes.Node | None) -> Kind:
        return max((self.kind(each) for each in expressions if each is not None), default=Kind.NUMBER)

    def _find(self, each: nodes.Node) -> Kind:
        if isinstance(each, nodes.Const):
            return Kind.CONSTANT if isinstance(each.value, str) else Kind.NUMBER
        if isinstance(each, nodes.Name):
            return self.names.get(each.name, Kind.INPUT)
        if isinstance(each, nodes.Getattr):
            return self._attribute(each)
        if isinstance(each, nodes.Getitem):
            named = isinstance(each.arg, nodes.Const) and isinstance(each.arg.value, str)
            return self.kind(each.node) if named else _taken(self.kind(each.node))
        if isinstance(each, nodes.BinExpr):
            return self._binary(each)
        if isinstance(each, nodes.Filter):
            return self._filter(each)
        if isinstance(each, nodes.Call):
            return self._call(each)
        if isinstance(each, nodes.CondExpr):
            return self._join(each.expr1, each.expr2)
        if isinstance(each, nodes.List | nodes.Tuple):
            return self._join(*each.items)
        if isinstance(each, nodes.Dict):
            return self._join(*(part for pair in each.items for part in (pair.key, pair.value)))
        if isinstance(each, nodes.Compare | nodes.UnaryExpr | nodes.Test):
            return Kind.NUMBER
        return Kind.BUILT

    def _attribute(self, each: nodes.Getattr) -> Kind:
        if isinstance(each.node, nodes.Name):
            if each.node.name == "loop":
                return Kind.NUMBER if each.attr not in ("previtem", "nextitem") else Kind.INPUT
            if f"{each.node.name}.{each.attr}" in self.names:
                return self.names[f"{each.node.name}.{each.attr}"]
        return self.kind(each.node)

    def _binary(self, each: nodes.BinExpr) -> Kind:
        left, right = self.kind(each.left), self.kind(each.right)
        joined = max(left, right)
        if isinstance(each, nodes.And | nodes.Or):
            return joined
        if isinstance(each, nodes.Add):
            return Kind.NUMBER if Kind.NUMBER in (left, right) and joined < Kind.BUILT else _taken(joined)
        if isinstance(each, nodes.Mul | nodes.Mod):
            return _taken(joined)
        return Kind.NUMBER

    def _filter(self, each: nodes.Filter) -> Kind:
        if each.node is None or each.name in NUMERIC_FILTERS:
            return Kind.NUMBER if each.name in NUMERIC_FILTERS else Kind.BUILT
        if each.name in ("default", "d"):
            return self._join(each.node, *each.args)
        base = self.kind(each.node)
        if each.name in ("items", "dictsort"):
            return base
        if each.name in PASSING_FILTERS:
            return base if isinstance(each.node, nodes.List | nodes.Tuple | nodes.Dict) else _taken(base)
        return Kind.BUILT

    def _call(self, each: nodes.Call) -> Kind:
        values = [*each.args, *(keyword.value for keyword in each.kwargs)]
        if isinstance(each.node, nodes.Name):
            if each.node.name == "range":
                return Kind.NUMBER
            if each.node.name in ("namespace", "dict"):
                return Kind.CONSTANT if self._join(*values) < Kind.CONSTANT else self._join(*values)
            return Kind.BUILT if each.node.name in self.macros or each.node.name == "caller" else Kind.INPUT
        if not isinstance(each.node, nodes.Getattr):
            return Kind.BUILT
        base = self.kind(each.node.node)
        if each.node.attr in NUMERIC_METHODS:
            return Kind.NUMBER
        if each.node.attr in ("items", "keys", "values"):
            return base
        if each.node.attr in ("get", "pop"):
            return max(_taken(base), self._join(*values[1:]))
        return Kind.BUILT if each.node.attr in BUILDING_METHODS else _taken(base)


def _taken(kind: Kind) -> Kind:
    """What a part of something, or a change of it, is: of a constant, a text that stands nowhere in the template."""
    return Kind.BUILT if kind is Kind.CONSTANT else kind


def _targets(target: nodes.Node) -> list[str]:
    if isinstance(target, nodes.Name):
        return [target.name]
    if isinstance(target, nodes.NSRef):
        return [f"{target.name}.{target.attr}"]
    if isinstance(target, nodes.Tuple | nodes.List):
        return [name for item in target.items for name in _targets(item)]
    return []
