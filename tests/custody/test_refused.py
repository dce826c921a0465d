"""Hostile bytes, written by hand and only ever scanned: all are refused, with exit code 1 and a finding."""

from __future__ import annotations

import io
import pickle
import zlib
from pathlib import Path
from typing import Any
from unittest import mock

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from casemate.core.errors import UnsafeArtifactError
from casemate.custody import inspect_model, open_model
from casemate.custody.guard import models, sealed
from casemate.threats.supply_chain.containers import streams
from casemate.threats.supply_chain.pickles import machine
from casemate.threats.supply_chain.pickles.allowlist import extended, reviewed
from casemate.threats.supply_chain.pickles.scan import scan
from tests.custody.assemble import (
    DROPPED,
    PAYLOAD,
    array,
    big,
    call,
    dtype,
    frame,
    mapping,
    name,
    new,
    number,
    raw,
    stream,
    text,
    tup,
)

ESTIMATOR = name("sklearn.linear_model._logistic", "LogisticRegression")
DATA = np.arange(4.0).tobytes()
ARRAY = array((4,), DATA)
OBJECTS = stream(b"]" + PAYLOAD + b"a", 4)
SCIPY = name("scipy.stats._continuous_distns", "norm_gen")
TEMPLATE = "\ndef _parse_args(self, loc=0, scale=1):\n    return (), loc, scale\n"

