"""The containers that casemate walks."""

from __future__ import annotations

from casemate.threats.supply_chain.format import Format

CONTAINERS: tuple[Format, ...] = ()
