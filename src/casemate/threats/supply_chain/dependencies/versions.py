"""Order of versions: PEP 440 for PyPI, Semantic Versioning 2.0.0 for npm. Only what comparing needs; no requirements.

``packaging`` does the former, and the tests compare with it. It is not used here because it accepts and normalizes more
than an advisory's version means, because npm needs the same interface, and because a scanner's list of dependencies is
what this room audits in others.
"""

from __future__ import annotations

import functools
import re
from typing import TypeAlias

Key: TypeAlias = tuple[object, ...]

_PEP440 = re.compile(
    r"\s*v?(?:(?P<epoch>\d{1,20})!)?(?P<release>\d{1,20}(?:\.\d{1,20}){0,30})"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_number>\d{0,20}))?"
    r"(?P<post>-(?P<post_bare>\d{1,20})|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>\d{0,20}))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d{0,20}))?"
    r"(?:\+(?P<local>[a-z0-9]{1,100}(?:[-_.][a-z0-9]{1,100}){0,20}))?\s*",
    re.IGNORECASE | re.ASCII,
)
_SEMVER = re.compile(
    r"[v=\s]*(\d{1,20})(?:\.(\d{1,20}))?(?:\.(\d{1,20}))?(?:-([0-9A-Za-z-]{1,100}(?:\.[0-9A-Za-z-]{1,100}){0,20}))?(?:\+[0-9A-Za-z.-]{0,200})?\s*",
    re.ASCII,
)
_STAGES = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}


@functools.lru_cache(maxsize=65536)
def pep440(version: str) -> Key | None:
    """A key that orders versions as PEP 440 does, or None for what is no version.

    Example:
        >>> sorted(["1.0.post1", "1.0", "1.0rc1", "1.0.dev3", "1!0.1"], key=pep440)
        ['1.0.dev3', '1.0rc1', '1.0', '1.0.post1', '1!0.1']
    """
    if len(version) > 300 or (match := _PEP440.fullmatch(version)) is None:
        return None
    release = [int(part) for part in match["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    post = int(match["post_bare"] or match["post_number"] or 0) if match["post"] else -1
    dev = int(match["dev_number"] or 0) if match["dev"] else None
    if match["pre"]:
        pre: tuple[int, int] = (_STAGES[match["pre"].lower()], int(match["pre_number"] or 0))
    else:  # a development version of a release comes before its pre-releases, a post-release behind them
        pre = (-1, 0) if dev is not None and post < 0 else (3, 0)
    local = tuple(
        (1, int(part), "") if part.isdigit() else (0, 0, part.lower())
        for part in re.split("[-_.]", match["local"] or "")
        if part
    )
    return int(match["epoch"] or 0), tuple(release), pre, post, (1, 0) if dev is None else (0, dev), local


@functools.lru_cache(maxsize=65536)
def semver(version: str) -> Key | None:
    """A key that orders versions as Semantic Versioning 2.0.0 does (section 11), or None for what is no version.

    Example:
        >>> sorted(["1.0.0", "1.0.0-rc.1", "1.0.0-alpha", "0.9"], key=semver)
        ['0.9', '1.0.0-alpha', '1.0.0-rc.1', '1.0.0']
    """
    if len(version) > 300 or (match := _SEMVER.fullmatch(version)) is None:
        return None
    numbers = tuple(int(part or 0) for part in match.groups()[:3])
    if match[4] is None:
        return *numbers, (1,)
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in match[4].split("."))
    return *numbers, (0, parts)


def key_for(ecosystem: str, version: str) -> Key | None:
    """The key in an ecosystem, or None where the version, or the ecosystem's order, is not known."""
    if ecosystem == "PyPI":
        return pep440(version)
    return semver(version) if ecosystem == "npm" else None
