"""Formats of arrays, tables, trees and texts."""

from __future__ import annotations

from casemate.threats.supply_chain.format import Format

PLAIN: tuple[Format, ...] = ()
