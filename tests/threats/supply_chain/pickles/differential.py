"""Runs generated streams through the abstract machine and through both real unpicklers, in a process with limits.

As a program: ``python -m tests.threats.supply_chain.pickles.differential SEED COUNT`` prints one JSON object.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import warnings
from collections import Counter
from typing import Any

from casemate.threats.supply_chain.pickles.facts import Fact, Role
from casemate.threats.supply_chain.pickles.machine import Machine
from casemate.threats.supply_chain.pickles.policy import Policy
from casemate.threats.supply_chain.pickles.steps import STEPS
from casemate.threats.supply_chain.pickles.values import Blob, Dct, Frozen, Global, Lst, Made, Persistent, Tup
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.pickles.generate import NAMES, Grammar, mutate
from tests.threats.supply_chain.pickles.oracle import InC, InPython, loaded

OPCODES = bytes(sorted({*STEPS, *b"tas\x94\x8cKhXqrJMGj(\x86Nue]}\x85\x88\x89."}))
ALLOWED = {name: frozenset(Role) for name in NAMES}
PARTING = frozenset({"pickle.divergence", "pickle.frame", "pickle.bomb", "pickle.cut"})
"""Findings that say that loaders may part ways."""

CALLS = {Role.CALL: "call", Role.CONSTRUCT: "new"}


def described(value: Any, depth: int = 2) -> Any:
    """The abstract machine's value as ``oracle.described`` spells the real one."""
    if isinstance(value, Global | Made | Persistent):
        return ("#", value.serial)
    if isinstance(value, Frozen):
        return "frozenset"
    if isinstance(value, Tup):
        items = (described(each, depth - 1) for each in value.items[:8]) if depth else ()
        return ("tuple", len(value.items), *items)
    if isinstance(value, Lst):
        return ("list", len(value.items)) if value.of == "list" else "set"
    if isinstance(value, Dct):
        return "dict"
    if isinstance(value, Blob):
        return {"memory": "memoryview"}.get(value.kind, value.kind)
    return repr(value)[:60]


class Recorder:
    """Keeps what the machine sees as events, and what the policy says of it."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.kinds: set[str] = set()
        self.policy = Policy(ALLOWED, self._found)

    def _found(self, kind: str, message: str, at: int | None = None, logical: str = "") -> None:
        self.kinds.add(kind)

    def find(self, kind: str, message: str, offset: int) -> None:
        self.kinds.add(kind)

    def judge(self, fact: Fact) -> None:
        self.policy.judge(fact)
        target, argument = fact.target, fact.argument
        if fact.role is Role.PERSISTENT:
            self.events.append(("persistent", described(argument)))
        elif not isinstance(target, Global | Made | Persistent):
            return
        elif fact.role is Role.IMPORT and isinstance(target, Global):
            self.events.append(("import", target.module, target.name))
        elif fact.role is Role.STATE:
            self.events.append(("state", target.serial, described(argument)))
        elif fact.role is Role.FILL and isinstance(argument, Dct):
            self.events += [("set", target.serial, described(k), described(v)) for k, v in argument.pairs]
        elif fact.role is Role.FILL and isinstance(argument, Lst):
            self.events += [("fill", target.serial, described(item)) for item in argument.items]
        else:
            bare = isinstance(target, Global) and isinstance(argument, Tup) and not argument.items
            how = CALLS.get(fact.role, "new" if bare else "call")
            self.events.append((how, target.serial, described(argument)))

    @property
    def warned(self) -> bool:
        return any(rule_for(kind).severity.rank <= 2 for kind in self.kinds)


def walked(data: bytes) -> tuple[bool, Recorder, int]:
    """Whether the abstract machine comes to the end, what it saw, and where it stopped."""
    recorder = Recorder()
    machine = Machine(View(data), recorder)
    try:
        machine.walk()
    except Malformed:
        return False, recorder, machine.pos
    except Refused as stop:
        recorder.kinds.add(stop.fact)
        return False, recorder, machine.pos
    return True, recorder, machine.pos


def wrong(data: bytes, counts: Counter[str]) -> str:
    """What is wrong with the machine's view of this stream, or ""."""
    done, seen, stop = walked(data)
    clean = done and not seen.warned
    if "pickle.extension" in seen.kinds:
        counts["extension"] += 1
        return "clean" if clean else ""
    c, ahead, python = loaded(InC, data), loaded(InC, data, peek=True), loaded(InPython, data)
    counts["accepted"] += c[0] or ahead[0] or python[0]
    if c[:2] != python[:2] or ahead[:2] != python[:2]:
        counts["differ"] += 1
        if clean or not seen.kinds & PARTING:
            return f"loaders differ, and only {sorted(seen.kinds)} is said"
        return ""
    counts["agree"] += 1
    if c[0]:
        counts["clean"] += clean
        if not done:
            return "loaders go on, the machine stops"
        if seen.events != c[1]:
            return f"events {seen.events} and not {c[1]}"
        return "" if stop == c[2] or seen.kinds & PARTING else f"ends at {stop} and not at {c[2]}"
    if clean:
        return "clean, but no loader accepts it"
    return "" if seen.events[: len(c[1])] == c[1] else f"events {seen.events} do not begin with {c[1]}"


def run(seed: int, count: int) -> dict[str, Any]:
    """Generate and compare ``count`` streams."""
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    used: Counter[int] = Counter()
    failures: list[tuple[str, str]] = []
    other = b"N."
    for _ in range(count):
        data = Grammar(rng, used).stream()
        if rng.random() < 0.45:
            data, other = mutate(rng, data, other, OPCODES), data
        said = wrong(data, counts)
        if said:
            counts["wrong"] += 1
            if len(failures) < 10:
                failures.append((data.hex(), said))
    return {"count": count, "counts": counts, "used": {str(code): used[code] for code in OPCODES}, "failures": failures}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (3600, 3600))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))) + "\n")


if __name__ == "__main__":
    main()
