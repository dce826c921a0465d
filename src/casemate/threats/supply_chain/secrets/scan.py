"""The door: a file or a folder in, findings out. No finding, message or error holds any part of a secret.

A secret is told by its kind, its length, and a number that is the same wherever the same secret stands; with a key,
by a keyed digest that two scans with that key share. An unkeyed digest of a password could be guessed back.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from casemate.core.errors import MissingPartError
from casemate.core.findings import Finding
from casemate.patterns.engine import Match, Scanner, secrets_scanner
from casemate.patterns.stages import fixture
from casemate.threats.supply_chain.found import found, judged
from casemate.threats.supply_chain.secrets.texts import binary, pieces
from casemate.threats.supply_chain.tree import Entry, Skipped, Walk, read
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import printable

MOST = 64 << 20
HEAD = 1 << 20
BLOCK = 8 << 20
OVERLAP = 8 << 10
MOST_FINDINGS = 10_000


@dataclass(frozen=True)
class SecretReport:
    """What was found, and what was looked at to find it.

    Attributes:
        findings: in order of files and places.
        searched: files that were searched.
        size: bytes that were searched.
        partly: files of which only the beginning was searched, because they are large or hold no text.
        skipped: what was not searched, and why.
        engine: what ran the patterns; "" if nothing was searched at all.
    """

    findings: tuple[Finding, ...]
    searched: int
    size: int
    partly: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    engine: str

    @property
    def verdict(self) -> Verdict:
        """``unreadable`` where something was left out that may hold secrets; links and devices are not files."""
        lost = [each for each in self.skipped if not each.reason.startswith(("it is a symbolic", "it is no regular"))]
        return judged(self.findings, readable=bool(self.engine) and not lost)


@dataclass
class _Search:
    scanner: Scanner
    key: bytes | None
    findings: list[Finding] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)
    searched: int = 0
    size: int = 0
    partly: list[str] = field(default_factory=list)


def scan_secrets(path: Path | str, *, key: bytes | None = None, scanner: Scanner | None = None) -> SecretReport:
    """Search a file, or every file of a folder, for secrets.

    Args:
        path: the file or folder; links are not followed.
        key: for digests that stay the same from scan to scan; without it secrets are numbered.
        scanner: the patterns; those of the pack ``secrets`` unless given.

    Returns:
        The findings. If neither hyperscan nor google-re2 is installed, one finding says that nothing was searched.

    Raises:
        UnreadableError: there is nothing at ``path``.

    Example:
        >>> import tempfile
        >>> from casemate.patterns.samples import sample
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     size = (Path(folder) / "settings.py").write_text(sample("TOKEN = 'npm_<alnum:36>'"))
        ...     [finding.message for finding in scan_secrets(folder).findings]
        ['npm token, 40 characters, secret 1']
    """
    walk = Walk(Path(path), sizes=False)
    try:
        search = _Search(scanner or secrets_scanner(), key)
    except MissingPartError as error:
        message = f"secrets were not searched: {error.message}; {error.next_step}"
        gone = found("secret.unsearched", message, printable(Path(path).name))
        return SecretReport((gone,), 0, 0, (), tuple(Skipped(entry.name, "no engine") for entry in walk), "")
    for entry in walk:
        try:
            _search_file(search, entry)
        except (OSError, OverflowError) as error:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
            walk.skipped.append(Skipped(entry.name, reason))
            search.findings.append(found("secret.unsearched", f"was not searched: {reason}", entry.name, entry.name))
        if len(search.findings) > MOST_FINDINGS:
            walk.skipped.append(Skipped(entry.name, f"more than {MOST_FINDINGS} findings before it"))
            break
    return SecretReport(
        tuple(search.findings),
        search.searched,
        search.size,
        tuple(search.partly),
        tuple(walk.skipped),
        search.scanner.engine,
    )


def secrets_in(data: bytes, name: str = "", *, key: bytes | None = None) -> tuple[Finding, ...]:
    """Search bytes that are no file: a member of an archive, a header, a prompt.

    Raises:
        MissingPartError: neither hyperscan nor google-re2 is installed.
        OverflowError: the bytes are made to be slow.
    """
    search = _Search(secrets_scanner(), key)
    _search_bytes(search, data, name)
    return tuple(search.findings)


def _search_file(search: _Search, entry: Entry) -> None:
    data = read(entry, MOST + 1)
    most = HEAD if binary(data) else MOST
    partly, data = len(data) > most, data[:most]
    search.searched += 1
    search.size += len(data)
    if partly:
        search.partly.append(entry.name)
    _search_bytes(search, data, entry.name)


def _search_bytes(search: _Search, data: bytes, name: str) -> None:
    counts: dict[str, int] = {}
    for piece in pieces(data, name):
        for match in _matches(search.scanner, piece.data, name):
            count = counts[match.pattern.id] = counts.get(match.pattern.id, 0) + 1
            search.findings.append(_finding(search, piece.data, match, name, piece.place, count))


def _matches(scanner: Scanner, data: bytes, name: str) -> Iterable[Match]:
    """The matches of one piece, block by block; blocks overlap by more than the longest match. ``at`` grows."""
    if len(data) <= BLOCK:
        return scanner.bytes(data, name)
    kept: dict[tuple[int, str], Match] = {}
    for at in range(0, len(data), BLOCK):
        for match in scanner.bytes(data[at : at + BLOCK + OVERLAP], name):
            moved = Match(match.pattern, at + match.start, at + match.stop, match.proven)
            kept.setdefault((moved.start, moved.pattern.id), moved)
    return kept.values()


def _finding(search: _Search, data: bytes, match: Match, name: str, place: str, count: int) -> Finding:
    secret = data[match.start : match.stop]
    lines = not place or (place.startswith("cell ") and place[5:].isdigit())
    number = data.count(b"\n", 0, match.start) + 1
    line = f"line {number}" if lines else ""
    where = f"{name} {', '.join(filter(None, (place, line)))}"
    kind = match.pattern.kind
    if kind != "provider" and fixture(name):
        kind = "fixture"
    if search.key is None:
        told = f"secret {search.numbers.setdefault(secret, len(search.numbers) + 1)}"
    else:
        told = f"keyed digest {hmac.new(search.key, secret, hashlib.sha256).hexdigest()[:12]}"
    message = f"{match.pattern.title}, {len(secret)} characters, {told}"
    return found(f"secret.{kind}", message, where.strip(), f"{name}:{match.pattern.id}:{count}")
