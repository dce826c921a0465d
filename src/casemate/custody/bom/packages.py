"""Packages that a model needs: from a lock file or the environment that the owner names; never from casemate's own.

Read are requirements with ``==`` (pip, pip-compile, uv export) and pylock.toml (PEP 751). From an environment only the
``METADATA`` files are read; nothing is imported. Termination: files are read once, line by line.
"""

from __future__ import annotations

import re
import tomllib
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import msgspec

from casemate.core.errors import UsageError

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*={2,3}\s*([^\s;\\#,]+)")
_HASH = re.compile(r"--hash[= ](sha256|sha384|sha512):([0-9a-f]{64,128})\b")
MOST_BYTES = 32 << 20


class Package(msgspec.Struct, frozen=True, order=True):
    """A package.

    Attributes:
        name: normalized (PEP 503).
        version: exact.
        hashes: (algorithm, hexadecimal) of the files that may be installed.
        license: what its metadata declare, as they say it, or "".
        needs: names of packages that it needs, where that is known.
    """

    name: str
    version: str
    hashes: tuple[tuple[str, str], ...] = ()
    license: str = ""
    needs: tuple[str, ...] = ()

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def normalized(name: str) -> str:
    """A project's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(name: str, data: bytes) -> tuple[Package, ...]:
    """The packages of a lock file, sorted.

    Raises:
        UsageError: it is of an unknown kind, or a line of it pins nothing.
    """
    if len(data) > MOST_BYTES:
        raise UsageError(f"{name} is larger than {MOST_BYTES} bytes")
    try:
        text = data.decode("utf-8")
        found = _pylock(tomllib.loads(text)) if name.endswith(".toml") else _requirements(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{name} is not a lock file that can be read",
            cause=str(error)[:200],
            next_step="give requirements with name==version on each line, or pylock.toml",
        ) from None
    return tuple(sorted({(each.name, each.version): each for each in found}.values()))


def _requirements(text: str) -> list[Package]:
    found = []
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()  # noqa: PLW2901 - the line without its comment
        if not line or line.startswith("-"):
            continue
        match = _PIN.match(line)
        if match is None:
            raise ValueError(f"this line pins no version: {line[:80]!r}")
        found.append(Package(normalized(match[1]), match[2], tuple(sorted(set(_HASH.findall(line))))))
    return found


def _pylock(lock: dict[str, Any]) -> list[Package]:
    if "lock-version" not in lock:
        raise ValueError("it has no lock-version")
    found = []
    for each in lock["packages"]:
        files = [*each.get("wheels", []), *([each["sdist"]] if "sdist" in each else [])]
        hashes = {(kind, str(value)) for file in files for kind, value in file.get("hashes", {}).items()}
        if "version" in each:
            needs = tuple(sorted(normalized(need["name"]) for need in each.get("dependencies", [])))
            found.append(Package(normalized(each["name"]), each["version"], tuple(sorted(hashes)), "", needs))
    return found


def read_environment(folder: Path) -> tuple[Package, ...]:
    """The packages installed in a site-packages folder, sorted.

    Raises:
        UsageError: there is no such folder, or nothing is installed in it.
    """
    found = []
    for path in sorted(folder.glob("*.dist-info/METADATA")):
        try:
            if path.stat().st_size > MOST_BYTES:
                raise UsageError(f"{path.parent.name} has metadata of more than {MOST_BYTES} bytes")
            headers = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            raise UsageError(f"{path.parent.name} cannot be read", cause=error.strerror or str(error)) from None
        name, version = headers.get("Name"), headers.get("Version")
        if name and version:
            needs = {normalized(match[0]) for match in map(_needed, headers.get_all("Requires-Dist", [])) if match}
            license = " ".join((headers.get("License-Expression") or headers.get("License") or "").split())
            found.append(Package(normalized(name), version.strip(), (), license[:200], tuple(sorted(needs))))
    if not found:
        raise UsageError(
            f"nothing is installed in {folder.name}",
            next_step="give the site-packages folder of the environment that runs the model",
        )
    return tuple(sorted(found))


def _needed(requirement: str) -> re.Match[str] | None:
    """The name of a requirement that holds without extras."""
    if re.search(r";.*\bextra\s*==", requirement):
        return None
    return re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
