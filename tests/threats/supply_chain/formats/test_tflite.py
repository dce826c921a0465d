"""TensorFlow Lite: models are clean to the last byte; foreign operators, wrong places and shapes are found."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.networks import assert_clean, assert_found, flat, scan, tflite

ADD = {0: ("i1", 0), 3: ("i4", 0)}
CUSTOM = {0: ("i1", 32), 3: ("i4", 32)}


def custom(name: str) -> dict[int, Any]:
    return CUSTOM | {1: ("s", name)}


def operator(code: int, inputs: list[int], outputs: list[int], **more: Any) -> dict[int, Any]:
    made: dict[int, Any] = {0: ("u4", code), 1: ("v", "i4", inputs), 2: ("v", "i4", outputs)}
    return made | more.get("more", {})


def tensor(shape: list[int], buffer: int, kind: int = 0) -> dict[int, Any]:
    return {0: ("v", "i4", shape), 1: ("i1", kind), 2: ("u4", buffer), 3: ("s", f"t{buffer}")}


BUFFERS: list[dict[int, Any]] = [{}, {0: ("v", "u1", list(range(24)))}]
TENSORS = [tensor([2, 3], 1), tensor([2, 3], 0)]


def model(codes: list[dict[int, Any]] | None = None, **options: Any) -> bytes:
    options = {"tensors": TENSORS, "buffers": BUFFERS} | options
    options.setdefault("operators", [operator(0, [0, 0], [1])])
    return tflite([ADD] if codes is None else codes, options.pop("operators"), **options)


def test_a_model_is_clean_to_the_last_byte() -> None:
    found = assert_clean(model(), "tflite")
    assert found.about["operators"] == ["ADD"]
    options = {3: ("u1", 11), 4: ("t", {0: ("i1", 1)})}
    assert_clean(model(operators=[operator(0, [0, -1], [1], more=options)]), "tflite")
    assert_clean(model([custom("TFLite_Detection_PostProcess")]), "tflite")
    assert_clean(model([custom("FlexErf")]), "tflite")


FLEX = ("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "EagerPyFunc")


@pytest.mark.parametrize("operation", FLEX)
def test_operations_handed_to_tensorflow_are_judged_there(operation: str) -> None:
    assert_found(model([custom(f"Flex{operation}")]), "tflite.flex", Verdict.MALICIOUS)


def test_operators_that_are_not_known_are_found() -> None:
    assert_found(model([custom("MyOp")]), "tflite.custom")
    assert_found(model([custom("")]), "tflite.custom")
    assert_found(model([custom("Flexible")]), "tensorflow.operation")
    assert_found(model([{0: ("i1", 127), 3: ("i4", 5000)}]), "tflite.operator")
    assert_found(model([ADD | {1: ("s", "MyOp")}]), "tflite.index")
    assert_found(model([{0: ("i1", 9), 3: ("i4", 32), 1: ("s", "MyOp")}]), "tflite.custom")


WRONG: dict[str, dict[str, Any]] = {
    "input that is not there": {"operators": [operator(0, [0, 7], [1])]},
    "negative input": {"operators": [operator(0, [-2], [1])]},
    "output that is not there": {"operators": [operator(0, [0], [2])]},
    "operator without a code": {"operators": [operator(1, [0], [1])]},
    "tensor without a buffer": {"tensors": [*TENSORS, tensor([1], 9)]},
    "buffer outside the file": {"buffers": [*BUFFERS, {1: ("u8", 1 << 40), 2: ("u8", 16)}]},
    "options outside the file": {"operators": [operator(0, [0], [1], more={9: ("u8", 1 << 40), 10: ("u8", 4)})]},
}


@pytest.mark.parametrize("name", WRONG)
def test_indices_and_places_must_be_there(name: str) -> None:
    assert_found(model(**WRONG[name]), "tflite.index")


def test_tensors_must_fit_their_buffers() -> None:
    for shape, kind in (([2, 4], 0), ([2, 3], 4), ([-2, -3], 0), ([1 << 30, 1 << 30], 0)):
        assert_found(model(tensors=[tensor(shape, 1, kind), TENSORS[1]]), "tflite.tensor")
    text = tensor([5], 1, 5)
    assert_clean(model(tensors=[text, TENSORS[1]]), "tflite")


def test_weights_in_another_file_are_found() -> None:
    assert_found(model(more={8: ("ts", [{0: ("s", "weights.bin")}])}), "tflite.external")


def test_a_subgraph_that_calls_itself_is_found() -> None:
    loop = {3: ("u1", 93), 4: ("t", {0: ("i4", 0), 1: ("i4", 0)})}
    assert_found(model(operators=[operator(0, [0], [1], more=loop)]), "tflite.recursion")
    away = {3: ("u1", 93), 4: ("t", {0: ("i4", 0), 1: ("i4", 9)})}
    assert_found(model(operators=[operator(0, [0], [1], more=away)]), "tflite.index")


def test_bytes_that_nothing_points_to_are_not_covered() -> None:
    data = model()
    found = scan(data + b"payload!")
    assert found.verdict is Verdict.UNREADABLE
    assert found.size - found.covered == 8
    assert scan(data + bytes(200)).verdict is Verdict.UNREADABLE


def test_a_field_that_the_schema_does_not_know_leaves_the_file_unreadable() -> None:
    found = scan(flat({0: ("u4", 3), 40: ("v", "u1", [1, 2, 3])}))
    assert found.verdict is Verdict.UNREADABLE


def patched(data: bytes, at: int, layout: str, *values: int) -> bytes:
    return data[:at] + struct.pack(layout, *values) + data[at + struct.calcsize(layout) :]


def test_tricks_with_vtables_are_not_clean() -> None:
    data = model()
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    for at, layout, value in (
        (0, "<I", 0xFFFFFFFF),  # the root lies outside
        (0, "<I", 0),
        (root, "<i", 0x7FFFFFFF),  # the vtable lies before the buffer
        (root, "<i", -0x7FFFFFFF),
        (vtable, "<H", 3),  # an odd vtable
        (vtable, "<H", 0xFFFF),
        (vtable + 2, "<H", 0),  # a table of no size
        (vtable + 2, "<H", 0xFFFF),
        (vtable + 4, "<H", 2),  # a field in the table's own offset
        (vtable + 4, "<H", 0x7FF0),
    ):
        assert scan(patched(data, at, layout, value)).verdict is not Verdict.CLEAN, (at, value)
    shared = struct.unpack_from("<H", data, vtable + 6)[0]
    assert_found(patched(data, vtable + 4, "<H", shared), "flatbuffer.overlap")


def test_one_place_read_as_two_kinds_is_found() -> None:
    data = model(more={3: ("s", "a description")})
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    places = [root + struct.unpack_from("<H", data, vtable + 4 + 2 * slot)[0] for slot in (1, 3)]
    target = places[0] + struct.unpack_from("<I", data, places[0])[0]
    assert_found(patched(data, places[1], "<I", target - places[1]), "flatbuffer.confusion")


def test_buffers_are_counted_as_the_vector_has_them_though_two_are_one_table() -> None:
    full = BUFFERS[1]
    assert_clean(model(buffers=[{}, 0, full], tensors=[tensor([2, 3], 2), tensor([2, 3], 1)]), "tflite")
    short = {0: ("v", "u1", [1])}
    wrong = model(buffers=[full, 0, short, full], tensors=[tensor([2, 3], 2), tensor([2, 3], 0)])
    assert_found(wrong, "tflite.tensor")  # in the order of the tables, number 2 would be the full one


def test_an_operator_that_stands_in_two_places_is_found() -> None:
    assert_found(model(operators=[operator(0, [0, 0], [1]), 0]), "tflite.index")


def test_padding_that_a_vtable_announces_may_be_shared_but_no_field_may() -> None:
    data = model()
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    wide = struct.unpack_from("<H", data, vtable + 2)[0]
    assert scan(patched(data, vtable + 2, "<H", wide + 2)).verdict is Verdict.CLEAN
    assert_found(patched(patched(data, vtable + 2, "<H", wide + 2), vtable + 4, "<H", wide - 2), "flatbuffer.overlap")


def test_every_truncation_is_noticed() -> None:
    data = model()
    for cut in range(9, len(data)):
        assert scan(data[:cut]).verdict is not Verdict.CLEAN, cut
