"""The parser of CRFsuite models: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import crfsuite
from tests.threats.supply_chain.formats import crfsuites, samples

MINUTES = 3


def seeds() -> list[bytes]:
    """Small models that are read to their end, or almost."""
    return [crfsuites.model(), crfsuites.model(attributes=crfsuites.names(["word", "w"], lost=1))]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    samples.survive(crfsuite, data)
