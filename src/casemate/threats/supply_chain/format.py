"""What a format is: a name, a cheap look at the first bytes, and a parser that is imported when it is needed."""

from __future__ import annotations

import functools
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
        first: where ``sniff`` says yes to some first bytes only: those, so that it is not asked about the others.
    """

    name: str
    module: str
    sniff: Callable[[View], bool]
    family: str = ""
    last: bool = False
    first: bytes = b""

    @property
    def parser(self) -> Parser:
        """The parser, imported at first use."""
        return _parser(self.module)

    @property
    def kin(self) -> str:
        """The family, or the format itself."""
        return self.family or self.name

    def may_begin(self, byte: int) -> bool:
        """Whether a view of this format may begin with this byte."""
        if isinstance(self.sniff, Magic) and not self.sniff.at:
            return any(signature[0] == byte for signature in self.sniff.signatures)
        return not self.first or byte in self.first


@functools.cache
def _parser(module: str) -> Parser:
    return cast("Parser", importlib.import_module(f"{ROOM}.{module}"))


class Magic:
    """A sniff for fixed bytes at a fixed place."""

    def __init__(self, *signatures: bytes, at: int = 0) -> None:
        self.signatures = signatures
        self.at = at
        self._longest = max(map(len, signatures))

    def __call__(self, view: View) -> bool:
        """Whether one of them stands there."""
        first = view.start + self.at
        return view.data[first : min(first + self._longest, view.stop)].startswith(self.signatures)
