"""Pickle streams in all their wrappings."""

from __future__ import annotations

from casemate.threats.supply_chain.format import Format

PICKLES: tuple[Format, ...] = ()
