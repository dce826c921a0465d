"""How to scan, as data: the ``[scan]`` section of a configuration and the variables ``CASEMATE_*``.

A configuration is obeyed only where somebody names it. One that happens to lie in the scanned folder came with what is
scanned, and would say that everything in it is allowed.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from casemate.core.errors import UsageError

Format = Literal["text", "json", "sarif", "junit", "markdown"]

_SWITCHES: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
_PATHS: Final = ("ignore", "osv")


class ScanSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[scan]``: how ``casemate scan --config`` scans.

    Attributes:
        format: what goes to stdout: "text", "json", "sarif", "junit" or "markdown".
        workers: processes; 0 for as many as there are processors.
        allow: classes of the user's own that pickles may hold, as "package.module:Class".
        hash: whether to compute SHA-256.
        ignore: the list of accepted findings, or "".
        dependencies: whether to examine what each path depends on.
        secrets: whether to look for credentials.
        osv: the OSV database, or "".
    """

    format: Format = "text"
    workers: int = 0
    allow: tuple[str, ...] = ()
    hash: bool = True
    ignore: str = ""
    dependencies: bool = False
    secrets: bool = False
    osv: str = ""


def read_options(
    config: Path | None, given: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> ScanSection:
    """What is asked for: options win over ``CASEMATE_*`` variables, and those over the file.

    Args:
        config: a ``casemate.toml``; of its sections only ``[scan]`` is read, and its paths start at the file.
        given: options by name; None where an option was not given.
        environment: the variables, which may name the file too (``CASEMATE_CONFIG``).

    Raises:
        UsageError: the file cannot be read, or a key or a value is unknown; the nearest key is named.

    Example:
        >>> read_options(None, {"workers": 2, "format": None}, {"CASEMATE_FORMAT": "json"}).format
        'json'
    """
    named = environment.get("CASEMATE_CONFIG", "")
    file = config if config is not None else Path(named) if named else None
    found = {} if file is None else _section(file)
    found.update(_variables(environment))
    found.update({name: value for name, value in given.items() if value is not None})
    try:
        section = msgspec.convert(found, ScanSection)
    except msgspec.ValidationError as error:
        raise UsageError(
            "the options of the scan cannot be used",
            cause=_explained(str(error)),
            next_step=f"mend [scan] in {file.name}, or the variable" if file else "mend the option or the variable",
        ) from error
    if section.workers < 0:
        raise UsageError("workers cannot be negative", next_step="give a number of processes, or 0 for all processors")
    return section


def _section(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("scan", {})
    except (OSError, ValueError) as error:
        raise UsageError(f"{file.name} cannot be read", cause=str(error)[:300], next_step="mend the file") from error
    if not isinstance(found, dict):
        raise UsageError(f"{file.name}: scan is no section", next_step="write it as [scan]")
    for name in _PATHS:
        if isinstance(found.get(name), str) and found[name]:
            found[name] = str(file.parent / found[name])
    return found


def _variables(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(ScanSection):
        variable = f"CASEMATE_{field.name.upper()}"
        text = environment.get(variable)
        if text is not None:
            found[field.name] = _value(variable, text, field.default)
    return found


def _value(variable: str, text: str, default: object) -> object:
    if isinstance(default, bool):
        if text.lower() in _SWITCHES:
            return _SWITCHES[text.lower()]
        raise UsageError(f"{variable} is {text[:40]!r}", cause="it is neither yes nor no", next_step="mend or unset it")
    if isinstance(default, int):
        if re.fullmatch(r"\d{1,6}", text, re.ASCII):
            return int(text)
        raise UsageError(f"{variable} is {text[:40]!r}", cause="it is no whole number", next_step="mend or unset it")
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _explained(message: str) -> str:
    unknown = re.search(r"unknown field `([^`]+)`", message)
    near = difflib.get_close_matches(unknown[1], ScanSection.__struct_fields__, n=1) if unknown else []
    return f"{message}; did you mean {near[0]!r}?" if near else message
