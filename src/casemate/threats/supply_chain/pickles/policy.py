"""Judges what a walk sees against the reviewed names and the known bad ones. It reads no bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from casemate.threats.supply_chain.pickles import arguments
from casemate.threats.supply_chain.pickles.allowlist import AllowList, Name
from casemate.threats.supply_chain.pickles.arrays import RECONSTRUCTOR, pair
from casemate.threats.supply_chain.pickles.denylist import denied, is_standard
from casemate.threats.supply_chain.pickles.facts import Fact, Role
from casemate.threats.supply_chain.pickles.states import state_fits
from casemate.threats.supply_chain.pickles.tensors import module, storage, storage_size
from casemate.threats.supply_chain.pickles.values import (
    Array,
    Blob,
    Dct,
    DType,
    Global,
    Lst,
    Made,
    Persistent,
    Tup,
    Value,
    hashable_cheaply,
)
from casemate.threats.supply_chain.view import printable

Find: TypeAlias = Callable[[str, str, int | None, str], None]
"""Takes a fact for a rule: its kind, a message, the offset, and the imported name it is about."""

SCRIPTED: Final = "__torch__"
"""The module of TorchScript's classes: they exist only inside of their own archive, as data of its interpreter."""

_NONE: Final[frozenset[Role]] = frozenset()
_INERT: Final = frozenset({Role.CONSTRUCT, Role.STATE, Role.IMPORT})


class Policy:
    """Collects findings; a walk is told to watch with it.

    Attributes:
        imported: the names.
        inner: constant bytes that loading would load as files of their own.
        companions: files beside this one that loading would read.
        storages: bytes of each tensor storage that persistent ids name, by its key.
        acted: turns true with the first thing that text which merely looks like a pickle does not do.

    Args:
        allowed: names and their roles.
        find: told every finding; ``Report.fact`` is one.
        deny: whether known bad names are told apart from unknown ones.
        torch: whether the stream may hold persistent ids of tensor storages, and TorchScript's classes.
    """

    def __init__(self, allowed: AllowList, find: Find, *, deny: bool = True, torch: bool = False) -> None:
        self.allowed = allowed
        self.deny = deny
        self.torch = torch
        self.storages: dict[str, int] = {}
        self.imported: set[Name] = set()
        self._asked: dict[Global, frozenset[Role]] = {}
        self.acted = False
        self.inner: list[Blob] = []
        self.companions: list[str] = []
        self._find = find

    def find(self, kind: str, message: str, offset: int, logical: str = "") -> None:
        """Pass on what is odd about how a stream is written."""
        self._find(kind, message, offset, logical)

    def judge(self, fact: Fact) -> None:
        """Judge one fact."""
        role = fact.role
        if role is Role.IMPORT:
            self._import(fact)
        elif role is Role.STATE:
            self._state(fact)
        elif role is Role.FILL:
            self._fill(fact)
        elif role is Role.PERSISTENT:
            self._persistent(fact)
        else:
            self._make(fact)

    def _roles(self, target: Value) -> frozenset[Role]:
        """The roles that every loader's reading of this name has; none for what is no plain name."""
        if not isinstance(target, Global):
            return frozenset()
        found = self._asked.get(target)
        if found is None:
            found = self._asked[target] = self._of(target)
        return found

    def _of(self, target: Global) -> frozenset[Role]:
        if self.torch and (target.module == SCRIPTED or target.module.startswith(SCRIPTED + ".")):
            return _INERT
        roles = self.allowed.get(target.pair, _NONE)
        return roles if target.also is None else roles & self.allowed.get(target.also, _NONE)

    def _bad(self, target: Value) -> str:
        """Why this name is known to be bad, or ""."""
        if not self.deny or not isinstance(target, Global):
            return ""
        names = [target.pair, *([target.also] if target.also else [])]
        return next((reason for reason in (denied(*name) for name in names) if reason), "")

    def _import(self, fact: Fact) -> None:
        target = fact.target
        if not isinstance(target, Global):
            return
        self.imported.add(target.pair)
        if Role.IMPORT in self._roles(target):
            return
        bad, name = self._bad(target), str(target)
        if bad:
            self.acted = True
            self.find("pickle.dangerous-import", f"imports {_said(target)}, which {bad}", fact.offset, name)
        elif "." in target.name:
            self.acted = True
            self.find("pickle.dotted-import", f"imports {_said(target)}, reached through others", fact.offset, name)
        else:
            # No text but a pickle's begins with the name of a module that exists, whether or not a list calls it bad.
            self.acted |= is_standard(target.module)
            self.find("pickle.import", f"imports {_said(target)}", fact.offset, name)

    def _make(self, fact: Fact) -> None:
        self.acted = True
        items = fact.argument.items if type(fact.argument) is Tup else None
        roles, name, role = self._roles(fact.target), pair(fact.target), fact.role
        if role is Role.INSTANTIATE:
            role = Role.CONSTRUCT if not items and Role.CONSTRUCT in roles else Role.CALL
        if items is None or role not in roles:
            said = f"{_verb(fact)} {_said(fact.target)}"
            self.find(self._misuse(fact.target, roles), said, fact.offset, _logical(fact.target))
        elif name == RECONSTRUCTOR and role is Role.CALL:
            if not self._reconstructs(items):
                told = _said(items[0] if items else None)
                self.find("pickle.dangerous-call", f"reconstructs {told}", fact.offset, _logical(fact.target))
        elif name == _PACKED and len(items) == 1 and isinstance(items[0], Blob) and items[0].kind == "bytes":
            items[0].raw = True
            self.inner.append(items[0])
        elif name in arguments.RULES and not arguments.RULES[name](items):
            kind = "pickle.dangerous-call" if is_standard(name[0]) else "pickle.call"
            said = f"{_verb(fact)} {_said(fact.target)} with arguments that are not allowed"
            self.find(kind, said, fact.offset, _logical(fact.target))

    def _misuse(self, target: Value, roles: frozenset[Role]) -> str:
        """How bad it is to call this: worst what is no name, is known to be bad, or comes with Python itself.

        A name that was reviewed as a value only, such as numpy's functions, is never called by a saved model either.
        """
        if not isinstance(target, Global) or self._bad(target) or is_standard(target.module):
            return "pickle.dangerous-call"
        if target.also is not None and is_standard(target.also[0]):
            return "pickle.dangerous-call"
        return "pickle.dangerous-call" if roles == {Role.IMPORT} else "pickle.call"

    def _reconstructs(self, items: tuple[Value, ...]) -> bool:
        """``copyreg._reconstructor(class, base, base state)`` of a plain object, named tuple or allowed dictionary."""
        roles = self._roles(items[0]) if len(items) == 3 else frozenset()
        if len(items) != 3 or Role.CONSTRUCT not in roles:
            # an unreviewed class is named by the finding of its import; made with object it runs nothing of its own
            unknown = len(items) == 3 and isinstance(items[0], Global) and not roles and not self._bad(items[0])
            return unknown and not is_standard(str(items[0]).partition(":")[0]) and pair(items[1]) == _OBJECT
        if pair(items[1]) == ("builtins", "dict"):
            return Role.FILL in roles and (items[2] is None or isinstance(items[2], Dct))
        if pair(items[1]) == ("builtins", "tuple"):
            return isinstance(items[2], Tup)
        return pair(items[1]) == _OBJECT and items[2] is None

    def _state(self, fact: Fact) -> None:
        self.acted = True
        target = fact.target
        if not isinstance(target, Made):
            self.find("pickle.overwrite", f"sets the state of {_said(target)}", fact.offset, _logical(target))
            return
        maker: Value = target.by
        if pair(maker) == RECONSTRUCTOR and isinstance(target.args, Tup):
            maker = target.args.items[0] if target.args.items else None
        if Role.STATE not in self._roles(maker):
            said = f"sets the state of an instance of {_said(maker)}"
            self.find("pickle.state", said, fact.offset, _logical(maker))
        elif not isinstance(maker, Global) or not state_fits(target, maker, fact.argument):
            said = f"gives {_said(maker)} a state that is not one of its own"
            self.find("pickle.state", said, fact.offset, _logical(maker))
        elif pair(maker) == _COMPANION and isinstance(fact.argument, Dct):
            self.companions.append(str((fact.argument.fields() or {}).get("filename")))
        if _replaces(fact.argument):
            said = f"replaces what Python itself uses of {_said(maker)}"
            self.find("pickle.overwrite", said, fact.offset, _logical(maker))

    def _fill(self, fact: Fact) -> None:
        self.acted = True
        target = fact.target
        if not isinstance(target, Made):
            kind = "pickle.state" if isinstance(target, Lst | Blob) else "pickle.overwrite"
            self.find(kind, f"fills {_said(target)}", fact.offset, _logical(target))
        elif Role.FILL not in self._roles(_maker(target)):
            self.find("pickle.state", f"fills {_said(target.by)}", fact.offset, _logical(target))
        elif isinstance(fact.argument, Dct) and not all(map(hashable_cheaply, fact.argument.keys)):
            self.find("pickle.bomb", "a key is too costly to hash", fact.offset)

    def _persistent(self, fact: Fact) -> None:
        if not self.torch or not (storage(fact.argument) or module(fact.argument)):
            self.find("pickle.persistent", "refers to an object by a persistent id", fact.offset)
        elif isinstance(fact.argument, Tup) and storage(fact.argument):
            _, kind, key, _, count, *_ = fact.argument.items
            if isinstance(key, str) and isinstance(count, int):
                self.storages[key] = max(self.storages.get(key, 0), count * (storage_size(kind) or 0))


