"""TensorFlow: graphs that only compute are clean; files, Python, paths and hidden functions are found."""

from __future__ import annotations

import json
import struct

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.networks import (
    assert_clean,
    assert_found,
    field,
    keras,
    layer,
    message,
    number,
    scan,
)

STRING = 7


def attribute(key: str, *values: tuple[int, int | str | bytes]) -> tuple[int, bytes]:
    return 5, message((1, key), (2, message(*values)))


def node(name: str, op: str, *inputs: str, more: tuple[tuple[int, bytes], ...] = ()) -> bytes:
    return message((1, name), (2, op), *((3, each) for each in inputs), *more)


def constant(name: str, *texts: str) -> bytes:
    shape = message((2, message((1, len(texts)))))
    tensor = message((1, STRING), (2, shape), *((8, each) for each in texts))
    return node(name, "Const", more=(attribute("dtype", (6, STRING)), attribute("value", (8, tensor))))


def function(name: str, *nodes: bytes) -> bytes:
    return message((1, message((1, name))), *((3, each) for each in nodes))


def graph(*nodes: bytes, library: tuple[bytes, ...] = ()) -> bytes:
    held = message(*((1, each) for each in library))
    return message(*((1, each) for each in nodes), *([(2, held)] if library else []), (4, message((1, 1987))))


def saved(graph_def: bytes, *more: tuple[int, bytes]) -> bytes:
    meta = message((1, message((4, "serve"), (5, "2.21.0"))), (2, graph_def), *more)
    return message((1, 1), (2, meta))


PLAIN = (node("x", "Placeholder"), node("y", "Relu", "x"))


def both(*nodes: bytes, library: tuple[bytes, ...] = ()) -> list[bytes]:
    """The same graph frozen, in a SavedModel, and as a .meta file."""
    made = graph(*PLAIN, *nodes, library=library)
    return [made, saved(made), message((1, message((4, "serve"))), (2, made))]


def test_graphs_that_only_compute_are_clean() -> None:
    calls = node("c", "PartitionedCall", "y", more=(attribute("f", (10, message((1, "f")))),))
    for data in both(calls, library=(function("f", node("a", "Exp", "x")),)):
        assert_clean(data, "tensorflow")


BAD = {
    "ReadFile": "tensorflow.read", "WriteFile": "tensorflow.write", "MatchingFiles": "tensorflow.read",
    "PyFunc": "tensorflow.code", "PyFuncStateless": "tensorflow.code", "EagerPyFunc": "tensorflow.code",
    "Save": "tensorflow.write", "Restore": "tensorflow.read", "TFRecordDataset": "tensorflow.read",
    "LMDBReader": "tensorflow.read", "RpcCall": "tensorflow.network", "DebugIdentityV2": "tensorflow.network",
    "ImmutableConst": "tensorflow.read", "LoadDataset": "tensorflow.read", "WriteSummary": "tensorflow.write",
}  # fmt: skip


@pytest.mark.parametrize("operation", BAD)
def test_operations_that_leave_the_graph_are_malicious(operation: str) -> None:
    for data in both(node("z", operation, "y")):
        assert_found(data, BAD[operation], Verdict.MALICIOUS)
        assert scan(data, deny=False).verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize("operation", BAD)
def test_they_are_found_in_functions_that_nothing_seems_to_call(operation: str) -> None:
    for data in both(library=(function("__inference_fn_12", node("a", operation, "x")),)):
        assert_found(data, BAD[operation], Verdict.MALICIOUS)


def test_printing_into_a_file_is_writing_it() -> None:
    for stream in ("file:///root/.bashrc", "file://x", "anything"):
        evil = node("p", "PrintV2", "y", more=(attribute("output_stream", (2, stream)),))
        assert_found(graph(*PLAIN, evil), "tensorflow.write", Verdict.MALICIOUS)
    fine = node("p", "PrintV2", "y", more=(attribute("output_stream", (2, "stderr")),))
    assert_clean(graph(*PLAIN, fine), "tensorflow")


@pytest.mark.parametrize("path", ["/etc/passwd", "../../x", "gs://bucket/v", "a/%2e%2e/%2e%2e/v", "\\\\host\\v"])
def test_constants_that_reach_an_operation_on_files_must_stay_in_the_folder(path: str) -> None:
    table = node("t", "InitializeTableFromTextFileV2", "h", "i")
    passed = node("i", "Identity", "c:0")
    assert_found(graph(*PLAIN, table, passed, constant("c", path)), "tensorflow.path", Verdict.MALICIOUS)
    save = node("s", "SaveV2", "c", "n", "l")
    inside = function("f", save, constant("c", path))
    assert_found(saved(graph(*PLAIN, library=(inside,))), "tensorflow.path", Verdict.MALICIOUS)
    assert_clean(graph(*PLAIN, constant("label", path)), "tensorflow")


def test_assets_must_stay_in_the_folder() -> None:
    for path in ("../../etc/passwd", "/etc/passwd", "http://evil/x", "a\\..\\b", "x\0y"):
        asset = message((1, message((1, "c:0"))), (2, path))
        assert_found(saved(graph(*PLAIN), (6, asset)), "tensorflow.path", Verdict.MALICIOUS)
    named = message((1, message((1, "c:0"))), (2, "vocab.txt"))
    table = (node("t", "InitializeTableFromTextFileV2", "h", "c"), constant("c", "/home/me/train/vocab.txt"))
    assert_clean(saved(graph(*PLAIN, *table), (6, named)), "tensorflow")


