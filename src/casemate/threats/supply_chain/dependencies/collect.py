"""Which files of a tree name dependencies, and which reader reads each."""

from __future__ import annotations

import functools
import os
import posixpath
import re
from collections.abc import Callable, Iterable

from casemate.threats.supply_chain.dependencies.model import Read
from casemate.threats.supply_chain.dependencies.readers.conda import environment
from casemate.threats.supply_chain.dependencies.readers.requirements import requirements
from casemate.threats.supply_chain.dependencies.readers.setup import setup_cfg, setup_py
from casemate.threats.supply_chain.dependencies.readers.tables import lock, pipfile, pyproject
from casemate.threats.supply_chain.dependencies.readers.trees import package_json, package_lock, pipfile_lock
from casemate.threats.supply_chain.tree import Entry, read

MOST = 64 << 20
_REQUIREMENTS = re.compile(
    r"(?:.*[-_.])?(?:requirements|constraints)(?:[-_.].*)?\.(?:txt|in|pip)|(?:requirements|constraints)/[\w.-]+\.txt"
)
_TEXTS: dict[str, tuple[str, Callable[[str, str, Read], None]]] = {
    "pyproject.toml": ("pyproject", pyproject),
    "Pipfile": ("Pipfile", pipfile),
    "setup.cfg": ("setup.cfg", setup_cfg),
    "poetry.lock": ("poetry.lock", lock),
    "uv.lock": ("uv.lock", lock),
    "pdm.lock": ("pdm.lock", lock),
    "environment.yml": ("conda environment", environment),
    "environment.yaml": ("conda environment", environment),
    "conda.yaml": ("conda environment", environment),
    "conda.yml": ("conda environment", environment),
}
_BYTES: dict[str, tuple[str, Callable[[bytes, str, Read], None]]] = {
    "Pipfile.lock": ("Pipfile.lock", pipfile_lock),
    "setup.py": ("setup.py", setup_py),
    "package.json": ("package.json", package_json),
    "package-lock.json": ("package-lock.json", package_lock),
    "npm-shrinkwrap.json": ("package-lock.json", package_lock),
}


def collect(entries: Iterable[Entry]) -> Read:
    """Read every file of a tree that names dependencies. A file that is not understood is a finding."""
    known = {entry.name: entry for entry in entries}
    found = Read()
    included: set[str] = set()
    for name, entry in known.items():
        last = name.rpartition("/")[2]
        if last == "package.json" and "node_modules/" in name:
            continue  # installed packages are in the lock file
        if _REQUIREMENTS.fullmatch(last) or _REQUIREMENTS.fullmatch("/".join(name.split("/")[-2:])):
            _requirements(name, known, found, included)
        elif last in _TEXTS or re.fullmatch(r"pylock\.(?:[^.]+\.)?toml", last):
            kind, reader = _TEXTS.get(last, ("pylock.toml", lock))
            _read(entry, kind, functools.partial(_as_text, reader, name, found), found)
        elif last in _BYTES:
            kind, raw = _BYTES[last]
            _read(entry, kind, functools.partial(_as_bytes, raw, name, found), found)
    return found


def _requirements(name: str, known: dict[str, Entry], found: Read, done: set[str]) -> None:
    """One file and what it includes, each once; includes never leave the tree."""
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each in done:
            continue
        done.add(each)
        includes: list[str] = []
        _read(known[each], "requirements", functools.partial(_includes, each, includes, found), found)
        for include in includes:
            if "://" in include:
                found.fact("dependency.include", "includes requirements from a URL, which can change", each)
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(each), include))
            if target in known:
                waiting.append(target)
            else:
                found.fact("dependency.include", f"includes {include[:100]}, which is not in this tree", each)


def _as_text(reader: Callable[[str, str, Read], None], name: str, found: Read, data: bytes) -> None:
    reader(data.decode("utf-8"), name, found)


def _as_bytes(reader: Callable[[bytes, str, Read], None], name: str, found: Read, data: bytes) -> None:
    reader(data, name, found)


def _includes(name: str, includes: list[str], found: Read, data: bytes) -> None:
    includes += requirements(_decoded(data), name, found)


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def _read(entry: Entry, kind: str, reader: Callable[[bytes], None], found: Read) -> None:
    try:
        if entry.size > MOST:
            raise ValueError(f"it has more than {MOST >> 20} MiB")
        reader(read(entry, MOST))
        found.files[entry.name] = kind
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)[:200]
        found.unreadable[entry.name] = reason
        found.fact("dependency.unreadable", f"is no {kind} that can be read: {reason}", entry.name)
