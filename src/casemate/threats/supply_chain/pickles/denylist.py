"""Known bad names: data in ``deny/*.toml``, for severity only. A name in no list is never clean either.

A table is a reason with its advisory, under it modules with names; ``["*"]`` is every name of a module and of the
modules below it, where nothing in it belongs into a file::

    [[bad]]
    reason = "runs a command"
    advisory = "CWE-78"
    names = { "pty" = ["*"], "os" = ["system", "popen"] }
"""

from __future__ import annotations

import functools
import sys
import tomllib
from collections.abc import Mapping
from importlib import resources

import msgspec


class Bad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names that are bad for one reason.

    Attributes:
        reason: what such a name does, as in "imports os:system, which ...".
        advisory: where that is known from.
        names: by module; "*" is all of them.
    """

    reason: str
    advisory: str
    names: Mapping[str, tuple[str, ...]]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    bad: tuple[Bad, ...]


@functools.cache
def deny_rules() -> tuple[Bad, ...]:
    """Every entry of the deny lists."""
    folder = resources.files("casemate.threats.supply_chain.pickles") / "deny"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return tuple(
        bad for file in files for bad in msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), _File).bad
    )


@functools.cache
def _by_name() -> tuple[Mapping[tuple[str, str], str], Mapping[str, str]]:
    """Reasons by module and name, and by module."""
    exact: dict[tuple[str, str], str] = {}
    whole: dict[str, str] = {}
    for bad in deny_rules():
        for module, names in bad.names.items():
            for name in names:
                if name == "*":
                    whole[module] = bad.reason
                else:
                    exact[module, name] = bad.reason
    return exact, whole


@functools.lru_cache(maxsize=256)
def denied(module: str, name: str) -> str:
    """Why this name is known to be bad, or "". Below an imported name, what is reached through it counts too.

    Example:
        >>> denied("os", "system")
        'runs commands or touches files'
        >>> denied("collections", "OrderedDict")
        ''
    """
    exact, whole = _by_name()
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        reason = whole.get(".".join(parts[:length]))
        if reason:
            return reason
    first = name.partition(".")[0]
    return exact.get((module, name)) or exact.get((module, first)) or ""


@functools.lru_cache(maxsize=256)
def is_standard(module: str) -> bool:
    """Whether this is a module of Python's standard library: of the Python that scans, of Python 2, or a later one."""
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or top in _OTHERS


_OTHERS = frozenset(
    """
    __builtin__ commands popen2 imp exceptions cPickle copy_reg urllib2 distutils asyncore smtpd asynchat
    _pyrepl _interpreters _interpchannels _interpqueues _colorize _android_support _apple_support _ios_support
    annotationlib compression _opcode_metadata _sysconfig _suggestions _remote_debugging _missing_stdlib_info
    """.split()  # noqa: SIM905 - a table of words
)
