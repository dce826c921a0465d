"""ExecuTorch: programs are clean to the last byte; foreign operators, compiled parts and wrong places are found."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.networks import Flat, assert_clean, assert_found, scan

WEIGHTS = bytes(range(60))


def program(
    *,
    operator: str = "aten::add",
    call: dict[int, Any] | None = None,
    kind: int = 1,
    delegates: tuple[str, ...] = (),
    segments: tuple[tuple[int, int], ...] = ((0, 60),),
    extra: dict[int, Any] | None = None,
) -> bytes:
    """A program with one operator, one value, one instruction and a segment of 60 bytes behind it."""
    tensor: dict[int, Any] = {0: ("i1", 6), 2: ("v", "i4", [5, 3])} | ({9: ("t", extra)} if extra else {})
    call = {0: ("i4", 0), 1: ("v", "i4", [0])} if call is None else call
    plan = {
        0: ("s", "forward"),
        2: ("ts", [{0: ("u1", 5), 1: ("t", tensor)}]),
        5: ("ts", [{2: ("ts", [{0: ("u1", kind), 1: ("t", call)}])}]),
        6: ("ts", [{0: ("s", operator), 1: ("s", "out")}]),
        7: ("ts", [{0: ("s", each)} for each in delegates]),
    }
    root = {1: ("ts", [plan]), 4: ("ts", [{0: ("u8", at), 1: ("u8", size)} for at, size in segments])}
    made = bytearray(Flat(root, b"ET12" + bytes(32)).out)
    made += bytes(-len(made) % 16)
    struct.pack_into("<4sIQQQ", made, 8, b"eh00", 32, len(made), len(made) + 32, len(WEIGHTS))
    return bytes(made) + bytes(32) + WEIGHTS


def test_a_program_is_clean_to_the_last_byte() -> None:
    found = assert_clean(program(), "executorch")
    assert found.about["operators"] == ["aten::add"]
    assert_clean(program(delegates=("XnnpackBackend",), kind=2), "executorch")
    assert_clean(program(call={0: ("i4", 0), 1: ("i4", 0)}, kind=4), "executorch")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "operator of a library": ({"operator": "evil::run"}, "executorch.operator"),
    "namespace that only begins like one": ({"operator": "aten_::add"}, "executorch.operator"),
    "operator without a namespace": ({"operator": "run"}, "executorch.operator"),
    "compiled part": ({"delegates": ("QnnBackend",)}, "executorch.backend"),
    "operator that is not there": ({"call": {0: ("i4", 1), 1: ("v", "i4", [0])}}, "executorch.index"),
    "negative operator": ({"call": {0: ("i4", -1), 1: ("v", "i4", [0])}}, "executorch.index"),
    "value that is not there": ({"call": {0: ("i4", 0), 1: ("v", "i4", [4])}}, "executorch.index"),
    "delegate that is not there": ({"kind": 2}, "executorch.index"),
    "jump out of the chain": ({"kind": 4, "call": {0: ("i4", 0), 1: ("i4", 9)}}, "executorch.index"),
    "segment outside the file": ({"segments": ((0, 61),)}, "executorch.index"),
    "segments that overlap": ({"segments": ((0, 40), (20, 40))}, "flatbuffer.overlap"),
    "weights in another file": ({"extra": {1: ("s", "w"), 2: ("i1", 1)}}, "executorch.external"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str) -> None:
    options, fact = WRONG[name]
    assert_found(program(**options), fact)


def test_bytes_between_and_behind_are_not_covered() -> None:
    data = program()
    gap = len(data) - len(WEIGHTS) - 20
    assert scan(data[:gap] + b"payload!" + data[gap + 8 :]).verdict is Verdict.UNREADABLE
    assert scan(data + b"payload!").verdict is Verdict.UNREADABLE
    assert scan(program(segments=((0, 30),))).verdict is Verdict.UNREADABLE


def test_an_impossible_header_and_every_truncation_are_noticed() -> None:
    data = program()
    for at, layout, value in ((12, "<I", 4), (12, "<I", 1 << 30), (16, "<Q", 1 << 40), (24, "<Q", 8), (16, "<Q", 0)):
        changed = data[:at] + struct.pack(layout, value) + data[at + struct.calcsize(layout) :]
        assert scan(changed).verdict is not Verdict.CLEAN, at
    for cut in range(9, len(data)):
        assert scan(data[:cut]).verdict is not Verdict.CLEAN, cut
