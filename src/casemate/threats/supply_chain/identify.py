"""Which parsers may know a view, by its content. A name or an extension is never looked at.

A sniff is cheap and generous: it looks at a few bytes and says "perhaps". The parser decides, by raising ``NotMine``.
All parsers whose sniff says perhaps are run, because a file may be several things at once.
"""

from __future__ import annotations

from casemate.threats.supply_chain.containers.table import CONTAINERS
from casemate.threats.supply_chain.format import Format
from casemate.threats.supply_chain.formats.graphs import GRAPHS
from casemate.threats.supply_chain.formats.plain import PLAIN
from casemate.threats.supply_chain.pickles.table import PICKLES
from casemate.threats.supply_chain.view import View

FORMATS: tuple[Format, ...] = (*PICKLES, *CONTAINERS, *GRAPHS, *PLAIN)
"""Every format, in the order in which ties are broken."""


def candidates(view: View) -> list[Format]:
    """The formats that this view may be of."""
    return [each for each in FORMATS if each.sniff(view)]
