"""What a signed certificate promises is a tolerance that nobody has to write.

Each claimed epsilon has a tolerance of its own, which speaks of the figures that were measured against it: they carry
the claim as a coordinate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from casemate.audit.claims.said import said
from casemate.core.policy import Tolerance
from casemate.privacy.dp import declarations
from casemate.training.engagement import Claim

REASON: Final = "the certificate beside the model promises it"


def promises(assessment: str, claim: Claim) -> Iterator[Tolerance]:
    """The tolerances that a claim brings for one assessment."""
    if assessment == declarations.CERTIFICATE.id:
        yield Tolerance(
            name="certificate",
            kind=declarations.ACCOUNTING,
            metric="certificate_holds",
            at_least=1.0,
            reason="a certificate counts when it is signed, about this model and its data, and protects somebody",
        )
    if assessment == declarations.BOUND.id and not claim.objections:
        epsilon = said(claim).certificate.epsilon
        yield Tolerance(
            name=f"certificate-epsilon-{epsilon:g}",
            kind=declarations.AUDIT,
            metric="epsilon_lower_bound",
            at={"claimed": epsilon},
            at_most=epsilon,
            reason=REASON,
        )
