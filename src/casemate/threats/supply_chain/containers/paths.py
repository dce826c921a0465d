"""Names of members: where they would be unpacked to, and whether two of them are one."""

from __future__ import annotations

import posixpath
import unicodedata
from typing import Final

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.view import printable

_HIDING: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that change how a name is shown without being shown: controls, direction marks, line ends."""

MOST_NAME: Final = 4096


def leads_out(name: str) -> bool:
    r"""Whether a path is absolute, has a drive letter, or climbs with "..", for a POSIX or a Windows reader.

    Example:
        >>> [leads_out(name) for name in ("a/../b", "/etc/passwd", "C:\\x", "a/b..c")]
        [True, True, True, False]
    """
    plain = name.replace("\\", "/")
    return plain.startswith("/") or plain[1:2] == ":" or ".." in plain.split("/")


def link_leads_out(name: str, target: str) -> bool:
    """Whether a symbolic link called ``name`` points out of the archive."""
    plain = target.replace("\\", "/")
    if plain.startswith("/") or plain[1:2] == ":":
        return True
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), plain)).startswith("..")


class Members:
    """The names in one archive, each checked against those before it.

    Args:
        report: of the archive.
        twice: the fact that a name seen twice yields.
    """

    def __init__(self, report: Report, twice: str) -> None:
        self._report = report
        self._twice = twice
        self._names: set[str] = set()
        self._folded: dict[str, str] = {}
        self._links: set[str] = set()

    def see(self, name: str, at: int, *, folder: bool = False) -> None:
        """Check a name; ``folder`` for entries that hold nothing and may come more than once."""
        plain = name
        if not (name.isascii() and name.isprintable()) or "\\" in name or not name or len(name) > MOST_NAME:
            plain = self._odd(name, at)
        if (".." in plain or plain.startswith("/") or plain[1:2] == ":") and leads_out(plain):
            self._report.fact("archive.escape", f"a member would be unpacked to {printable(name)}", at, name)
        if "./" in plain or "//" in plain:
            plain = posixpath.normpath(plain)
        if self._links and self._below_link(plain):
            self._report.fact("archive.escape", f"{printable(name)} would be written through a link", at, name)
        if folder:
            return
        folded = plain.lower()
        if plain in self._names:
            self._report.fact(self._twice, f"two members are called {printable(name)}", at, name)
        elif folded in self._folded:
            other = printable(self._folded[folded])
            self._report.fact("archive.case", f"{printable(name)} and {other} differ only in case", at, name)
        self._names.add(plain)
        self._folded.setdefault(folded, name)

    def link(self, name: str, target: str, at: int) -> None:
        """A symbolic link; what is written below it afterwards is written elsewhere."""
        if link_leads_out(name, target):
            self._report.fact("archive.escape", f"the link {printable(name)} points to {printable(target)}", at, name)
        self._links.add(posixpath.normpath(name.replace("\\", "/")))

    def hard_link(self, name: str, target: str, at: int) -> None:
        """A hard link, whose target is the name of a member before it."""
        if posixpath.normpath(target) not in self._names and target not in self._names:
            message = f"the hard link {printable(name)} points to {printable(target)}, which is no member before it"
            self._report.fact("archive.escape", message, at, name)

    def _below_link(self, path: str) -> bool:
        at = path.find("/")
        while at >= 0:
            if path[:at] in self._links:
                return True
            at = path.find("/", at + 1)
        return False

    def _odd(self, name: str, at: int) -> str:
        if not name or len(name) > MOST_NAME:
            self._report.fact("archive.name", f"a member's name has {len(name)} characters", at)
        elif "\\" in name or any(unicodedata.category(each) in _HIDING for each in name):
            message = f"a name holds control characters or backslashes: {printable(name)}"
            self._report.fact("archive.name", message, at, name)
        return name.replace("\\", "/")
