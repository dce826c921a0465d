"""Files of ``torch.save`` before the zip format: five pickles, then storages.

The pickles are a magic number, the version, the system, the object, and the keys of its storages; then comes each
storage, a count of 8 bytes and the items.

The object names its storages by persistent ids with their class and count, so the length of every storage is known
twice; both must agree, and the last storage must end where the file does.
"""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.pickles.facts import Fact, Role
from casemate.threats.supply_chain.pickles.parse import Walk
from casemate.threats.supply_chain.pickles.policy import Policy
from casemate.threats.supply_chain.pickles.tensors import storage, storage_size
from casemate.threats.supply_chain.pickles.values import Dct, Lst, Tup, Value
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View

MAGIC: Final = 0x1950A86A20F9469CFC6C
VERSION: Final = 1001


class _Storages(Policy):
    """A policy that also keeps how many bytes each storage has."""

    def __init__(self, outer: Policy) -> None:
        super().__init__(outer.allowed, outer._find, deny=outer.deny, torch=True)
        self.sizes: dict[str, tuple[int, int]] = {}
        self.twice = False

    def judge(self, fact: Fact) -> None:
        """Judge one fact, and keep a storage's count and size."""
        super().judge(fact)
        key = fact.argument
        if fact.role is Role.PERSISTENT and storage(key) and isinstance(key, Tup):
            size = storage_size(key.items[1]) or 0
            known = (int(str(key.items[4])), size)
            self.twice = self.twice or self.sizes.setdefault(str(key.items[2]), known) != known


def parse(view: View, report: Report) -> None:
    """Walk the pickles and cross the storages; see ``format.Parser``."""
    walk = Walk(view, report)
    walk.policy = policy = _Storages(walk.policy)
    try:
        if walk.stream() != MAGIC or walk.stream() != VERSION:
            raise Refused("pickle.array", "the file begins as torch's, but is of no known version", 0)
        _system(walk.stream())
        walk.stream()
        keys = walk.stream()
        if policy.twice:
            raise Refused("pickle.array", "a storage is named twice with different lengths", walk.at)
        _storages(walk, policy, keys)
    finally:
        walk.close()
    if walk.left:
        walk.trail(walk.at)
    report.describe("tensors.storages", len(policy.sizes))


def _system(value: Value) -> None:
    fields = (value.fields() if isinstance(value, Dct) else None) or {}
    if fields.get("protocol_version") != VERSION or fields.get("little_endian") is not True:
        raise Malformed("the system that wrote the file is not one that is known", 0)


def _storages(walk: Walk, policy: _Storages, keys: Value) -> None:
    names = keys.items if isinstance(keys, Lst) else [None]
    if not all(isinstance(key, str) for key in names) or {*policy.sizes} != {*names} or len({*names}) != len(names):
        raise Refused("pickle.array", "the storages in the file are not those that the object names", walk.at)
    for name in names:
        count, size = policy.sizes[str(name)]
        if walk.view.number(walk.at, 8) != count:
            raise Refused("pickle.array", "a storage's length is not the one that the object names", walk.at)
        walk.view.part(walk.at + 8, count * size)
        walk.skip(walk.at + 8, count * size)
        walk.report.cover(walk.at, 8 + count * size)
        walk.at += 8 + count * size
