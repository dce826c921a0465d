"""What ``casemate anonymize --format json`` writes: ``casemate.anonymize/1``, and its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from casemate.core.measurement import Pair
from casemate.core.schemas import written_schema
from casemate.privacy.tables.columns import ColumnReport, Told
from casemate.privacy.tables.options import Role
from casemate.privacy.tables.publishing import Publication, Verdict

SCHEMA: Final = "casemate.anonymize/1"
_NARROWER: Final[dict[str, dict[str, Any]]] = {
    **{name: {"minimum": 0} for name in ("released", "left_out", "classes", "values", "bits", "errors", "refused")},
    **{name: {"minimum": 0, "maximum": 1} for name in ("alone", "confidence")},
}
"""What the types do not say of a field."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows are released and left out, and how many classes the released ones form."""

    released: int
    left_out: int
    classes: int


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column before and after.

    Attributes:
        name, role, reason: what it is to privacy, and why.
        before, after: what it tells; ``after`` is null where it is left out.
        disclosed: of a sensitive column, the share of rows whose class has one value of it, before and after.
        likeliest: of a sensitive column, exp of the least entropy of a class, before and after.
    """

    name: str
    role: Role
    reason: str
    before: Told
    after: Told | None
    disclosed: tuple[float, float] | None
    likeliest: tuple[float, float] | None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the linkage rate stays below what is tolerated, and the figures that decide it."""

    decision: Verdict
    reason: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A release, what was done, what holds of it, and what attackers achieve before and after.

    Attributes:
        schema: of this document.
        subject: name of the table.
        written: files that were written, by what they are: ``table``, ``lookup``.
        rows: how many.
        columns: what each tells.
        made: what was done, in words.
        holds: what is true of the released rows.
        limits: what is not protected.
        pairs: each attack before and after, as in ``casemate.results/1``.
        not_tried: attacks that could not be tried, and why.
        verdict: whether the table may be handed out.
    """

    schema: Literal["casemate.anonymize/1"]
    subject: str
    written: dict[str, str]
    rows: Rows
    columns: tuple[Column, ...]
    made: tuple[str, ...]
    holds: tuple[str, ...]
    limits: tuple[str, ...]
    pairs: tuple[Pair, ...]
    not_tried: tuple[str, ...]
    verdict: Decided


def document(made: Publication, subject: str, seed: int, written: Mapping[str, str]) -> Document:
    """The document of a release.

    Args:
        made: the release.
        subject: name of the table.
        seed: of the attacks.
        written: files that were written, by what they are.
    """
    release, attacks = made.release, made.attacks
    decision, reason = made.verdict
    return Document(
        schema=SCHEMA,
        subject=subject,
        written=dict(written),
        rows=Rows(released=len(release.table), left_out=release.suppressed, classes=release.classes),
        columns=tuple(_column(each) for each in made.columns),
        made=(*release.notes, *made.made),
        holds=release.holds,
        limits=made.limits,
        pairs=tuple(each.pair(subject, seed) for each in attacks.comparisons) if attacks else (),
        not_tried=attacks.left_out if attacks else (),
        verdict=Decided(decision=decision, reason=reason),
    )


def encoded(content: Document) -> str:
    """One line of JSON."""
    return msgspec.json.encode(content).decode() + "\n"


def anonymize_schema() -> bytes:
    """The JSON Schema of ``casemate.anonymize/1``."""
    return written_schema(Document, _NARROWER)


def _column(each: ColumnReport) -> Column:
    return Column(
        name=each.column.name,
        role=each.column.role,
        reason=each.column.reason,
        before=each.before,
        after=each.after,
        disclosed=each.disclosed,
        likeliest=each.likeliest,
    )
