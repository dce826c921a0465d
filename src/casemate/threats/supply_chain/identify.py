"""Which parsers may know a view, by its content. A name or an extension is never looked at.

A sniff is cheap and generous: it looks at a few bytes and says "perhaps". The parser decides, by raising ``NotMine``.
All parsers whose sniff says perhaps are run, because a file may be several things at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from casemate.threats.supply_chain.containers.table import CONTAINERS
from casemate.threats.supply_chain.format import Format
from casemate.threats.supply_chain.formats.graphs import GRAPHS
from casemate.threats.supply_chain.formats.outline import Message, outline
from casemate.threats.supply_chain.formats.plain import PLAIN
from casemate.threats.supply_chain.pickles.table import PICKLES
from casemate.threats.supply_chain.view import View

FORMATS: tuple[Format, ...] = (*PICKLES, *CONTAINERS, *GRAPHS, *PLAIN)
"""Every format, in the order in which ties are broken."""


def by_first(formats: Iterable[Format]) -> Sequence[Sequence[Format]]:
    """For each first byte the formats that may begin with it."""
    every = tuple(formats)
    return tuple(tuple(each for each in every if each.may_begin(byte)) for byte in range(256))


BY_FIRST: Final = by_first(FORMATS)


def candidates(view: View) -> list[Format]:
    """The formats that this view may be of."""
    possible = BY_FIRST[view.data[view.start] if len(view) else 0]
    fields = outline(view)
    if fields is None:
        return [each for each in possible if not isinstance(each.sniff, Message) and each.sniff(view)]
    return [
        each for each in possible if (each.sniff.fits(fields) if isinstance(each.sniff, Message) else each.sniff(view))
    ]
