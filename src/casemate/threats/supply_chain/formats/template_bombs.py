"""What a template could cost: powers, ranges, nested loops, texts that double, lists that grow while they are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeGuard

from jinja2 import nodes

REPEATS = 10_000
"""Times that a text may be repeated by a constant."""

RANGE = 100_000
LOOPS = 1_000_000
"""Rounds of nested loops whose lengths are constants."""

NESTING = 10
CHAIN = 64
"""Macros that call the next; real templates have two or three."""

DOUBLINGS = 6
"""Assignments of a text that holds another twice; each may double the length."""

_WIDTH = re.compile(r"%[-+ #0]*(?:\d{5,}|\d*\.\d{5,})[a-zA-Z]")
_GROWING = frozenset(("append", "extend", "insert", "update", "setdefault", "add"))


def judge_cost(tree: nodes.Template, say: Callable[[str], None]) -> None:
    """Say what could take more time or memory than the template's input justifies. Linear but for nested loops."""
    sizes = _sizes(tree)
    for node in tree.find_all((nodes.Pow, nodes.Mul, nodes.Call, nodes.Filter, nodes.Const)):
        _judge(node, say)
    for loop, rounds, nesting in _loops(tree, sizes, 1, 0):
        if rounds > LOOPS or nesting > NESTING:
            say("nested loops of constant length")
        _grown(loop, say)
    _doubled(tree, say)
    _recursive(tree, say)


def _is_range(node: nodes.Node) -> TypeGuard[nodes.Call]:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "range"


def _judge(node: nodes.Node, say: Callable[[str], None]) -> None:
    if isinstance(node, nodes.Pow):
        value = _number(node)
        if value is None or abs(value) > RANGE:
            say("a power")
    elif isinstance(node, nodes.Mul):
        if _factor(node) > REPEATS:
            say("a text repeated by a large constant, or a large product")
    elif isinstance(node, nodes.Const):
        if isinstance(node.value, str) and _WIDTH.search(node.value):
            say("a format of a large width")
    elif isinstance(node, nodes.Filter) or not _is_range(node):
        if isinstance(node, nodes.Call | nodes.Filter) and any(abs(_number(each) or 0) > LOOPS for each in node.args):
            say("a large constant as an argument")
    elif any(abs(_number(each) or 0) > RANGE for each in node.args):
        say("a range of a large constant")


def _factor(node: nodes.Node) -> int:
    """The product of the constants of a chain of multiplications, saturated."""
    if not isinstance(node, nodes.Mul):
        return max(1, abs(_number(node) or 1))
    return min(_factor(node.left) * _factor(node.right), 1 << 64)


def _number(node: nodes.Node) -> int | None:
    """The value of an expression of integer constants, saturated; None if it is anything else."""
    if isinstance(node, nodes.Const):
        return min(node.value, 1 << 64) if isinstance(node.value, int) else None
    if isinstance(node, nodes.Neg):
        inner = _number(node.node)
        return None if inner is None else -inner
    if not isinstance(node, nodes.Add | nodes.Sub | nodes.Mul | nodes.Pow):
        return None
    left, right = _number(node.left), _number(node.right)
    if left is None or right is None:
        return None
    if isinstance(node, nodes.Pow):
        return int(min(left**right, 1 << 64)) if abs(left) < 1 << 16 and 0 <= right <= 16 else 1 << 64
    value = (
        left + right if isinstance(node, nodes.Add) else left - right if isinstance(node, nodes.Sub) else left * right
    )
    return max(-(1 << 64), min(value, 1 << 64))


def _length(node: nodes.Node, sizes: dict[str, int]) -> int:
    """How often a loop over this runs, as far as constants tell; 1 where the input decides."""
    if isinstance(node, nodes.Name):
        return sizes.get(node.name, 1)
    if isinstance(node, nodes.List | nodes.Tuple | nodes.Dict):
        return max(1, len(node.items))
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return max(1, len(node.value))
    if isinstance(node, nodes.Filter) and node.node is not None:
        return _length(node.node, sizes)
    if isinstance(node, nodes.Add):
        return _length(node.left, sizes) + _length(node.right, sizes)
    if isinstance(node, nodes.Mul):
        return _length(node.left, sizes) * max(1, _number(node.right) or 1)
    if _is_range(node) and node.args:
        return max(1, abs(_number(node.args[1 if len(node.args) > 1 else 0]) or 1))
    return 1


