"""Code that runs when a package is installed or imported, or when Python starts: which files, and what they call.

Read by syntax, under bounds; nothing is imported or run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from casemate.threats.supply_chain.dependencies.calls import Calls, calls
from casemate.threats.supply_chain.dependencies.model import Read
from casemate.threats.supply_chain.dependencies.readers.tables import table
from casemate.threats.supply_chain.dependencies.readers.trees import tree
from casemate.threats.supply_chain.tree import Entry, read

MOST = 4 << 20
_LIFECYCLE = ("preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish")
_SHELL = re.compile(
    r"\bcurl\b|\bwget\b|\bnc\b|/dev/tcp|\bbase64\b|\beval\b|powershell|Invoke-|node\s+-e|python3?\s+-c|\|\s*(?:ba)?sh\b|https?://|\$\(|`"
    r"|chmod\s|\.ssh|\.npmrc|\benv\b\s*\|",
    re.IGNORECASE,
)
_QUIET_SCRIPT = re.compile(
    r"(?:node-gyp(?:-build)? ?\w*|husky(?: install)?|patch-package|tsc(?: -\w+)*|npm run [\w:-]+"
    r"|opencollective(?:-postinstall)?(?: \|\| true)?)"
)
_STARTUP = frozenset({"sitecustomize.py", "usercustomize.py"})
_KNOWN_PTH = (
    re.compile(
        r"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; "
        r"enabled = os\.environ\.get\(var, '(?:local|stdlib)'\) == 'local'; "
        r"enabled and __import__\('_distutils_hack'\)(?:\.add_shim\(\))?;? ?"
    ),
    re.compile(r"import _virtualenv"),
    re.compile(r"import (__editable___\w{1,200}_finder); \1\.install\(\)"),
    re.compile(r"import _hypothesis_ftz_detector"),
)


def hooks(entries: Iterable[Entry], found: Read) -> None:
    """Look at every file of a tree that runs by itself, and report what it calls."""
    for entry in entries:
        last = entry.name.rpartition("/")[2]
        if last.endswith(".pth"):
            _text(entry, found, _pth)
        elif last in _STARTUP:
            found.fact("install.startup", "runs whenever Python starts", entry.name)
            _python(entry, found, "startup")
        elif last == "setup.py":
            _python(entry, found, "setup")
        elif last == "__init__.py":
            _python(entry, found, "import")
        elif last == "package.json" and "node_modules/" not in entry.name:
            _text(entry, found, _scripts)
        elif last == "pyproject.toml":
            _text(entry, found, _backend)
        elif (
            last in {"post-link.sh", "pre-link.sh", "post-link.bat", "activate.sh"}
            and "/etc/conda/" in f"/{entry.name}"
        ) or last in {"post-link.sh", "pre-link.sh"}:
            _text(entry, found, _shell)


def _text(entry: Entry, found: Read, judge: Callable[[bytes, str, Read], None]) -> None:
    try:
        data = read(entry, MOST + 1)
    except OSError as error:
        found.fact("install.unreadable", f"cannot be read: {type(error).__name__}", entry.name)
        return
    if len(data) > MOST:
        found.fact("install.unreadable", f"has more than {MOST >> 20} MiB", entry.name)
        return
    judge(data, entry.name, found)


def _pth(data: bytes, name: str, found: Read) -> None:
    """Lines of a .pth file that begin with "import" are run when Python starts (``site``); all others are paths."""
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not line.startswith(("import ", "import\t")):
            continue
        if any(known.fullmatch(line.strip()) for known in _KNOWN_PTH):
            found.fact("install.pth-known", "runs a line that a known tool writes", name, number)
            continue
        found.fact("install.pth", "runs code whenever Python starts", name, number)
        _report(calls(line.encode()), name, found, "startup")


def _python(entry: Entry, found: Read, when: str) -> None:
    _text(entry, found, lambda data, name, to: _report(calls(data, imported=when == "import"), name, to, when))


def _report(seen: Calls, name: str, found: Read, when: str) -> None:
    """What of the calls matters depends on when the code runs: a setup.py may start a compiler, an import may not."""
    if seen.unreadable:
        kind = "install.unparsed" if when == "import" else "install.unreadable"
        found.fact(kind, f"is no Python that can be read: {seen.unreadable}", name)
    for line, what in seen.decoded:
        found.fact("install.decoded", f"runs what it decodes ({what}) {_WHEN[when]}", name, line)
    for line, what in seen.fetched:
        found.fact("install.fetched", f"runs what it fetches ({what}) {_WHEN[when]}", name, line)
    if seen.harvest:
        line, what = seen.harvest
        found.fact(
            "install.harvest",
            f"reads the environment or credentials and talks to the network ({what}) {_WHEN[when]}",
            name,
            line,
        )
    if seen.obfuscated:
        line, what = seen.obfuscated
        found.fact("install.obfuscated", f"hides what it does: {what}", name, line)
    for line, what in seen.computed[:3]:
        found.fact(
            "install.computed" if when != "import" else "install.computed-import",
            f"runs computed code ({what}) {_WHEN[when]}",
            name,
            line,
        )
    for line, what in seen.writes[:3]:
        found.fact("install.writes", f"writes to a place that runs by itself ({what}) {_WHEN[when]}", name, line)
    if seen.network:
        line, what = seen.network
        found.fact("install.network", f"talks to the network ({what}) {_WHEN[when]}", name, line)
    if seen.process:
        line, what = seen.process
        kind = {"setup": "install.process-setup", "startup": "install.process", "import": "install.process"}[when]
        found.fact(kind, f"starts a process ({what}) {_WHEN[when]}", name, line)


_WHEN = {"setup": "when the package is built", "startup": "whenever Python starts", "import": "when it is imported"}


def _scripts(data: bytes, name: str, found: Read) -> None:
    try:
        scripts = tree(data).get("scripts")
    except ValueError:
        return  # the reader of dependencies says so
    for script in _LIFECYCLE:
        command = scripts.get(script) if isinstance(scripts, dict) else None
        if not isinstance(command, str) or not command.strip():
            continue
        if _SHELL.search(command):
            found.fact(
                "install.script-shell",
                f"{script} fetches, decodes or evaluates something",
                name,
                logical=f"{name}:{script}",
            )
        elif not _QUIET_SCRIPT.fullmatch(command.strip()):
            found.fact(
                "install.script",
                f"{script} runs a command when the package is installed",
                name,
                logical=f"{name}:{script}",
            )


def _backend(data: bytes, name: str, found: Read) -> None:
    try:
        build = table(data.decode("utf-8")).get("build-system")
    except ValueError:
        return
    if isinstance(build, dict) and build.get("backend-path"):
        found.fact("install.backend", "is built by a backend of its own, which runs when the package is built", name)


def _shell(data: bytes, name: str, found: Read) -> None:
    kind = "install.script-shell" if _SHELL.search(data.decode("utf-8", "replace")) else "install.script"
    found.fact(kind, "runs when the package is installed or activated", name)
