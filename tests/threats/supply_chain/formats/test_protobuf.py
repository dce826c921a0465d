"""The wire format: every byte belongs to a field, within bounds; what readers may take differently is told."""

from __future__ import annotations

import pytest

from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.formats.outline import outline, varint
from casemate.threats.supply_chain.formats.protobuf import DEPTH, Walk, schema
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.formats.networks import SETTINGS, field, message, number


def walked(data: bytes, kind: str = "GraphProto", family: str = "onnx") -> tuple[Report, list[str]]:
    view = View(data)
    report = Report(view, SETTINGS, Budget(len(data), 1 << 30))
    walk = Walk(view, schema(family), report)
    seen: list[str] = []
    walk.all(walk.node(kind), lambda node: seen.append(node.kind))
    return report, seen


def test_messages_are_shown_parents_first_and_covered_whole() -> None:
    data = message((1, message((3, "n"), (4, "Add"), (5, message((1, "a"), (3, 7))))), (2, "g"))
    report, seen = walked(data)
    assert seen == ["GraphProto", "NodeProto", "AttributeProto"]
    assert report.coverage.covered == len(data)
    assert not report.findings


def test_unknown_fields_at_any_depth_stay_uncovered() -> None:
    inner = message((3, "n")) + field(99, b"payload")
    data = message((1, inner), (2, "g"))
    assert walked(data)[0].coverage.covered == len(data) - len(field(99, b"payload"))
    wrong_type = field(4, 7)
    assert walked(message((1, wrong_type)))[0].coverage.covered == 2


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",
        b"\x0a\x05abc",
        b"\x80",
        b"\x08" + b"\xff" * 10 + b"\x01",
        b"\x0c",
        b"\x0f",
        b"\x0b",
        b"\x0b\x14",
        b"\x0d\0",
    ],
)
def test_a_broken_wire_format_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        walked(data)


def test_depth_and_counts_are_bounded() -> None:
    data = b""
    for _ in range(DEPTH):
        data = message((1, message((5, message((6, data))))))
    with pytest.raises(Refused, match="nest"):
        walked(data)
    with pytest.raises(Refused, match="nest"):
        walked(b"\x1b" * (DEPTH + 5))
    with pytest.raises(Refused, match="fields"):
        walked(b"\x0a\x00" * 1_000_001)


def test_packed_numbers_must_end() -> None:
    assert walked(field(1, number(5) + number(300)), "TensorProto")[0].coverage.covered == 5
    with pytest.raises(Malformed):
        walked(field(1, b"\x05\x80"), "TensorProto")
    with pytest.raises(Malformed):
        walked(field(4, b"\0\0\0"), "TensorProto")


def test_numbers_are_read_as_protobuf_writes_them() -> None:
    assert varint(b"\xac\x02", 0, 0, 2) == (300, 2, True)
    assert varint(b"\xac\x82\x00", 0, 0, 3) == (300, 3, False)
    with pytest.raises(Malformed):
        varint(b"\xff" * 9 + b"\x02", 0, 0, 10)


def test_an_outline_tells_fields_without_tables() -> None:
    assert outline(View(message((1, 5), (7, "x")))) == {1: 0, 7: 2}
    for broken in (b"\x07", b"\x0a\x05a", b"\x00\x01"):
        assert outline(View(broken)) is None
