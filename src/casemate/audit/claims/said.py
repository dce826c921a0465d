"""What the certificate of a private model says, as a statement's predicate."""

from __future__ import annotations

from typing import Final

import msgspec

from casemate.core.errors import UsageError
from casemate.privacy.dp.certificate import Certificate, Code
from casemate.training.engagement import Claim

PREDICATE: Final = "urn:casemate:privacy/dp-accounting:1"


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A model or data set, by name and SHA-256 in hexadecimal."""

    name: str
    sha256: str


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The predicate of a certificate.

    Attributes:
        certificate: of the training.
        data: the training records.
        records: how many they are.
        code: what trained; None in statements of casemate 0.5 and before.
        original: the model that was trained again, if there was one.
    """

    certificate: Certificate
    data: Named
    records: int
    code: Code | None = None
    original: Named | None = None


def said(claim: Claim) -> Said:
    """What a claim says.

    Raises:
        UsageError: it says nothing that can be read.
    """
    if not claim.predicate:
        raise UsageError(f"{claim.file} cannot be read", next_step="look at the objections first")
    return msgspec.convert(claim.predicate, Said)
