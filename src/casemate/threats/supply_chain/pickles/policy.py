"""Judges what a walk sees against the reviewed names. It reads no bytes."""

from __future__ import annotations

from casemate.core.findings import Finding
from casemate.threats.supply_chain.pickles import arguments
from casemate.threats.supply_chain.pickles.allowlist import AllowList, Name
from casemate.threats.supply_chain.pickles.arrays import RECONSTRUCTOR, pair
from casemate.threats.supply_chain.pickles.facts import Fact, Role
from casemate.threats.supply_chain.pickles.states import state_fits
from casemate.threats.supply_chain.pickles.values import (
    Array,
    Blob,
    Dct,
    DType,
    Global,
    Lst,
    Made,
    Tup,
    Value,
    hashable_cheaply,
)
from casemate.threats.supply_chain.rules import rule_for

MOST = 100
"""Findings kept; a file with more is no less refused."""


class Policy:
    """Collects findings; ``judge`` is handed to a walk.

    Args:
        allowed: names and their roles.
        where: put before every location, for example the name of a member.
    """

    def __init__(self, allowed: AllowList, where: str = "") -> None:
        self.allowed = allowed
        self.where = where
        self.findings: list[Finding] = []
        self.imported: set[Name] = set()

    def find(self, fact: str, message: str, offset: int) -> None:
        """Keep a finding of the rule that judges this kind of fact."""
        rule = rule_for(fact)
        finding = Finding(rule=rule.id, severity=rule.severity, message=message, location=f"{self.where}byte {offset}")
        if len(self.findings) < MOST and finding not in self.findings:
            self.findings.append(finding)

    def judge(self, fact: Fact) -> None:
        """Judge one fact."""
        getattr(self, f"_{fact.role.value}")(fact)

    def _may(self, target: Value, role: Role) -> bool:
        if not isinstance(target, Global):
            return False
        names = [(target.module, target.name), *([target.also] if target.also else [])]
        return all(role in self.allowed.get(name, ()) for name in names)

    def _import(self, fact: Fact) -> None:
        if isinstance(fact.target, Global):
            self.imported.add((fact.target.module, fact.target.name))
        if not self._may(fact.target, Role.IMPORT):
            self.find("pickle.import", f"imports {_said(fact.target)}", fact.offset)

    def _call(self, fact: Fact) -> None:
        self._make(fact, "calls")

    def _construct(self, fact: Fact) -> None:
        self._make(fact, "constructs")

    def _make(self, fact: Fact, verb: str) -> None:
        items = fact.argument.items if isinstance(fact.argument, Tup) else None
        name = pair(fact.target)
        if items is None or not self._may(fact.target, fact.role):
            self.find("pickle.call", f"{verb} {_said(fact.target)}", fact.offset)
        elif name == RECONSTRUCTOR and fact.role is Role.CALL:
            if not self._reconstructs(items):
                self.find("pickle.call", f"reconstructs {_said(items[0] if items else None)}", fact.offset)
        elif name in arguments.RULES and not arguments.RULES[name](items):
            self.find("pickle.call", f"{verb} {_said(fact.target)} with arguments that are not allowed", fact.offset)

    def _reconstructs(self, items: tuple[Value, ...]) -> bool:
        """``copyreg._reconstructor(class, base, base state)`` of a plain object, named tuple or allowed dictionary."""
        if len(items) != 3 or not self._may(items[0], Role.CONSTRUCT):
            return False
        if pair(items[1]) == ("builtins", "dict"):
            return self._may(items[0], Role.FILL) and (items[2] is None or isinstance(items[2], Dct))
        if pair(items[1]) == ("builtins", "tuple"):
            return isinstance(items[2], Tup)
        return pair(items[1]) == ("builtins", "object") and items[2] is None

    def _state(self, fact: Fact) -> None:
        maker: Value = fact.target.by if isinstance(fact.target, Made) else None
        name = pair(maker)
        if name == RECONSTRUCTOR and isinstance(fact.target, Made) and isinstance(fact.target.args, Tup):
            maker = fact.target.args.items[0] if fact.target.args.items else None
        said = _said(maker if isinstance(fact.target, Made) else fact.target)
        if not isinstance(fact.target, Made) or not self._may(maker, Role.STATE):
            self.find("pickle.state", f"sets the state of {said}", fact.offset)
        elif not isinstance(maker, Global) or not state_fits(fact.target, maker, fact.argument):
            self.find("pickle.state", f"gives {said} a state that is not one of its own", fact.offset)

    def _fill(self, fact: Fact) -> None:
        target = fact.target
        if not isinstance(target, Made) or not self._may(target.by, Role.FILL):
            self.find("pickle.state", f"fills {_said(target.by if isinstance(target, Made) else target)}", fact.offset)
        elif isinstance(fact.argument, Dct) and not all(hashable_cheaply(key) for key, _ in fact.argument.pairs):
            self.find("pickle.bomb", "a key is too costly to hash", fact.offset)

    def _key(self, fact: Fact) -> None:
        if not hashable_cheaply(fact.target):
            self.find("pickle.bomb", "a key is too costly to hash", fact.offset)


def _said(value: Value) -> str:
    """How a finding names a value: names as they are, never contents."""
    if isinstance(value, Global):
        text = str(value) + (f" (or {value.also[0]}:{value.also[1]})" if value.also else "")
        return "".join(c if c.isprintable() else "?" for c in text[:200])
    if isinstance(value, Made):
        return f"the result of {_said(value.by)}" if value.by else "the result of a call"
    kinds = {Tup: "a tuple", Lst: "a list", Dct: "a dictionary", Blob: "bytes", Array: "an array", DType: "a dtype"}
    return kinds.get(type(value), "a constant")