HOSTILE: dict[str, tuple[str, bytes]] = {
    # where the payload lies
    "alone": ("CM-SUP-001", stream(PAYLOAD)),
    "protocol 0": ("CM-SUP-001", b"cos\nsystem\n(Vtrue\ntR."),
    "before an array": ("CM-SUP-001", stream(DROPPED + ARRAY)),
    "after an array": ("CM-SUP-001", stream(b"(" + ARRAY + PAYLOAD + b"t")),
    "in an array that says it is shorter": ("CM-SUP-001", stream(array((2,), DATA[:16] + DROPPED + DATA[:0]))),
    "in an array of objects": ("CM-SUP-001", stream(array((1,), OBJECTS, code="O8", padding=b""))),
    "as the data of an array": ("CM-SUP-010", stream(array((len(stream(PAYLOAD)),), stream(PAYLOAD), code="u1"))),
    "as constant bytes": ("CM-SUP-010", stream(raw(stream(PAYLOAD)))),
    "in the wrapper's state": ("CM-SUP-001", stream(array((4,), DATA, subclass=PAYLOAD))),
    "in a second stream": ("CM-SUP-001", stream(ARRAY) + stream(PAYLOAD)),
    "in a second stream after junk": ("CM-SUP-006", stream(ARRAY) + b"\0" * 64 + stream(PAYLOAD)),
    "a second clean stream": ("CM-SUP-006", stream(ARRAY) + stream(b"N")),
    "popped again": ("CM-SUP-001", stream(DROPPED + b"N")),
    "before damage": ("CM-SUP-001", stream(DROPPED + ARRAY)[:-9]),
    "imported only": ("CM-SUP-001", stream(name("os", "system"))),
    # how names are reached
    "stack global": ("CM-SUP-001", stream(text("os") + text("system") + b"\x93" + tup(text("true")) + b"R", 4)),
    "names from the memo": ("CM-SUP-001", stream(text("os") + b"q\0" + text("system") + b"q\1" + b"00h\0h\1\x93", 4)),
    "names doubled": ("CM-SUP-001", stream(text("this") + b"2\x93", 4)),
    "name computed": ("CM-SUP-004", stream(call(name("builtins", "complex"), number(1)) + text("x") + b"\x93", 4)),
    "moved module": ("CM-SUP-001", stream(call(name("__builtin__", "eval"), text("1")), 2)),
    "moved name": ("CM-SUP-001", stream(call(name("__builtin__", "execfile"), text("1")), 2)),
    "dotted name": ("CM-SUP-001", stream(text("sklearn.base") + text("os.system") + b"\x93", 4)),
    "module with a line break": ("CM-SUP-001", stream(text("os\n") + text("system") + b"\x93", 4)),
    "inst": ("CM-SUP-001", stream(b"(" + text("true") + b"ios\nsystem\n")),
    "obj": ("CM-SUP-001", stream(b"(" + name("os", "system") + text("true") + b"o")),
    "inst of an allowed class": ("CM-SUP-005", stream(b"(isklearn.linear_model._logistic\nLogisticRegression\n")),
    "extension code": ("CM-SUP-005", stream(b"\x82\x01")),
    "persistent id": ("CM-SUP-005", stream(b"Pthis\n")),
    "binary persistent id": ("CM-SUP-005", stream(text("this") + b"Q")),
    "out-of-band buffer": ("CM-SUP-005", stream(b"\x97", 5)),
    "late protocol": ("CM-SUP-005", stream(b"N0\x80\x02N")),
    "left on the stack": ("CM-SUP-005", stream(b"NN")),
    "left behind a mark": ("CM-SUP-005", stream(b"N(N")),
    # allowed names in other roles
    "estimator called": ("CM-SUP-002", stream(call(ESTIMATOR))),
    "result called": ("CM-SUP-002", stream(new(ESTIMATOR) + tup() + b"R")),
    "constant called": ("CM-SUP-002", stream(text("x") + tup() + b"R")),
    "numpy function called": ("CM-SUP-002", stream(call(name("numpy", "mean"), raw(b"1")))),
    "memmap called": ("CM-SUP-002", stream(call(name("numpy", "memmap"), text("/etc/passwd")))),
    "array made large": ("CM-SUP-002", stream(new(name("numpy", "ndarray"), tup(big(1 << 40))))),
    "getattr": ("CM-SUP-002", stream(call(name("builtins", "getattr"), ESTIMATOR, text("__init__")))),
    "getattr of an estimator": ("CM-SUP-002", stream(call(name("builtins", "getattr"), new(ESTIMATOR), text("fit")))),
    "reconstructor": (
        "CM-SUP-001",
        stream(call(name("copyreg", "_reconstructor"), name("os", "system"), name("builtins", "object"), b"N")),
    ),
    "reconstructor with a base": (
        "CM-SUP-002",
        stream(call(name("copyreg", "_reconstructor"), ESTIMATOR, name("builtins", "list"), b"N")),
    ),
    "codec": ("CM-SUP-002", stream(call(name("_codecs", "encode"), text("x"), text("zip")))),
    "factory": ("CM-SUP-002", stream(call(name("collections", "defaultdict"), name("sklearn.pipeline", "Pipeline")))),
    "random generator by another name": (
        "CM-SUP-002",
        stream(call(name("numpy.random._pickle", "__bit_generator_ctor"), name("numpy", "mean"))),
    ),
    "scalar of objects": (
        "CM-SUP-002",
        stream(call(name("numpy._core.multiarray", "scalar"), dtype("O8"), raw(stream(b"N")))),
    ),
    "partial of a payload": ("CM-SUP-001", stream(call(name("functools", "partial"), name("os", "system")))),
    "partial that changes": (
        "CM-SUP-003",
        stream(
            call(name("functools", "partial"), name("numpy", "mean"))
            + tup(name("numpy", "sum"), tup(), mapping(), b"N")
            + b"b"
        ),
    ),
    # names nobody lists
    **{
        f"{module}.{attribute}": ("CM-SUP-001", stream(call(name(module, attribute), text("x"))))
        for module, attribute in (
            ("numpy", "load"),
            ("numpy", "fromfile"),
            ("numpy.testing._private.utils", "runstring"),
            ("joblib", "load"),
            ("joblib.numpy_pickle", "load"),
            ("joblib.numpy_pickle_compat", "NDArrayWrapper"),
            ("sklearn.datasets", "load_files"),
            ("sklearn.datasets._base", "load_files"),
            ("sklearn.utils._joblib", "load"),
            ("sklearn.metrics._dist_metrics", "PyFuncDistance64"),
            ("pandas", "read_pickle"),
            ("pandas.io.parsers.readers", "read_csv"),
            ("operator", "attrgetter"),
            ("operator", "methodcaller"),
            ("builtins", "exec"),
            ("builtins", "__import__"),
            ("pickle", "loads"),
            ("cloudpickle.cloudpickle", "_make_function"),
            ("torch.utils.collect_env", "run"),
            ("runpy", "_run_code"),
            ("numpy.f2py.crackfortran", "getlincoef"),
        )
    },
    # states
    "state of a class": ("CM-SUP-003", stream(ESTIMATOR + mapping(fit=number(1)) + b"b")),
    "state of a function": ("CM-SUP-003", stream(name("numpy", "mean") + mapping(a=number(1)) + b"b")),
    "item of a class": ("CM-SUP-003", stream(ESTIMATOR + text("a") + number(1) + b"s")),
    "append to an estimator": ("CM-SUP-003", stream(new(ESTIMATOR) + number(1) + b"a")),
    "own setstate": ("CM-SUP-003", stream(new(ESTIMATOR) + mapping(__setstate__=name("numpy", "mean")) + b"b")),
    "class in the slots": (
        "CM-SUP-003",
        stream(new(ESTIMATOR) + tup(b"N", mapping(__class__=name("sklearn.pipeline", "Pipeline"))) + b"b"),
    ),
    "state that is an object": ("CM-SUP-003", stream(new(ESTIMATOR) + new(ESTIMATOR) + b"b")),
    "code in scipy's template": (
        "CM-SUP-003",
        stream(new(SCIPY) + mapping(_parse_arg_template=text(TEMPLATE + "import os\n")) + b"b"),
    ),
    "call in scipy's template": (
        "CM-SUP-003",
        stream(new(SCIPY) + mapping(_parse_arg_template=text(TEMPLATE.replace("loc=0", "loc=exit()"))) + b"b"),
    ),
    "no template": ("CM-SUP-003", stream(new(SCIPY) + mapping(a=number(1)) + b"b")),
    # arrays
    "array longer than the file": ("CM-SUP-009", stream(array((1 << 40,), DATA))),
    "array whose size overflows": ("CM-SUP-009", stream(array((1 << 32, 1 << 32), DATA))),
    "negative shape": ("CM-SUP-009", stream(array((-1,), DATA))),
    "shape in a list": ("CM-SUP-009", stream(array((4,), DATA, shape=b"]" + number(4) + b"a"))),
    "another method": ("CM-SUP-009", stream(array((4,), DATA, read=name("numpy", "mean")))),
    "padding that is not": ("CM-SUP-009", stream(array((4,), DATA, padding=b"\x02NN"))),
    "too much padding": ("CM-SUP-009", stream(array((4,), DATA, padding=b"\x20" + b"\xff" * 32))),
    "wrapper built twice": (
        "CM-SUP-009",
        stream(array((4,), DATA).replace(b"\x81", b"\x81q\0", 1) + b"0h\0" + mapping(a=number(1)) + b"b"),
    ),
    "wrapper in an array of objects": (
        "CM-SUP-009",
        stream(array((1,), stream(array((4,), DATA)), code="O8", padding=b"")),
    ),
    "shared dtype": ("CM-SUP-009", stream(call(name("numpy", "dtype"), text("f8"), b"\x89", b"\x89"))),
    "dtype of a type": ("CM-SUP-009", stream(call(name("numpy", "dtype"), ESTIMATOR, b"\x89", b"\x88"))),
    "dtype that turns into objects": (
        "CM-SUP-009",
        stream(dtype("V8") + tup(number(3), text("|"), b"N", b"N", b"N", number(8), number(1), number(63)) + b"b"),
    ),
    "dtype changed after use": (
        "CM-SUP-009",
        stream(
            array((1,), DATA[:8], dtype=dtype() + b"q\x09")
            + b"0h\x09"
            + tup(number(3), text("<"), b"N", b"N", b"N", number(-1), number(-1), number(0))
            + b"b"
        ),
    ),
    "array data inside a frame": ("CM-SUP-007", stream(frame(ARRAY), 4)),
    # frames, where loaders disagree
    "frame hides opcodes": (
        "CM-SUP-007",
        b"\x80\x04" + frame(b"B" + (60).to_bytes(4, "little") + b"  ") + DROPPED + b"N." + b" " * 60,
    ),
    "frame in a frame": ("CM-SUP-007", stream(frame(frame(b"N0") + b"N"), 4)),
    "frame too long": ("CM-SUP-007", stream(frame(b"N", 1 << 40), 4)),
    "frame beyond the end": ("CM-SUP-007", stream(frame(b"N.N", 3)[:-2], 4)),
    "frame in protocol 2": ("CM-SUP-007", stream(frame(b"N"), 2)),
    # bombs
    "tower of tuples": ("CM-SUP-008", stream(b"}(N" + b"2\x86" * 60 + b"Nu")),
    "tower in a set": ("CM-SUP-008", stream(b"\x8f(N" + b"2\x86" * 60 + b"\x90", 4)),
    "deep key": ("CM-SUP-008", stream(b"}(N" + b"\x85" * 5000 + b"Nu")),
    "memo index": ("CM-SUP-008", stream(b"Nr\xff\xff\xff\x7f")),
    "long integer": ("CM-SUP-008", stream(b"\x8b\xff\xff\xff\x00" + b"\1" * 100_000)),
    "state again and again": (
        "CM-SUP-008",
        stream(
            new(ESTIMATOR)
            + b"}("
            + b"".join(text(f"a{n}") + b"N" for n in range(3000))
            + b"uq\x01"
            + b"bh\x01" * 2000
            + b"b"
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_bytes_are_refused(case: str, tmp_path: Path) -> None:
    rule, data = HOSTILE[case]
    path = tmp_path / "model.joblib"
    path.write_bytes(data)

    with (
        mock.patch.object(models, "unpickle", side_effect=AssertionError("loaded")),
        pytest.raises(UnsafeArtifactError) as caught,
    ):
        open_model(path)

    assert caught.value.exit_code == 1
    assert "model.joblib was refused" in caught.value.message
    assert rule in [finding.rule for finding in inspect_model(path).findings]


def boundaries(data: bytes) -> list[int]:
    """Where each opcode of a benign file begins, arrays crossed."""
    seen: list[int] = []

    def logged(step: object) -> object:
        def run(m: machine.Machine) -> None:
            seen.append(m.at)
            step(m)  # type: ignore[operator]

        return run

    with mock.patch.object(machine, "STEPS", {code: logged(step) for code, step in machine.STEPS.items()}):
        machine.Machine(machine.Cursor(data), lambda _: None).walk()
    return [at for at in seen if at]


def test_a_payload_between_any_two_opcodes_of_a_real_model_is_refused() -> None:
    model = LogisticRegression().fit(np.arange(8.0).reshape(4, 2), ["a", "b", "a", "b"])
    written = io.BytesIO()
    joblib.dump({"model": model, "names": np.array(["a", None], dtype=object)}, written, protocol=3)
    data = written.getvalue()
    places = boundaries(data)

    assert len(places) > 150
    assert scan(data, extended(())[0], most=1 << 20).verdict == "clean"
    for at in places:
        assert scan(data[:at] + DROPPED + data[at:], extended(())[0], most=1 << 20).verdict == "malicious", at


@pytest.mark.parametrize("compress", [("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
def test_a_compressed_payload_is_refused(compress: tuple[str, int], tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({"benign": 1}, path, compress=compress)
    path.write_bytes(path.read_bytes() + b"\0" * 7)
    assert [finding.rule for finding in inspect_model(path).findings] == ["CM-SUP-006"]

    with mock.patch.object(
        joblib.numpy_pickle.NumpyPickler, "dump", lambda self, _: self.file_handle.write(stream(PAYLOAD))
    ):
        joblib.dump(None, path, compress=compress)
    with pytest.raises(UnsafeArtifactError, match="os:system"):
        open_model(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FREE", 1 << 16)
    path = tmp_path / "model.joblib"
    path.write_bytes(zlib.compress(b"\0" * (4 << 20), 9))

    with pytest.raises(UnsafeArtifactError, match="CM-SUP-008"):
        open_model(path)


def test_a_file_swapped_after_it_was_read_is_not_what_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump("honest", path)
    opened = []

    def swapping(data: bytes, *rest: Any, **more: Any) -> Any:
        path.write_bytes(stream(PAYLOAD))
        return scan(data, *rest, **more)

    def counting(*rest: Any, **more: Any) -> int:
        opened.append(rest)
        return os_open(*rest, **more)

    os_open = sealed.os.open
    monkeypatch.setattr(models, "scan", swapping)
    monkeypatch.setattr(sealed.os, "open", counting)

    assert open_model(path).model == "honest"
    assert len(opened) == 1
    monkeypatch.undo()
    with pytest.raises(UnsafeArtifactError):
        open_model(path)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, HistGradientBoostingClassifier])
@pytest.mark.parametrize("dump", [joblib.dump, pickle.dump])
def test_a_tree_whose_links_lead_astray_is_refused(kind: type, dump: Any, protocol: int) -> None:
    x, y = np.arange(60.0)[:, None], np.arange(60) // 7 % 2
    model = kind().fit(x, y)
    nodes = model.tree_.__getstate__()["nodes"] if kind is DecisionTreeClassifier else model._predictors[0][0].nodes
    written = io.BytesIO()
    dump(model, written, protocol=protocol)
    assert scan(written.getvalue(), reviewed(), most=1 << 22).verdict == "clean"

    for field, value in (("left_child", 0), ("right_child", 1 << 40), ("feature", 5)) if "tree_" in vars(model) else (
        ("left", 0), ("right", 1 << 30)
    ):  # fmt: skip
        bad = nodes.copy()
        bad[field][0] = value
        hostile = io.BytesIO()
        if kind is DecisionTreeClassifier:
            state = model.tree_.__getstate__() | {"nodes": bad}
            dump(_Reduced(type(model.tree_), (1, np.array([2]), 1), state), hostile, protocol=protocol)
        else:
            model._predictors[0][0].nodes = bad
            dump(model, hostile, protocol=protocol)
        found = scan(hostile.getvalue(), reviewed(), most=1 << 22)
        assert [finding.rule for finding in found.findings] == ["CM-SUP-003"], field


class _Reduced:
    """Pickles as a call with a state."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return self.parts


def test_the_error_crosses_a_process_boundary(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(stream(PAYLOAD))
    with pytest.raises(UnsafeArtifactError) as caught:
        open_model(path)

    again = pickle.loads(pickle.dumps(caught.value))  # noqa: TID251 - our own error, not a model

    assert str(again) == str(caught.value)
    assert again.findings == caught.value.findings
    assert again.record["verdict"] == "malicious"
    assert again.record["sha256"] == inspect_model(path).digest.hex
