"""The reviewed names: data in ``allow/*.toml``, one file a framework, exact names only, each in its roles.

A table is a module, its keys are roles:

``import``        named, for example as an attribute; must be harmless whatever it is later called with
``construct``     created empty (NEWOBJ, copyreg._reconstructor) and given a state
``call``          called (REDUCE); ``casemate.threats.supply_chain.pickles.arguments`` may narrow the arguments
``call-and-set``  called, and its result given a state
``fill``          its instances may be filled like a list or a dictionary
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import TypeAlias

from casemate.core.errors import UsageError
from casemate.threats.supply_chain.pickles.facts import Role

Name: TypeAlias = tuple[str, str]
AllowList: TypeAlias = Mapping[Name, frozenset[Role]]

_ROLES: dict[str, tuple[Role, ...]] = {
    "import": (Role.IMPORT,),
    "construct": (Role.IMPORT, Role.CONSTRUCT, Role.STATE),
    "call": (Role.IMPORT, Role.CALL),
    "call-and-set": (Role.IMPORT, Role.CALL, Role.STATE),
    "fill": (Role.IMPORT, Role.FILL),
}
_OWN = frozenset({Role.IMPORT, Role.CONSTRUCT, Role.CALL, Role.STATE, Role.FILL})
_NEVER = frozenset(
    """
    asyncio builtins bdb code codeop commands copyreg ctypes cProfile doctest fileinput functools http
    importlib inspect io joblib linecache multiprocessing nt operator os pathlib pdb pickle pip pkgutil
    platform posix profile pty pydoc runpy shelve shutil site socket ssl subprocess sys tempfile
    threading timeit trace types urllib venv webbrowser zipfile zipimport _codecs _io _operator _pickle
    _posixsubprocess cloudpickle dill
    """.split()  # noqa: SIM905 - a table of words
)


class _Reviewed(Mapping[Name, frozenset[Role]]):
    """All reviewed names; those of a top-level package are read at its first name.

    ``PACKAGE.toml`` is written by hand, ``PACKAGE-classes.toml`` by a tool. What has no file of its own is in
    ``python.toml``.
    """

    def __getitem__(self, name: Name) -> frozenset[Role]:
        return _framework(name[0].partition(".")[0])[name]

    def __iter__(self) -> Iterator[Name]:
        return (name for package in _files() for name in _framework(package))

    def __len__(self) -> int:
        return sum(len(_framework(package)) for package in _files())


@functools.cache
def _files() -> Mapping[str, tuple[str, ...]]:
    folder = resources.files("casemate.threats.supply_chain.pickles") / "allow"
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml")):
        package = name.removesuffix(".toml").partition("-")[0]
        found[package] = (*found.get(package, ()), name)
    return found


@functools.cache
def _framework(package: str) -> Mapping[Name, frozenset[Role]]:
    if package not in _files():
        return _framework("python")
    found: dict[Name, frozenset[Role]] = {}
    for file in _files()[package]:
        text = (resources.files("casemate.threats.supply_chain.pickles") / "allow" / file).read_text(encoding="utf-8")
        for module, roles in tomllib.loads(text).items():
            for role, names in roles.items():
                for name in names:
                    found[module, name] = found.get((module, name), frozenset()).union(_ROLES[role])
    return found


def reviewed() -> AllowList:
    """All reviewed names with their roles."""
    return _Reviewed()


class _Extended(_Reviewed):
    """The reviewed names, and behind them the user's own."""

    def __init__(self, own: Mapping[Name, frozenset[Role]]) -> None:
        self.own = own

    def __getitem__(self, name: Name) -> frozenset[Role]:
        try:
            return super().__getitem__(name)
        except KeyError:
            return self.own[name]

    def __iter__(self) -> Iterator[Name]:
        return iter(dict.fromkeys((*super().__iter__(), *self.own)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def extended(allow: Iterable[str]) -> tuple[AllowList, tuple[str, ...]]:
    """The reviewed names and the user's own classes, given as ``package.module:Class``.

    Raises:
        UsageError: an entry is not of that form, or names a module that runs code for whoever calls it.
    """
    own = sorted(set(allow))
    names: dict[Name, frozenset[Role]] = {}
    for entry in own:
        module, colon, name = entry.partition(":")
        if not colon or not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
            raise UsageError(
                f"not a class: {entry[:200]!r}",
                cause="[load] allow takes exact names, not patterns",
                next_step='write it as "package.module:Class"',
            )
        if module.partition(".")[0] in _NEVER:
            raise UsageError(
                f"{entry[:200]!r} cannot be allowed",
                cause="this module would let the file run any code, or escape the walk",
                next_step="allow only classes of your own",
            )
        names[module, name] = _OWN
    return _Extended(names), tuple(own)
