"""Advisories in the OSV format (OpenSSF, schema 1.7): what of one is kept, and whether it affects a version.

Evaluation follows the schema's own pseudocode: a version is affected if it is listed in ``versions``, or lies in a
range,
that is, after an ``introduced`` and before a ``fixed`` (exclusive), or up to a ``last_affected`` (inclusive) event.
"""

from __future__ import annotations

from typing import Any

import msgspec

from casemate.threats.supply_chain.dependencies.model import normalized
from casemate.threats.supply_chain.dependencies.versions import Key, key_for


class Range(msgspec.Struct, frozen=True, array_like=True):
    """Events of one range, as they stand in the file: (introduced | fixed | last_affected | limit, version)."""

    kind: str
    events: tuple[tuple[str, str], ...]


class Advisory(msgspec.Struct, frozen=True, array_like=True):
    """What one advisory says of one package.

    Attributes:
        id, aliases: its names, the CVE's among them.
        summary: its one line.
        severity: CVSS vectors or words, as written.
        versions: affected versions that are listed one by one.
        ranges: affected ranges.
    """

    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: tuple[str, ...]
    versions: tuple[str, ...]
    ranges: tuple[Range, ...]

    def affects(self, ecosystem: str, version: str) -> bool | None:
        """Whether it affects a version; None where its ranges cannot be compared with it (commits, for example)."""
        if ecosystem == "PyPI":
            version = version.partition("+")[0]  # a local version is built from the public one: 2.0+cpu from 2.0
        key = key_for(ecosystem, version)
        if version in self.versions or (
            key is not None and any(key_for(ecosystem, each) == key for each in self.versions)
        ):
            return True
        ranges = [each for each in self.ranges if each.kind != "GIT"]
        answers = [_inside(each, ecosystem, key) for each in ranges]
        if True in answers:
            return True
        if None in answers:
            return None
        return False if ranges or self.versions else None

    def fixed(self) -> tuple[str, ...]:
        """Versions that fix it."""
        return tuple(
            version for each in self.ranges for event, version in each.events if event == "fixed" and each.kind != "GIT"
        )


def advisories(raw: Any) -> list[tuple[str, str, Advisory]]:
    """(ecosystem, package, advisory) for each package that an OSV record names; none if it is withdrawn.

    Raises:
        ValueError: it is no OSV record.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str):
        raise ValueError("it has no id")
    if raw.get("withdrawn"):
        return []
    found = []
    for affected in _dicts(raw.get("affected")):
        package = affected.get("package")
        if not isinstance(package, dict):
            continue
        ecosystem = str(package.get("ecosystem", "")).partition(":")[0]
        advisory = Advisory(
            raw["id"],
            tuple(map(str, raw.get("aliases") or ())),
            str(raw.get("summary") or raw.get("details") or "")[:200].partition("\n")[0],
            _severity(raw, affected),
            tuple(map(str, affected.get("versions") or ())),
            tuple(_range(each) for each in _dicts(affected.get("ranges"))),
        )
        found.append((ecosystem, normalized(str(package.get("name", "")), ecosystem), advisory))
    return found


def _severity(raw: dict[str, Any], affected: dict[str, Any]) -> tuple[str, ...]:
    scores = [str(each.get("score", "")) for each in (*_dicts(affected.get("severity")), *_dicts(raw.get("severity")))]
    for holder in (affected, raw):
        for part in ("database_specific", "ecosystem_specific"):
            word = holder[part].get("severity") if isinstance(holder.get(part), dict) else None
            scores += [word] if isinstance(word, str) else []
    return tuple(dict.fromkeys(score[:200] for score in scores if score))


def _range(raw: dict[str, Any]) -> Range:
    events = [(str(name), str(version)) for event in _dicts(raw.get("events")) for name, version in event.items()]
    return Range(str(raw.get("type", "")), tuple(events))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _inside(each: Range, ecosystem: str, key: Key | None) -> bool | None:
    """Walk the events in the order of their versions; "0" is before every version."""
    if each.kind not in {"ECOSYSTEM", "SEMVER"} or key is None:
        return None
    events = []
    for name, version in each.events:
        at = () if version == "0" and name == "introduced" else key_for(ecosystem, version)
        if name == "limit":
            continue
        if at is None:
            return None
        events.append((at, name))
    inside = False
    for at, name in sorted(events, key=lambda event: event[0]):
        if name == "introduced" and at <= key:
            inside = True
        elif (name == "fixed" and at <= key) or (name == "last_affected" and at < key):
            inside = False
    return inside
