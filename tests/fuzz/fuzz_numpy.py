"""The parser of NumPy arrays: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import npy as parser
from tests.threats.supply_chain.formats.samples import npy, survive

MINUTES = 3


def seeds() -> list[bytes]:
    """Small files that are read to their end."""
    headers = [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }",
        "{'descr': [('a', '<i2', (2,)), ('b', '|S3')], 'fortran_order': True, 'shape': (), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    ]
    return [npy(header + "\n", bytes(96), version) for header in headers for version in (1, 2, 3)]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(parser, data)
