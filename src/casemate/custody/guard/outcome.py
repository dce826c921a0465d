"""What the load guard hands back, and what it raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from casemate.core.digests import Digest
from casemate.core.errors import UnsafeArtifactError
from casemate.core.findings import Finding
from casemate.custody.guard.policy import Verified


class RefusedArtifactError(UnsafeArtifactError):
    """The load guard refused a file; ``findings`` say why, ``record`` is the evidence of it."""

    def __init__(
        self,
        message: str,
        *,
        cause: str = "",
        next_step: str = "",
        findings: tuple[Finding, ...] = (),
        record: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.findings = findings
        self.record = record or {}

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the findings when the error crosses a process boundary."""
        return _rebuild, (self.message, self.cause, self.next_step, self.findings, self.record)


def _rebuild(
    message: str, cause: str, next_step: str, findings: tuple[Finding, ...], record: dict[str, object]
) -> RefusedArtifactError:
    return RefusedArtifactError(message, cause=cause, next_step=next_step, findings=findings, record=record)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that passed the guard.

    Attributes:
        model: the object in the file.
        path: the file's name, without its folder.
        digest: SHA-256 of the file's bytes.
        findings: what is worth knowing, such as another version of a library; never a reason not to load.
        allowed: the user's own classes that were allowed, sorted, whether or not the file needs them.
        imported: the names that loading imported, sorted.
        kind: which loader loaded it ("pickle", "torch", "safetensors", "npy", "npz", "onnx", "skops").
        verified: who vouched for the bytes, one entry a verifier of the policy.
        external: digests of the external data that was loaded with it, by path relative to its folder.
    """

    model: Any
    path: str
    digest: Digest
    findings: tuple[Finding, ...]
    allowed: tuple[str, ...]
    imported: tuple[str, ...]
    kind: str = "pickle"
    verified: tuple[Verified, ...] = ()
    external: Mapping[str, Digest] = field(default_factory=dict)

    def evidence(self) -> dict[str, object]:
        """The predicate of the ledger's ``load`` record."""
        record = load_record(self.path, self.digest, "clean", self.allowed, self.findings)
        if self.verified:
            record["verified"] = [msgspec.to_builtins(each) for each in self.verified]
        if self.external:
            record["external"] = {name: digest.hex for name, digest in self.external.items()}
        return record


def load_record(
    name: str, digest: Digest, verdict: str, allowed: Sequence[str], findings: Sequence[Finding]
) -> dict[str, object]:
    """The predicate ``urn:casemate:load:1``: what the load guard decided about a file, and why."""
    return {
        "path": name,
        "sha256": digest.hex,
        "verdict": verdict,
        "allowed": list(allowed),
        "findings": [msgspec.to_builtins(finding) for finding in findings],
    }


def refusal(name: str, findings: tuple[Finding, ...], record: dict[str, object]) -> RefusedArtifactError:
    """The error for a file with findings, which names the worst of them."""
    first = min(findings, key=lambda finding: finding.severity.rank)
    more = len(findings) - 1
    return RefusedArtifactError(
        f"{name} was refused and not loaded",
        cause=f"the scan found: {first.message} [{first.rule}, {first.location}]"
        + (f" and has {more} more findings" if more else ""),
        next_step=f"casemate explain {first.rule}",
        findings=findings,
        record=record,
    )
