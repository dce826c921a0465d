"""Pickles that a file carries as data: nothing runs them now, but no model needs one.

Bounded: a candidate must look like the beginning of a pickle, and all candidates together are walked for no more bytes
than the file has, twice over. The walk that finds them is the one that judges the file itself.
"""

from __future__ import annotations

import re
from typing import Final

from casemate.threats.supply_chain.pickles.allowlist import AllowList
from casemate.threats.supply_chain.pickles.cursor import Cursor
from casemate.threats.supply_chain.pickles.machine import Machine
from casemate.threats.supply_chain.pickles.policy import Policy
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.stops import Malformed, Refused

_ACTS: Final = tuple(rule_for(fact).id for fact in ("pickle.import", "pickle.call"))
_SPARE: Final = 1 << 20
_BEGINNING: Final = re.compile(
    rb"\x80[\x02-\x05](?=[\x95c(\x8c}\]X])"  # PROTO, then FRAME, a name, a mark, a container or a text
    rb"|c(?=(?:__builtin__|builtins|os|posix|nt|subprocess|sys|runpy|pty|importlib|socket)\n)"
    rb"|\((?=c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n)"
)


def find_carried(data: bytes, allowed: AllowList, policy: Policy) -> None:
    """Add a finding for each pickle, beginning after the first byte, that calls what is not allowed."""
    budget = 2 * len(data) + _SPARE
    for match in _BEGINNING.finditer(data, 1):
        inner, cursor = Policy(allowed), Cursor(data, match.start())
        whole = _walks(cursor, inner)
        budget -= cursor.pos - match.start() + 1
        if budget < 0:
            policy.find("pickle.bomb", "more pickles lie in the data than can be looked at", match.start())
            break
        if whole and any(finding.rule in _ACTS for finding in inner.findings):
            policy.find("pickle.carried", f"a pickle lies in the data that {inner.findings[0].message}", match.start())


def _walks(cursor: Cursor, inner: Policy) -> bool:
    try:
        Machine(cursor, inner.judge).walk()
    except (Malformed, Refused):
        return False
    return True