_OBJECT: Final = ("builtins", "object")
_COMPANION: Final = ("joblib.numpy_pickle", "NDArrayWrapper")
_PACKED: Final = ("torch.storage", "_load_from_bytes")
_PRIVATE: Final = frozenset({"__class__", "__dict__", "__setstate__", "__reduce__", "__reduce_ex__", "__getattr__",
                             "__getattribute__", "__del__", "__call__", "__init__", "__new__", "__builtins__",
                             "__globals__", "__code__", "__bases__", "__subclasshook__"})  # fmt: skip


def _verb(fact: Fact) -> str:
    return "constructs" if fact.role is Role.CONSTRUCT else "calls"


def _maker(target: Made) -> Value:
    if pair(target.by) == RECONSTRUCTOR and isinstance(target.args, Tup) and target.args.items:
        return target.args.items[0]
    return target.by


def _replaces(state: Value) -> bool:
    parts = state.items if isinstance(state, Tup) and len(state.items) == 2 else (state,)
    return any(not _PRIVATE.isdisjoint(part.keys) for part in parts if isinstance(part, Dct))


def _logical(value: Value) -> str:
    if isinstance(value, Made):
        return _logical(value.by)
    return str(value) if isinstance(value, Global) else ""


def _said(value: Value) -> str:
    """How a finding names a value: names as they are, never contents."""
    if isinstance(value, Global):
        return printable(str(value) + (f" (or {value.also[0]}:{value.also[1]})" if value.also else ""))
    if isinstance(value, Made):
        return f"the result of {_said(value.by)}" if value.by else "the result of a call"
    kinds = {
        Tup: "a tuple", Lst: "a list", Dct: "a dictionary", Blob: "bytes", Array: "an array", DType: "a dtype",
        Persistent: "an object from outside",
    }  # fmt: skip
    return kinds.get(type(value), "a constant")
