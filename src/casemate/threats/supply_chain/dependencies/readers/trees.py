"""Files in JSON: Pipfile.lock, package.json, package-lock.json (versions 1 to 3)."""

from __future__ import annotations

from typing import Any

import msgspec

from casemate.threats.supply_chain.dependencies.model import (
    NPM,
    PYPI,
    Dependency,
    Origin,
    Read,
    normalized,
    without_credentials,
)
from casemate.threats.supply_chain.dependencies.readers.requirements import transport


def tree(data: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: it is none.
    """
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("it is no JSON") from error
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def pipfile_lock(data: bytes, file: str, read: Read) -> None:
    """Pipfile.lock."""
    whole = tree(data)
    for section in ("default", "develop"):
        for name, about in _dict(whole.get(section)).items():
            each = _dict(about)
            version = str(each.get("version", "")).removeprefix("==") or None
            hashes = len(each["hashes"]) if isinstance(each.get("hashes"), list) else 0
            origin = (
                Origin.VCS
                if "git" in each
                else Origin.URL
                if "file" in each
                else Origin.PATH
                if "path" in each
                else Origin.REGISTRY
            )
            asked = without_credentials(str(each.get("git") or each.get("file") or f"{name}=={version}"))[:200]
            read.dependencies.append(Dependency(normalized(name), version, PYPI, file, 0, origin, hashes, asked))


def package_json(data: bytes, file: str, read: Read) -> None:
    """What a package of npm declares."""
    whole = tree(data)
    for section in ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies"):
        for name, asked in _dict(whole.get(section)).items():
            read.dependencies.append(_npm(name, str(asked), file))


def package_lock(data: bytes, file: str, read: Read) -> None:
    """package-lock.json and npm-shrinkwrap.json. Walks version 1's nesting with a list, so depth costs nothing."""
    whole = tree(data)
    packages = _dict(whole.get("packages"))
    for path, about in packages.items():
        each = _dict(about)
        if path and not each.get("link"):
            _locked(str(each.get("name") or path.rpartition("node_modules/")[2]), each, file, read)
    waiting = [] if packages else [_dict(whole.get("dependencies"))]
    while waiting:
        for name, about in waiting.pop().items():
            each = _dict(about)
            _locked(name, each, file, read)
            waiting.append(_dict(each.get("dependencies")))


def _locked(name: str, each: dict[str, Any], file: str, read: Read) -> None:
    resolved, version = str(each.get("resolved", "")), each.get("version")
    dependency = _npm(name, resolved if _origin(resolved) is Origin.VCS else str(version or ""), file)
    transport(resolved, file, 0, read)
    read.dependencies.append(
        Dependency(
            dependency.name,
            str(version) if version else None,
            NPM,
            file,
            0,
            dependency.origin,
            int("integrity" in each),
            dependency.asked,
        )
    )


def _npm(name: str, asked: str, file: str) -> Dependency:
    if asked.startswith("npm:"):  # an alias: the name that is installed stands behind it
        name, _, asked = asked[4:].rpartition("@")
    origin = _origin(asked)
    exact = asked if asked[:1].isdigit() and not set(asked) & set(" |<>*xX") and asked.count(".") >= 2 else None
    shown = without_credentials(asked)[:200] if origin is not Origin.REGISTRY else f"{name}@{asked}"[:200]
    return Dependency(
        normalized(name, NPM), exact if origin is Origin.REGISTRY else None, NPM, file, 0, origin, 0, shown
    )


def _origin(asked: str) -> Origin:
    lowered = asked.lower()
    if lowered.startswith(("git", "github:", "bitbucket:", "gitlab:", "ssh:")):
        return Origin.VCS
    if lowered.startswith(("file:", "link:", "workspace:", "./", "../")):
        return Origin.PATH
    return Origin.URL if "://" in lowered else Origin.REGISTRY


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