def _sizes(tree: nodes.Template) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for assign in tree.find_all(nodes.Assign):
        if isinstance(assign.target, nodes.Name):
            length = min(_length(assign.node, sizes), 1 << 64)
            sizes[assign.target.name] = max(length, sizes.get(assign.target.name, 1))
    return sizes


def _loops(node: nodes.Node, sizes: dict[str, int], rounds: int, nesting: int) -> Iterator[tuple[nodes.For, int, int]]:
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.For):
            inner = min(rounds * _length(child.iter, sizes), 1 << 64)
            yield child, inner, nesting + 1
            yield from _loops(child, sizes, inner, nesting + 1)
        else:
            yield from _loops(child, sizes, rounds, nesting)


def _grown(loop: nodes.For, say: Callable[[str], None]) -> None:
    """A loop over what its body extends never ends."""
    read = {_key(each) for each in (loop.iter, *loop.iter.find_all((nodes.Name, nodes.Getattr)))} - {""}
    for call in loop.find_all(nodes.Call):
        grown = call.node
        if isinstance(grown, nodes.Getattr) and grown.attr in _GROWING and _key(grown.node) in read:
            say("a loop over a list that it extends")


def _doubled(tree: nodes.Template, say: Callable[[str], None]) -> None:
    inside = {id(assign) for loop in tree.find_all(nodes.For) for assign in loop.find_all(nodes.Assign)}
    doubled = 0
    for assign in tree.find_all(nodes.Assign):
        uses: Counter[str] = Counter()
        for join in (assign.node, *assign.node.find_all((nodes.Concat, nodes.Add, nodes.List, nodes.Tuple))):
            parts = join.nodes if isinstance(join, nodes.Concat) else join.items if hasattr(join, "items") else ()
            parts = (join.left, join.right) if isinstance(join, nodes.Add) else parts
            uses.update(key for key in map(_key, parts) if key)
        again = [key for key, count in uses.items() if count > 1]
        doubled += bool(again)
        if _key(assign.target) in again and id(assign) in inside:
            say("a text that doubles in a loop")
    if doubled > DOUBLINGS:
        say("texts that double again and again")


def _key(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.NSRef):
        return f"{node.name}.{node.attr}"
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return ""


def _recursive(tree: nodes.Template, say: Callable[[str], None]) -> None:
    """Macros that call each other more than once multiply; one that counts down and calls itself twice never ends."""
    calls = {
        macro.name: [call.node.name for call in macro.find_all(nodes.Call) if isinstance(call.node, nodes.Name)]
        for macro in tree.find_all(nodes.Macro)
    }
    for macro in tree.find_all(nodes.Macro):
        own = [
            call
            for call in macro.find_all(nodes.Call)
            if isinstance(call.node, nodes.Name) and call.node.name == macro.name
        ]
        own_names = {argument.name for argument in macro.args}
        counting = [call for call in own if not _descends(call, own_names)]
        if len(counting) > 1:
            say(f"the macro {macro.name} multiplies itself")
    costs: dict[str, int] = {}
    for _ in range(CHAIN):
        before = dict(costs)
        for name, called in calls.items():
            costs[name] = min(1 << 32, 1 + sum(before.get(each, 0) for each in called if each != name))
        if costs == before:
            return
        if max(costs.values()) > LOOPS and not _cyclic(calls):
            say("macros that multiply each other")
            return
    if not _cyclic(calls):
        say(f"macros that call each other more than {CHAIN} deep")


def _descends(call: nodes.Call, parameters: set[str]) -> bool:
    """Whether a call hands on a part of the input, so that recursion ends where the input does."""
    for value in (*call.args, *(keyword.value for keyword in call.kwargs)):
        for each in (value, *value.find_all(nodes.Expr)):
            if isinstance(each, nodes.Getattr | nodes.Getitem | nodes.Filter):
                return True
            if isinstance(each, nodes.Name) and each.name not in parameters:
                return True
    return False


def _cyclic(calls: dict[str, list[str]]) -> bool:
    """Whether macros call each other in a circle: each pass removes those that only call removed ones."""
    left = {name: {each for each in called if each in calls and each != name} for name, called in calls.items()}
    for _ in range(CHAIN):
        done = {name for name, called in left.items() if not called}
        if not done:
            return bool(left)
        left = {name: called - done for name, called in left.items() if name not in done}
    return False
