"""What a reader of lock files yields: dependencies, and everything it could not tell."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

from casemate.core.findings import Finding
from casemate.threats.supply_chain.found import found

PYPI, NPM = "PyPI", "npm"


class Origin(enum.StrEnum):
    """Where a dependency is taken from."""

    REGISTRY = "registry"
    URL = "url"
    VCS = "vcs"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class Dependency:
    """One named thing that would be installed, or is.

    Attributes:
        name: normalized as its ecosystem does it.
        version: the exact version, or None where the file does not fix one.
        ecosystem: as OSV calls it ("PyPI", "npm"), or another word ("conda") that no database of OSV has.
        file: where it is named, relative to what was given.
        line: line in that file, 0 where lines say nothing.
        origin: registry, URL, version control, or a path beside the file.
        hashes: how many hashes its file pins.
        asked: the requirement as it is written, without credentials.
    """

    name: str
    version: str | None
    ecosystem: str
    file: str
    line: int = 0
    origin: Origin = Origin.REGISTRY
    hashes: int = 0
    asked: str = ""


@dataclass
class Read:
    """What readers found in one tree.

    Attributes:
        dependencies: in the order of files and lines.
        findings: what is wrong with the files themselves.
        files: the files that were read, each with its format.
        unreadable: files that were not understood, and why.
    """

    dependencies: list[Dependency] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def fact(self, kind: str, message: str, file: str, line: int = 0, logical: str = "") -> None:
        """Something that a rule judges."""
        self.findings.append(found(kind, message, f"{file} line {line}" if line else file, logical or file))


def normalized(name: str, ecosystem: str = PYPI) -> str:
    """A name as its index compares it (PyPI: the simple repository API; npm: as written, in lower case).

    Example:
        >>> normalized("Zope.Interface"), normalized("@Scope/Name", "npm")
        ('zope-interface', '@scope/name')
    """
    return re.sub(r"[-_.]+", "-", name.strip()).lower() if ecosystem == PYPI else name.strip().lower()


def without_credentials(url: str) -> str:
    """A URL whose name and password, query and fragment are left out.

    Example:
        >>> without_credentials("https://a:b@host.test/x?t=1#sha256=2")
        'https://host.test/x'
    """
    return re.sub(r"[?#].*$", "", re.sub(r"(://)[^/@\s]*@", r"\1", url))
