"""The parser of Parquet files: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import parquet as parser
from tests.threats.supply_chain.formats.samples import survive
from tests.threats.supply_chain.formats.test_parquet import GOOD, OUTSIDE, UNPICKLED, written

MINUTES = 3


def seeds() -> list[bytes]:
    """Small files, by hand and by pyarrow."""
    return [GOOD, OUTSIDE, UNPICKLED, written(), written(data_page_version="2.0", write_page_index=True)]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(parser, data)
