"""requirements.txt and constraints, as pip reads them: continued lines, options, hashes, URLs; includes are told.

Source: pip's documentation, "Requirements File Format"; names and versions per PEP 508.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from casemate.threats.supply_chain.dependencies.model import (
    PYPI,
    Dependency,
    Origin,
    Read,
    normalized,
    without_credentials,
)

_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?)\s*(?:\[[^\]]{0,500}\])?\s*(.*)", re.DOTALL)
_PIN = re.compile(r"===?\s*([A-Za-z0-9.!+_-]{1,100})\s*")
_OPTION = re.compile(r"(--?[a-z][a-z-]{0,40}|-[reci f])[=\s]*(.*)")
_HASH = re.compile(r"--hash[=\s]\s*[a-z0-9]{1,20}:[0-9A-Fa-f]{32,200}")
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+", re.IGNORECASE)
_URL = re.compile(r"(?:https?|ftp|file)://", re.IGNORECASE)
_COMMENT = re.compile(r"(?:^|\s)#.*$")


def requirements(text: str, file: str, read: Read) -> list[str]:
    """Read one file.

    Args:
        text: its content.
        file: what to call it.
        read: where dependencies and findings go.

    Returns:
        The files that it includes, as it writes them.
    """
    includes: list[str] = []
    strange: list[int] = []
    lines = list(_lines(text))
    for line, content in lines:
        option = _OPTION.match(content) if content.startswith("-") else None
        if option is None:
            dependency = requirement(content, file, line) if 2 * len(strange) <= len(lines) else None
            if dependency is None:
                strange.append(line)
            else:
                read.dependencies.append(dependency)
            continue
        name, value = option[1], option[2].strip()
        if name in {"-r", "--requirement", "-c", "--constraint"}:
            includes.append(value.strip("\"'"))
        elif name in {"-e", "--editable"}:
            dependency = requirement(value, file, line)
            if dependency is not None:
                read.dependencies.append(dependency)
        else:
            _option(name, value, file, line, read)
    if 2 * len(strange) > len(lines):
        return []  # a text of another kind with such a name; pip would stop at its first line
    if strange:
        read.fact("dependency.unreadable", f"{len(strange)} lines are no requirements", file, strange[0])
    return includes


def requirement(text: str, file: str, line: int = 0) -> Dependency | None:
    """One requirement (PEP 508), or None for what is none.

    Example:
        >>> requirement("Flask[async]==3.0.1 ; python_version > '3.8' --hash=sha256:" + 64 * "0", "r").version
        '3.0.1'
    """
    hashes = len(_HASH.findall(text))
    bare = re.split(r"\s--[a-z]", text, maxsplit=1)[0].partition(";")[0].strip() if "://" not in text else text.strip()
    if _VCS.match(bare) or _URL.match(bare) or bare.startswith((".", "/")):
        return _direct(_egg(bare), bare, file, line, hashes)
    match = _NAME.fullmatch(bare)
    if match is None or match[2][:1] not in {"", "=", "<", ">", "!", "~", "@", "(", ";"}:
        return None
    rest = match[2].strip()
    if rest.startswith("@"):
        return _direct(match[1], rest[1:].strip(), file, line, hashes)
    pin = _PIN.fullmatch(rest.strip("()"))
    return Dependency(
        normalized(match[1]),
        pin[1] if pin else None,
        PYPI,
        file,
        line,
        hashes=hashes,
        asked=bare.partition(";")[0][:200],
    )


def transport(url: str, file: str, line: int, read: Read) -> None:
    """Whether a URL is fetched without TLS."""
    if (
        url.lower().startswith(("http://", "ftp://", "git://", "git+http://"))
        and "://localhost" not in url
        and "://127." not in url
    ):
        read.fact("dependency.plain-transport", f"is fetched without TLS from {without_credentials(url)}", file, line)


def _option(name: str, value: str, file: str, line: int, read: Read) -> None:
    if name == "--extra-index-url":
        asked = without_credentials(value)
        message = f"{asked} is asked beside the main index: whichever has the higher version of a name wins"
        read.fact("dependency.extra-index", message, file, line)
    if name in {"--index-url", "-i", "--extra-index-url", "--find-links", "-f"}:
        transport(value, file, line, read)
    if name == "--trusted-host":
        read.fact("dependency.plain-transport", f"the certificate of {value[:100]} is not checked", file, line)


def _direct(name: str, url: str, file: str, line: int, hashes: int) -> Dependency:
    vcs, remote = _VCS.match(url), _URL.match(url)
    origin = Origin.VCS if vcs else Origin.URL if remote and not url.lower().startswith("file:") else Origin.PATH
    pinned = hashes or bool(re.search(r"#.*\b(?:sha256|sha384|sha512)=|@[0-9a-f]{40}\b", url))
    return Dependency(normalized(name), None, PYPI, file, line, origin, int(pinned), without_credentials(url)[:200])


def _egg(url: str) -> str:
    named = re.search(r"#.*\begg=([A-Za-z0-9._-]{1,100})", url)
    if named:
        return named[1]
    last = without_credentials(url).rstrip("/").rpartition("/")[2]
    return re.split(r"-\d|@|\.git|\.zip|\.tar", last)[0] or "unnamed"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first physical one."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first or number
        stripped = _COMMENT.sub("", line)
        if stripped.endswith("\\"):
            whole += stripped[:-1] + " "
            continue
        content = (whole + stripped).strip()
        if content:
            yield first, content
        whole, first = "", 0
    if whole.strip():
        yield first, whole.strip()
