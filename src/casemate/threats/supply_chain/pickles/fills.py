"""APPEND, SETITEM and their like: what may be filled, with what, and where loaders differ about it."""

from __future__ import annotations

from casemate.threats.supply_chain.pickles.facts import Role
from casemate.threats.supply_chain.pickles.state import State
from casemate.threats.supply_chain.pickles.values import (
    PLAIN,
    UNKNOWN,
    Blob,
    Dct,
    Lst,
    Value,
    can_hash,
    hashable_cheaply,
)
from casemate.threats.supply_chain.stops import Malformed


def hash_all(m: State, keys: list[Value]) -> None:
    """What a loader hashes must be hashable, and cheap to hash."""
    if PLAIN.issuperset(map(type, keys)):
        return
    for key in keys:
        if not can_hash(key):
            raise Malformed("a key cannot be hashed", m.place)
        if not hashable_cheaply(key):
            m.watch.find("pickle.bomb", "a key is too costly to hash", m.place)


def append_all(m: State, target: Value, items: list[Value], *, several: bool) -> None:
    """APPEND and APPENDS."""
    m.spend(len(items))
    if type(target) is Lst and target.of == "list":
        target.items += items
    elif _unknown(target):
        m.fact(Role.FILL, target, Lst("list", items))
    elif isinstance(target, Blob) and target.kind == "bytearray":
        m.fact(Role.FILL, target, Lst("list", items))
        _bytes_only(m, items)
    else:
        _nothing(m, items, several=several)


def add_all(m: State, target: Value, items: list[Value]) -> None:
    """ADDITEMS."""
    m.spend(len(items))
    if type(target) is Lst and target.of == "set":
        hash_all(m, items)
        target.items += items
    elif _unknown(target):
        m.fact(Role.FILL, target, Lst("set", items))
    else:
        _nothing(m, items, several=True)


def set_all(m: State, target: Value, items: list[Value]) -> None:
    """SETITEM and SETITEMS: key, value, key, value, ..."""
    m.spend(len(items))
    if len(items) % 2:
        m.differ("a key has no value, which loaders notice sooner or later")
        items = items[:-1]
    if type(target) is Dct:
        hash_all(m, items[::2])
        target.flat += items
    elif _unknown(target):
        m.fact(Role.FILL, target, Dct(items))
    elif isinstance(target, Lst | Blob) and items:
        m.fact(Role.FILL, target, Dct(items))
        length = len(target.items) if isinstance(target, Lst) and target.of == "list" else 0
        if isinstance(target, Blob) and target.kind == "bytearray":
            length = target.length
            _bytes_only(m, items[1::2])
        if not all(isinstance(key, int) and -length <= key < length for key in items[::2]):
            raise Malformed("what is filled takes no items", m.place)
        if isinstance(target, Lst):
            for key, value in zip(items[::2], items[1::2], strict=True):
                if isinstance(key, int):
                    target.items[key] = value
    elif items:
        raise Malformed("what is filled takes no items", m.place)


def _unknown(target: Value) -> bool:
    return isinstance(target, UNKNOWN)


def _bytes_only(m: State, items: list[Value]) -> None:
    if not all(isinstance(item, int) and 0 <= item < 256 for item in items):
        raise Malformed("a byte is not from 0 to 255", m.place)


def _nothing(m: State, items: list[Value], *, several: bool) -> None:
    """Filling a constant that cannot be filled fails, but with nothing the C loader does not even try."""
    if items or not several:
        raise Malformed("what is filled cannot be filled", m.place)
    m.differ("nothing is added to what cannot be filled, which only some loaders let pass")
