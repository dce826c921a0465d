"""The parser of pictures: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import images as parser
from tests.threats.supply_chain.formats.samples import survive
from tests.threats.supply_chain.formats.test_images import GIF, JPEG, chunk, png

MINUTES = 3


def seeds() -> list[bytes]:
    """The smallest pictures there are."""
    return [png(), png(chunk(b"tEXt", b"a\0b")), JPEG, GIF]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(parser, data)
