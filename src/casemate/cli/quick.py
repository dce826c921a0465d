"""The plain forms of ``casemate scan``, read without Cyclopts: loading it takes longer than scanning a model.

Whatever is not plain (an unknown option, a missing value, a call for help) is left to Cyclopts, which says what is
wrong. A test holds that both read the same.
"""

from __future__ import annotations

from typing import Any, Final

_VALUES: Final = {"--format": "format", "--workers": "workers", "--allow": "allow"}
_SWITCHES: Final = {"--no-hash": ("hash", False), "--diff": ("diff", True)}
FORMATS: Final = ("text", "json", "sarif", "junit", "markdown")


def plain_scan(words: list[str]) -> tuple[list[str], dict[str, Any]] | None:
    """Paths and options of ``casemate scan WORDS``, or None if they are not plain."""
    paths: list[str] = []
    options: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            paths.append(word)
            continue
        name, equals, value = word.partition("=")
        if name in _SWITCHES and not equals:
            key, setting = _SWITCHES[name]
            options[key] = setting
            continue
        if name not in _VALUES:
            return None
        value = value if equals else next(rest, "")
        if not value or value.startswith("-"):
            return None
        if name == "--allow":
            options.setdefault("allow", []).append(value)
        elif name == "--workers" and value.isascii() and value.isdigit():
            options["workers"] = int(value)
        elif name == "--format" and value in FORMATS:
            options["format"] = value
        else:
            return None
    return (paths, options) if paths else None
