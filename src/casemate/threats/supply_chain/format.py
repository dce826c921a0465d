"""What a format is: a name, a cheap look at the first bytes, and a parser that is imported when it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.view import View

ROOM = "casemate.threats.supply_chain"


class Parser(Protocol):
    """A parser's module."""

    def parse(self, view: View, report: Report) -> None:
        """Read the view and report.

        Raises:
            NotMine: the view is of another format.
            Malformed: it is damaged.
            Refused: it can be read, but only an attacker would write it so.
        """


class Format(NamedTuple):
    """A format that casemate can read.

    Attributes:
        name: as reports call it.
        module: of the parser, below this room.
        sniff: whether the view may be of this format.
        family: formats of one family may both accept a view (a joblib file is a pickle); of two families, may not.
        last: tried only where no other format accepts the view, and none of its family calls it damaged.
    """

    name: str
    module: str
    sniff: Callable[[View], bool]
    family: str = ""
    last: bool = False

    @property
    def parser(self) -> Parser:
        """The parser, imported at first use."""
        return cast("Parser", importlib.import_module(f"{ROOM}.{self.module}"))

    @property
    def kin(self) -> str:
        """The family, or the format itself."""
        return self.family or self.name


def magic(*signatures: bytes, at: int = 0) -> Callable[[View], bool]:
    """A sniff for fixed bytes at a fixed place."""
    return lambda view: any(view.begins(signature, at) for signature in signatures)
