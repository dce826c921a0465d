"""An installed environment: what its ``.dist-info`` folders say is there, and whether the files are what RECORD says.

Source: PyPA specifications "Recording installed projects" (RECORD: path, hash, size) and "Direct URL".
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from casemate.threats.supply_chain.dependencies.model import PYPI, Dependency, Origin, Read, normalized
from casemate.threats.supply_chain.dependencies.readers.trees import tree
from casemate.threats.supply_chain.tree import Entry, read
from casemate.threats.supply_chain.tree import digest as digest_of

MOST_RECORD = 32 << 20
_OWN = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws", "RECORD.p7s")
TOLD = 20


def distributions(entries: Mapping[str, Entry], found: Read) -> list[str]:
    """The ``.dist-info`` folders among these files, each read into a dependency."""
    folders = sorted({name.rpartition("/")[0] for name in entries if name.endswith(".dist-info/METADATA")})
    for folder in folders:
        try:
            text = read(entries[f"{folder}/METADATA"], 1 << 20).decode("utf-8", "replace")
        except OSError as error:
            found.unreadable[f"{folder}/METADATA"] = type(error).__name__
            continue
        head = dict(line.split(": ", 1) for line in text.split("\n\n", 1)[0].splitlines() if ": " in line)
        name, version = head.get("Name", ""), head.get("Version", "").strip() or None
        origin = _origin(entries.get(f"{folder}/direct_url.json"))
        found.files[f"{folder}/METADATA"] = "dist-info"
        found.dependencies.append(
            Dependency(normalized(name), version, PYPI, f"{folder}/METADATA", 0, origin, 1, f"{name}=={version}")
        )
    return folders


def check_records(root: Path, entries: Mapping[str, Entry], folders: Iterable[str], found: Read) -> None:
    """Compare each RECORD with the files: changed, missing, and files beside them that no RECORD lists.

    Compiled caches (``.pyc``) are not listed by all installers, so they never count as extra; listed ones are compared.
    """
    known: set[str] = set()
    tops: set[str] = set()
    for folder in folders:
        rows = _rows(entries.get(f"{folder}/RECORD"))
        if rows is None:
            found.fact("dependency.record-none", "has no RECORD that can be read: its files cannot be checked", folder)
            continue
        base = PurePosixPath(folder).parent
        changed, missing = [], []
        for path, digest, size in rows:
            name = _joined(base, path)
            if name is None:
                continue  # a script outside of this tree
            known.add(name)
            tops.add(name[len(f"{base}/") if str(base) != "." else 0 :].partition("/")[0])
            entry = entries.get(name)
            if entry is None:
                if not name.endswith(".pyc"):
                    missing.append(name)
            elif digest and not _same(entry, digest, size):
                changed.append(name)
        for kind, names in (("changed", changed), ("missing", missing)):
            for name in names[:TOLD]:
                found.fact(f"dependency.record-{kind}", f"{_SAID[kind]} {folder}/RECORD", name)
            if len(names) > TOLD:
                found.fact(f"dependency.record-{kind}", f"{len(names) - TOLD} more files", folder)
    _extra(entries, folders, known, tops, found)


_SAID = {"changed": "is not what was installed, says", "missing": "is gone, but listed in"}


def _extra(entries: Mapping[str, Entry], folders: Iterable[str], known: set[str], tops: set[str], found: Read) -> None:
    bases = {str(PurePosixPath(folder).parent) for folder in folders}
    extra = []
    for name in entries:
        for base in bases:
            inner = name if base == "." else name.removeprefix(f"{base}/") if name.startswith(f"{base}/") else ""
            top = inner.partition("/")[0]
            runs = name.endswith((".py", ".so", ".pth", ".pyd", ".dll", ".dylib"))
            if inner and runs and name not in known and (top in tops or "/" not in inner) and top != "__pycache__":
                extra.append(name)
    for name in extra[:TOLD]:
        found.fact("dependency.record-extra", "can be imported, and no RECORD lists it", name)
    if len(extra) > TOLD:
        found.fact("dependency.record-extra", f"{len(extra) - TOLD} more files that no RECORD lists", "")


def _rows(entry: Entry | None) -> list[tuple[str, str, str]] | None:
    try:
        if entry is None or entry.size > MOST_RECORD:
            return None
        text = read(entry, MOST_RECORD).decode("utf-8")
        return [(row[0], row[1], row[2]) for row in csv.reader(io.StringIO(text, newline="")) if len(row) == 3]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def _joined(base: PurePosixPath, path: str) -> str | None:
    """The path in this tree, or None if it leaves it."""
    parts: list[str] = []
    for part in (base / path.replace("\\", "/")).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return None if path.startswith("/") else "/".join(parts)


def _same(entry: Entry, digest: str, size: str) -> bool:
    algorithm, _, value = digest.partition("=")
    if size.isdigit() and int(size) != entry.size:
        return False
    if algorithm not in {"sha256", "sha384", "sha512"}:
        return True
    try:
        taken = digest_of(entry, algorithm)
    except OSError:
        return False
    return base64.urlsafe_b64encode(taken).decode().rstrip("=") == value.rstrip("=")


def _origin(entry: Entry | None) -> Origin:
    if entry is None:
        return Origin.REGISTRY
    try:
        about = tree(read(entry, 1 << 16))
    except (OSError, ValueError):
        return Origin.URL
    return Origin.VCS if "vcs_info" in about else Origin.PATH if "dir_info" in about else Origin.URL
