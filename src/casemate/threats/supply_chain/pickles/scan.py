"""The scan behind the load guard: bytes in, findings out. Nothing is imported, made or executed."""

from __future__ import annotations

from dataclasses import dataclass

from casemate.core.digests import Digest
from casemate.core.findings import Finding
from casemate.threats.supply_chain.containers.streams import compression, decompress
from casemate.threats.supply_chain.pickles.allowlist import AllowList
from casemate.threats.supply_chain.pickles.carried import find_carried
from casemate.threats.supply_chain.pickles.cursor import Cursor
from casemate.threats.supply_chain.pickles.machine import Machine
from casemate.threats.supply_chain.pickles.policy import Policy
from casemate.threats.supply_chain.stops import Malformed, Refused

_STREAMS = 16
"""Streams after the first that are still looked at, to name what they hide."""


_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found out about a file.

    Attributes:
        digest: of the file's bytes.
        format: "pickle", or the compression around it.
        content: the decompressed bytes that were walked, and the only ones that may be loaded.
        findings: why the file must not be loaded; empty if it may.
        unreadable: why the file cannot be understood, or "".
        imported: the names that loading imports, sorted, as "module:name".
    """

    digest: Digest
    format: str
    content: bytes
    findings: tuple[Finding, ...]
    unreadable: str
    imported: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """clean, malicious or unreadable, as in ``casemate.scan/1``."""
        if self.findings:
            return "malicious"
        return "unreadable" if self.unreadable else "clean"


def scan(data: bytes, allowed: AllowList, *, most: int) -> Scan:
    """Walk a pickle or joblib file, every byte of it.

    A file is clean only if every byte belongs to an opcode, to a declared array or to its padding, every name is
    allowed in its role, and nothing follows the end.

    Args:
        data: the file's bytes.
        allowed: names and roles, from ``casemate.threats.supply_chain.pickles.allowlist``.
        most: bytes that the decompressed content may have.

    Raises:
        MissingPartError: the file is compressed with lz4, which is not installed.
    """
    policy = Policy(allowed)
    kind = compression(data)
    content, unreadable = data, ""
    try:
        if data.startswith(_ZIP):
            raise Malformed("a zip archive is no pickle", 0)
        if kind is not None:
            content, behind = decompress(data, kind, most)
            if behind:
                policy.find("pickle.trailing", f"{behind} bytes follow the {kind} data", len(data) - behind)
            if compression(content) is not None:
                raise Malformed("the content is compressed twice", 0)
        _streams(content, policy)
    except Refused as stop:
        policy.find(stop.fact, stop.message, stop.offset)
    except Malformed as stop:
        unreadable = f"{stop.message} (byte {stop.offset})"
    find_carried(content if kind is None or content is not data else b"", allowed, policy)
    if policy.findings and unreadable:
        policy.find("pickle.unreadable", unreadable, 0)
    return Scan(
        digest=Digest.of(data),
        format=kind or "pickle",
        content=content,
        findings=tuple(policy.findings),
        unreadable=unreadable,
        imported=tuple(f"{module}:{name}" for module, name in sorted(policy.imported)),
    )


def _streams(content: bytes, policy: Policy) -> None:
    """Walk the model's stream; whatever follows is a finding, and is walked as well, to name what it hides."""
    cursor = Cursor(content)
    Machine(cursor, policy.judge).walk()
    if cursor.pos < cursor.end:
        policy.find("pickle.trailing", f"{cursor.end - cursor.pos} bytes follow the end of the model", cursor.pos)
    for _ in range(_STREAMS):
        if cursor.pos >= cursor.end:
            break
        try:
            Machine(cursor, policy.judge).walk()
        except Malformed:
            break
