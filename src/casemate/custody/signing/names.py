"""Which file names a manifest may hold: those that mean the same file on every system.

Refused: absolute names, ``..``, backslashes and drives, control and invisible characters, and twins: two names that a
file system may take for one (``Model.bin`` and ``model.bin``, or the two spellings of ``é``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from casemate.core.errors import TamperedError
from casemate.threats.supply_chain.view import printable

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_DRIVE = re.compile("[A-Za-z]:")
MOST_NAME = 4096
MOST_DEPTH = 64
SINGLE = "."
"""The name that model-signing gives to a model that is one file."""


def check_file_names(names: Iterable[str]) -> None:
    """Check all names of one manifest or folder.

    Raises:
        TamperedError: one of them is refused; it is named, and why.
    """
    spelled: dict[str, str] = {}
    files: set[str] = set()
    every = list(names)
    if every == [SINGLE]:
        return
    for name in every:
        if problem := _problem(name):
            raise TamperedError(f"the file name {printable(name)!r} is refused", cause=problem)
        if name in files:
            raise TamperedError(f"the file name {name!r} stands twice")
        files.add(name)
    for name in every:
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if depth < len(parts) and path in files:
                raise TamperedError(f"{path!r} is a file and a folder")
            other = spelled.setdefault(_folded(path), path)
            if other != path:
                raise TamperedError(
                    f"the names {other!r} and {path!r} are twins",
                    cause="some file systems take them for one, so what is loaded there is not what was signed",
                )


def _problem(name: str) -> str:
    if not name or len(name) > MOST_NAME or name.count("/") > MOST_DEPTH:
        return "it is empty, too long or too deep"
    if any(unicodedata.category(character) in _HIDDEN for character in name):
        return "it has control or invisible characters"
    if name.startswith("/") or "\\" in name or _DRIVE.match(name):
        return "it is absolute, or is so on another system"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "it leaves its folder, or can be spelled in another way"
    return ""


def _folded(path: str) -> str:
    """What case-insensitive, normalizing file systems compare."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
