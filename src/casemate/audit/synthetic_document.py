"""What ``casemate anonymize --synthetic --format json`` writes: ``casemate.synthetic/1``, and its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from casemate.audit.synthesize import LIMITS, Synthesized
from casemate.core.measurement import Measurement
from casemate.core.schemas import written_schema
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.tables.options import Role

SCHEMA: Final = "casemate.synthetic/1"


class SyntheticColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the private table, what it is to privacy and why; ``released`` where the synthetic table has it."""

    name: str
    role: Role
    reason: str
    released: bool


class SyntheticDecided(msgspec.Struct, frozen=True, kw_only=True):
    """Whether attacks refute the guarantee."""

    decision: Literal["PASS", "FAIL", "NOT_EVIDENCED"]
    reason: str


class SyntheticDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A synthetic table, its guarantee, and what attackers and users get from it.

    Attributes:
        schema: of this document.
        subject: name of the private table.
        written: files that were written: ``table``, ``certificate``.
        rows: of the synthetic table.
        columns: of the private table.
        certificate: what the guarantee rests on.
        limits: what is not protected.
        figures: attacks and utility, as in ``casemate.results/1``.
        not_tried: attacks that could not be tried, and why.
        verdict: whether the table may be handed out.
    """

    schema: Literal["casemate.synthetic/1"]
    subject: str
    written: dict[str, str]
    rows: int
    columns: tuple[SyntheticColumn, ...]
    certificate: Certificate
    limits: tuple[str, ...]
    figures: tuple[Measurement, ...]
    not_tried: tuple[str, ...]
    verdict: SyntheticDecided


def synthetic_document(made: Synthesized, subject: str, seed: int, written: Mapping[str, str]) -> SyntheticDocument:
    """The document of a synthetic table.

    Args:
        made: the table.
        subject: name of the private one.
        seed: of the attacks.
        written: files that were written, by what they are.
    """
    decision, reason = made.verdict
    return SyntheticDocument(
        schema=SCHEMA,
        subject=subject,
        written=dict(written),
        rows=len(made.table),
        columns=tuple(
            SyntheticColumn(name=e.name, role=e.role, reason=e.reason, released=e.name in made.table)
            for e in made.roles
        ),
        certificate=made.certificate,
        limits=LIMITS,
        figures=made.measurements(subject, seed),
        not_tried=made.left_out,
        verdict=SyntheticDecided(decision=decision, reason=reason),
    )


def synthetic_schema() -> bytes:
    """The JSON Schema of ``casemate.synthetic/1``."""
    return written_schema(SyntheticDocument, {"rows": {"minimum": 0}, "confidence": {"minimum": 0, "maximum": 1}})