def test_custom_operations_and_functions_in_disguise_are_found() -> None:
    assert_found(graph(*PLAIN, node("z", "MyOp", "y")), "tensorflow.operation")
    assert_found(graph(*PLAIN, node("z", "relu", "y")), "tensorflow.operation")
    assert_found(graph(*PLAIN, library=(function("Relu", node("a", "Exp", "x")),)), "tensorflow.shadow")
    loop = (function("f", node("a", "g", "x")), function("g", node("a", "f", "x")))
    assert_found(graph(*PLAIN, library=loop), "tensorflow.recursion")
    named = node("a", "PartitionedCall", "x", more=(attribute("f", (10, message((1, "f")))),))
    assert_found(graph(*PLAIN, library=(function("f", named),)), "tensorflow.recursion")


def test_tensors_that_lie_about_their_size_are_found() -> None:
    def holder(dims: tuple[int, ...], content: bytes) -> bytes:
        shape = message(*((2, message((1, each))) for each in dims))
        tensor = message((1, 1), (2, shape), (4, content))
        return node("k", "Const", more=(attribute("value", (8, tensor)),))

    assert_clean(graph(*PLAIN, holder((2, 3), bytes(24))), "tensorflow")
    assert_found(graph(*PLAIN, holder((2, 3), bytes(25))), "tensorflow.tensor")
    assert_found(graph(*PLAIN, holder((1 << 40,), b"")), "tensorflow.bomb")
    assert_found(graph(*PLAIN, holder((-5,), b"")), "tensorflow.bomb")


def test_what_two_readers_take_differently_is_found() -> None:
    twice = node("k", "Const", more=(attribute("value", (3, 1), (2, "x")),))
    assert_found(graph(*PLAIN, twice), "tensorflow.attribute")
    renamed = message((1, "z"), (2, "Relu"), (2, "ReadFile"))
    assert_found(graph(*PLAIN, renamed), "tensorflow.read", Verdict.MALICIOUS)
    assert_found(graph(*PLAIN, renamed), "protobuf.twice")
    overlong = b"\x0a\x86\x00" + node("q", "Relu")[:6]
    assert_found(graph(*PLAIN) + overlong, "protobuf.overlong")


def test_keras_metadata_beside_the_graph_is_judged() -> None:
    def metadata(value: object) -> bytes:
        held = message((2, 1), (3, "root"), (4, "_tf_keras_layer"), (5, json.dumps(value)))
        return message((1, held))

    clean = {"name": "d", "trainable": True, "class_name": "Dense", "config": {"units": 1}}
    assert_clean(metadata(clean), "tensorflow-part")
    assert_clean(metadata(clean | {"class_name": "MyLayer"}), "tensorflow-part")
    assert_found(metadata(keras(layer("Lambda", None))), "keras.lambda", Verdict.MALICIOUS)
    user = message((4, message((1, "_tf_keras_layer"), (3, json.dumps(keras(layer("Lambda", None)))))))
    assert_found(saved(graph(*PLAIN), (7, message((1, user)))), "keras.lambda", Verdict.MALICIOUS)


def block(*entries: tuple[bytes, bytes]) -> bytes:
    body = b"".join(number(0) + number(len(key)) + number(len(value)) + key + value for key, value in entries)
    return body + struct.pack("<II", 0, 1)


def index(*entries: tuple[bytes, bytes], shards: int = 1) -> bytes:
    header = (b"", message((1, shards), (3, message((1, 1)))))
    data = block(header, *entries) + b"\0" + bytes(4)
    meta = block() + b"\0" + bytes(4)
    where = number(0) + number(len(data) - 5)
    top = block((b"z", where)) + b"\0" + bytes(4)
    handles = number(len(data)) + number(len(meta) - 5) + number(len(data) + len(meta)) + number(len(top) - 5)
    return data + meta + top + handles.ljust(40, b"\0") + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


def tensor(offset: int, size: int, *dims: int, dtype: int = 1) -> bytes:
    shape = message(*((2, message((1, each))) for each in dims))
    return message((1, dtype), (2, shape), (4, offset), (5, size)) + b"\x35" + bytes(4)


def test_the_index_of_a_checkpoint_claims_its_data() -> None:
    data = index((b"a", tensor(0, 24, 2, 3)), (b"b", tensor(24, 8, 2)))
    found = assert_clean(data, "tensorflow-checkpoint", "model/variables.index")
    assert [(each.path, each.at, each.count) for each in found.claims] == [
        ("variables.data-00000-of-00001", 0, 24),
        ("variables.data-00000-of-00001", 24, 8),
    ]


def test_an_index_that_does_not_fit_is_found() -> None:
    for entries in (
        [(b"a", tensor(0, 23, 2, 3))],
        [(b"a", tensor(0, 24, 2, 3)), (b"b", tensor(8, 24, 2, 3))],
        [(b"b", tensor(0, 4, 1)), (b"a", tensor(4, 4, 1))],
        [(b"a", tensor(1 << 62, 24, 2, 3))],
    ):
        assert_found(index(*entries), "tensorflow.checkpoint")


def test_truncations_and_unknown_fields_are_not_clean() -> None:
    data = saved(graph(*PLAIN, node("z", "Relu", "y")))
    for cut in range(9, len(data)):
        assert scan(data[:cut]).verdict is not Verdict.CLEAN, cut
    assert scan(data + field(99, "payload")).verdict is not Verdict.CLEAN
    inner = graph(*PLAIN, node("z", "Relu", "y") + field(77, "payload"))
    assert scan(inner).verdict is Verdict.UNREADABLE
