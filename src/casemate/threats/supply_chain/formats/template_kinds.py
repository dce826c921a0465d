"""Where the value of a template's expression comes from: a number, the input, a constant, or a text that it builds.

Reading ``x[key]`` with a built key is how templates reach attributes that no constant in them names. Kinds are joined
over all assignments to a name, whatever their order, until nothing changes: a statement is looked at again only when a
name that it reads was raised, and a name can be raised three times.
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
        self._settled = False
        self._raised: list[str] = []
        statements: list[nodes.Node] = list(
            tree.find_all((nodes.Assign, nodes.AssignBlock, nodes.For, nodes.With, nodes.CallBlock))
        )
        statements += [call for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name)]
        readers: dict[str, list[nodes.Node]] = defaultdict(list)
        for statement in statements:
            for name in _read(statement):
                readers[name].append(statement)
        waiting = dict.fromkeys(reversed(statements))
        while waiting:
            statement = waiting.popitem()[0]
            if isinstance(statement, nodes.Call):
                self._pass(statement)
            else:
                self._assign(statement)
            for name in self._raised:
                waiting.update(dict.fromkeys(readers[name]))
            self._raised.clear()
        self._settled = True

    def _put(self, name: str, kind: Kind, least: Kind = Kind.NUMBER) -> None:
        before = self.names.get(name)
        after = max(kind, least if before is None else before)
        if after is not before:
            self.names[name] = after
            self._raised.append(name)

    def _raise(self, target: nodes.Node, kind: Kind) -> None:
        for name in _targets(target):
            self._put(name, kind)

    def _assign(self, statement: nodes.Node) -> None:
        if isinstance(statement, nodes.Assign):
            value = statement.node
            if isinstance(value, nodes.Call) and isinstance(statement.target, nodes.Name):
                for keyword in value.kwargs:
                    self._put(f"{statement.target.name}.{keyword.key}", self.kind(keyword.value))
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
                self._put(name, self.kind(value), Kind.INPUT)
        if call.dyn_args is not None or call.dyn_kwargs is not None:
            for parameter in macro.args:
                self._put(parameter.name, Kind.BUILT)

    def kind(self, expression: nodes.Node) -> Kind:
        """The kind of an expression."""
        if not self._settled:
            return self._find(expression)
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


def _read(statement: nodes.Node) -> set[str]:
    """The names, and attributes of names, whose kinds a statement depends on."""
    if isinstance(statement, nodes.Assign):
        values: list[nodes.Node] = [statement.node]
    elif isinstance(statement, nodes.For):
        values = [statement.iter]
    elif isinstance(statement, nodes.With):
        values = list(statement.values)
    elif isinstance(statement, nodes.Call):
        values = [statement]
    else:
        return set()
    found = set()
    for value in values:
        for each in (value, *value.find_all((nodes.Name, nodes.Getattr))):
            if isinstance(each, nodes.Name):
                found.add(each.name)
            elif isinstance(each, nodes.Getattr) and isinstance(each.node, nodes.Name):
                found.add(f"{each.node.name}.{each.attr}")
    return found
