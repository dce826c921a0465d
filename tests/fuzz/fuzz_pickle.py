"""The pickle walk: any bytes end with a verdict."""

from __future__ import annotations

import pickle

from casemate.core.errors import MissingPartError
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.pickles.scan import scan
from casemate.threats.supply_chain.verdict import Verdict

MINUTES = 10


def seeds() -> list[bytes]:
    """Plain values in every protocol, and what refers to itself, repeats, or is long."""
    cycle: list[object] = []
    cycle.append(cycle)
    values: list[object] = [
        None, [1, 2.5, "text", b"bytes", bytearray(b"array")], {"a": (1, 2), "b": {1, 2}}, 1 << 200, cycle,
        frozenset("ab"), complex(1, 2), range(3), slice(1, 2), ["x" * 300] * 3, {n: [n] for n in range(300)},
        Ellipsis, -1, True,
    ]  # fmt: skip
    return [pickle.dumps(value, protocol=protocol) for value in values for protocol in range(6)]


def one_input(data: bytes) -> None:
    """Scan these bytes."""
    try:
        found = scan(data, reviewed(), most=1 << 22)
    except MissingPartError:
        return
    if found.verdict not in list(Verdict):
        raise AssertionError(found.verdict)
    if found.verdict == Verdict.CLEAN and found.unreadable:
        raise AssertionError("clean, and yet it could not be read")
