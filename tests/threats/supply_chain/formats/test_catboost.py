"""CatBoost's binary models: every index that CatBoost follows is checked, every byte belongs to something."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.supply_chain.formats import catboost
from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan, survive

STRUCTURE = rule("trees.structure")


def flat(root: dict[int, Any]) -> bytes:
    """A flat buffer of one table: a dict of slots; numbers are int32, lists are of tables, pairs are of numbers."""
    out = bytearray(4)

    def place(thing: Any) -> int:
        out.extend(bytes(-len(out) % 4))
        at = len(out)
        if isinstance(thing, str):
            out.extend(struct.pack("<I", len(thing)) + thing.encode() + b"\0")
        elif isinstance(thing, tuple):
            out.extend(struct.pack("<I", len(thing[1])) + struct.pack(f"<{len(thing[1])}{thing[0]}", *thing[1]))
        elif isinstance(thing, list):
            out.extend(struct.pack("<I", len(thing)) + bytes(4 * len(thing)))
            for index, each in enumerate(thing):
                inner = place(each)
                struct.pack_into("<I", out, at + 4 + 4 * index, inner - (at + 4 + 4 * index))
        else:
            slots = max(thing) + 1
            offsets = [4 + 4 * sorted(thing).index(slot) if slot in thing else 0 for slot in range(slots)]
            out.extend(struct.pack(f"<HH{slots}H", 4 + 2 * slots, 4 + 4 * len(thing), *offsets))
            out.extend(bytes(-len(out) % 4))
            table = len(out)
            out.extend(struct.pack("<i", table - at) + bytes(4 * len(thing)))
            for slot, value in thing.items():
                field = table + offsets[slot]
                struct.pack_into("<I", out, field, value if isinstance(value, int) else place(value) - field)
            return table
        return at

    struct.pack_into("<I", out, 0, place(root))
    return bytes(out)


def model(**changes: Any) -> bytes:
    """A model of two trees on two conditions."""
    trees = {0: 1, 1: ("i", [0, 1, 1]), 2: ("i", [2, 1]), 3: ("i", [0, 2]), 5: [{1: 0, 3: ("f", [0.5, 1.5])}]}
    trees |= {8: ("d", [0.0] * 6), 9: ("d", [1.0] * 6), 17: ("I", [0, 1, 1])}
    trees |= {int(slot.removeprefix("at")): value for slot, value in changes.items()}
    core = flat({0: "FlabuffersModel_v1", 1: trees, 2: [{0: "key", 1: "value"}]})
    return b"CBM1" + struct.pack("<I", len(core)) + core


def uneven(steps: list[int], nodes: list[int]) -> bytes:
    """A model of one tree of another shape than oblivious."""
    count = ("i", [0] * len(steps))
    return model(at1=count, at2=("i", [len(steps)]), at3=("i", [0]), at8=("d", [0.0] * 2), at9=("d", [1.0] * 2),
                 at10=("i", steps), at11=("I", nodes), at17=("I", [0] * len(steps)))  # fmt: skip


def test_models_are_clean_to_the_last_byte() -> None:
    assert_clean(model(), "catboost")
    assert scan(model()).about["trees"] == 2
    assert_clean(uneven([1 | 2 << 16, 0, 0], [0xFFFFFFFF, 0, 1]), "catboost")


@pytest.mark.parametrize(
    "data",
    [
        model(at1=("i", [0, 1, 2])),
        model(at1=("i", [0, 1, -1])),
        model(at2=("i", [2, 2])),
        model(at2=("i", [-1, 4])),
        model(at3=("i", [0, 1])),
        model(at8=("d", [0.0] * 5)),
        model(at9=("d", [1.0] * 5)),
        model(at0=4),
        uneven([1 | 3 << 16, 0, 0], [0xFFFFFFFF, 0, 1]),
        uneven([1 | 2 << 16, 0, 0], [0xFFFFFFFF, 0, 2]),
        uneven([1 | 2 << 16, 0, 0], [0, 1]),
    ],
)
def test_an_index_that_leads_out_is_refused(data: bytes) -> None:
    assert STRUCTURE in found(data)


def test_what_is_behind_the_model_or_not_read_is_never_clean() -> None:
    behind = scan(model() + b"tables")
    assert behind.verdict is Verdict.UNREADABLE
    assert behind.size - behind.covered == 6
    assert scan(model(at7=[{0: 1}])).verdict is Verdict.UNREADABLE
    assert scan(b"CBM1" + struct.pack("<I", 1 << 31)).verdict is Verdict.UNREADABLE
    assert scan(model()[:-9]).verdict is Verdict.UNREADABLE


@given(st.floats(0, 1), st.binary(min_size=1, max_size=4))
def test_mutations_end(place: float, change: bytes) -> None:
    data = model()
    at = int(place * len(data))
    survive(catboost, data[:at] + change + data[at + len(change) :])
