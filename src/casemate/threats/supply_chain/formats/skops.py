"""skops models: the schema that says which classes, functions and methods a loader takes (skops.io, protocols 0 to 2).

skops itself asks the user which names to trust; here each name is judged in the role in which its node uses it. Two
names for one node, or an attribute chain where a name belongs, are how its checks were passed (CVE-2025-54412, -54413).
"""

from __future__ import annotations

import re

from casemate.threats.supply_chain.formats.skops_nodes import FIXED, METHODS, OPERATORS, OWN
from casemate.threats.supply_chain.jsons import Json, spelled, walk
from casemate.threats.supply_chain.names import names
from casemate.threats.supply_chain.pickles.facts import Role
from casemate.threats.supply_chain.report import Report

_KEYS = frozenset(("__class__", "__module__", "__loader__"))
_IDENTIFIER = re.compile(r"[A-Za-z]\w*")


def is_schema(value: Json) -> bool:
    """Whether this is the ``schema.json`` of a skops file."""
    return isinstance(value, dict) and set(value) >= _KEYS


def judge_schema(value: Json, report: Report) -> None:
    """Report names that are not reviewed, and nodes that say two things. Looks at every node once."""
    for path, each in walk(value):
        if isinstance(each, dict) and "__loader__" in each:
            _node(each, spelled(path) or "schema", report)
        elif isinstance(each, dict) and ("__class__" in each or "__module__" in each):
            report.fact("skops.node", "a node names a class and no loader", logical=spelled(path))


def _node(node: dict[str, Json], where: str, report: Report) -> None:
    loader, module, name = (node.get(key) for key in ("__loader__", "__module__", "__class__"))
    if not isinstance(loader, str) or not isinstance(module, str) or not isinstance(name, str):
        report.fact("skops.node", "a node does not name its class, module and loader", logical=where)
        return
    report.name("skops.loader", loader, logical=where)
    report.imports(module, name)
    if loader in FIXED:
        if (module, name) not in FIXED[loader]:
            report.fact("skops.confused", f"{loader} with the class {module}.{name}", logical=where)
        return
    if loader == "OperatorFuncNode":
        _operator(module, name, node.get("attrs"), where, report)
        return
    if loader == "MethodNode":
        _method(node, where, report)
    if loader == "FunctionNode" and not _reviewed(module, name, Role.IMPORT, report):
        report.name("skops.function", f"{module}.{name}", logical=where)
    elif loader != "FunctionNode" and not any(
        _reviewed(module, name, role, report) for role in (Role.CONSTRUCT, Role.CALL)
    ):
        report.name("skops.class", f"{module}.{name}", logical=where)


def _reviewed(module: str, name: str, role: Role, report: Report) -> bool:
    """Whether the name is on the list for pickles: what one may build, a schema may build."""
    return (module, name) in OWN or role in report.settings.allow.get((module, name), frozenset())


def _operator(module: str, name: str, attributes: Json, where: str, report: Report) -> None:
    if module not in ("operator", "_operator") or name not in OPERATORS:
        report.fact("skops.confused", f"OperatorFuncNode with {module}.{name}", logical=where)
    for _, each in walk(attributes):
        if isinstance(each, dict) and each.get("__loader__") == "JsonNode" and "_" in str(each.get("content"))[:2]:
            report.fact(
                "skops.method", f"operator.{name} of an attribute that begins with an underscore", logical=where
            )


def _method(node: dict[str, Json], where: str, report: Report) -> None:
    """A bound method: of an object that the schema describes too, and whose class must be the one that is checked."""
    content = node.get("content")
    held, called = (content.get("obj"), content.get("func")) if isinstance(content, dict) else (None, None)
    same = isinstance(held, dict) and all(held.get(key) == node[key] for key in ("__class__", "__module__"))
    if not same:
        report.fact("skops.confused", "MethodNode names one class and holds an object of another", logical=where)
    if not isinstance(called, str) or not _IDENTIFIER.fullmatch(called):
        report.fact("skops.method", "MethodNode reads something that is no plain method", logical=where)
    elif called not in METHODS and called not in names("skops")["skops.loader"].allow:
        report.fact("skops.method", f"MethodNode reads {called}", logical=where)
