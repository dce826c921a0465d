"""Pickles that a file carries as data: nothing runs them now, but no model needs one.

Bounded: a candidate must look like the beginning of a pickle, is walked for at most a fixed number of bytes, and the
number of candidates is limited. The walk that finds them is the one that judges the file itself.
"""

from __future__ import annotations

import re
from typing import Final

from casemate.custody import rules
from casemate.custody.allowlist import AllowList
from casemate.custody.cursor import Cursor
from casemate.custody.machine import Machine
from casemate.custody.policy import Policy
from casemate.custody.stops import Malformed, Refused

_WINDOW: Final = 65_536
_CANDIDATES: Final = 20_000
_BEGINNING: Final = re.compile(
    rb"\x80[\x02-\x05](?=[\x95c(\x8c}\]X])"  # PROTO, then FRAME, a name, a mark, a container or a text
    rb"|c(?=(?:__builtin__|builtins|os|posix|nt|subprocess|sys|runpy|pty|importlib|socket)\n)"
    rb"|\((?=c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n)"
)


def find_carried(data: bytes, allowed: AllowList, policy: Policy) -> None:
    """Add a finding for each pickle, beginning after the first byte, that calls what is not allowed."""
    for count, match in enumerate(_BEGINNING.finditer(data, 1)):
        if count == _CANDIDATES:
            break
        inner = Policy(allowed)
        piece = data[match.start() : match.start() + _WINDOW]
        try:
            Machine(Cursor(piece), inner.judge).walk()
        except (Malformed, Refused):
            continue
        if any(finding.rule in (rules.IMPORT.id, rules.CALL.id) for finding in inner.findings):
            policy.find(rules.CARRIED, f"a pickle lies in the data that {inner.findings[0].message}", match.start())
