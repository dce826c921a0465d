"""Normalization tables of sentencepiece (``precompiled_charsmap``, ``nfkc.bin``): a trie, and the texts it leads to.

The length of the trie, its units of 32 bits, then texts that each end in a zero. There is no signature, so a file is
one of these only if the texts are UTF-8 and the root has leaves. The library follows units and places without checking
them: every unit is reached here from the root, and every leaf must lead to the beginning of a text.

Source: sentencepiece ``src/normalizer.cc``; Darts-clone ``darts.h`` (units of the double array).
Termination: a unit is visited once; texts stand one behind the other.
"""

from __future__ import annotations

import struct
from typing import Final

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import NotMine
from casemate.threats.supply_chain.view import View

BLOCK: Final = 1024
"""Bytes of the 256 units that the double array grows by."""
_MOST: Final = 16 << 20
"""Bytes of the largest file that is read; sentencepiece's own have 0.2 million."""
_LEAF: Final = 1 << 31
_LABEL: Final = 0xFF
_HAS_LEAF: Final = 1 << 8
_FAR: Final = 1 << 9
_INDEX: Final = "charsmap.index"


def parse(view: View, report: Report) -> None:
    """Visit the trie and cover what it reaches."""
    size = view.number(0, 4)
    if not size or size % BLOCK or 4 + size >= len(view) or len(view) > _MOST:
        raise NotMine
    units = struct.unpack(f"<{size // 4}I", view.raw(4, size))
    begin = 4 + size
    texts = view.raw(begin, len(view) - begin)
    if units[0] & _LEAF or units[0] & _LABEL or texts[-1] or not _is_text(texts):
        raise NotMine
    report.cover(0, 4)
    values = _visit(units, report)
    if not values:
        raise NotMine
    at = 0
    while at < len(texts):
        end = texts.index(0, at) + 1
        if at in values:
            report.cover(begin + at, end - at)
            values.discard(at)
        at = end
    if values:
        report.fact(_INDEX, f"a leaf leads to byte {max(values)} of the texts, where none begins", begin)
    report.describe("units", len(units))


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _visit(units: tuple[int, ...], report: Report) -> set[int]:
    """Cover every unit that the root reaches, and vacant ones; returns where leaves lead to."""
    children: dict[int, list[int]] = {}
    for place, unit in enumerate(units):
        if not unit & _LEAF and unit & _LABEL:
            children.setdefault(place ^ (unit & _LABEL), []).append(place)
    seen, pending, values = {0}, [0], set()
    while pending:
        place = pending.pop()
        unit = units[place]
        base = place ^ ((unit >> 10) << (8 if unit & _FAR else 0))
        if base >= len(units):
            report.fact(_INDEX, f"a unit leads to unit {base}, which is not there", 4 + 4 * place)
            continue
        if unit & _HAS_LEAF:
            if not units[base] & _LEAF:
                report.fact(_INDEX, "a leaf is none", 4 + 4 * base)
            seen.add(base)
            values.add(units[base] & ~_LEAF)
        fresh = [each for each in children.get(base, ()) if each not in seen]
        seen.update(fresh)
        pending += fresh
    for place, unit in enumerate(units):
        if place in seen or unit <= _LABEL:  # vacant units keep a label that nothing matches
            report.cover(4 + 4 * place, 4)
    return values
