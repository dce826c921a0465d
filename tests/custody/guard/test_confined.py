"""The guard's unpickler: joblib's results, without joblib's trust. Every stream here is written by these tests."""

from __future__ import annotations

import copyreg
import io
import mmap
import pickle
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import joblib
import numpy as np
import pytest

from casemate.custody.guard.confined import StrayNameError, unpickle
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.pickles.scan import scan
from tests.threats.supply_chain.pickles.assemble import frame, mapping, name, new, stream, text

ARRAYS = {
    "plain": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(12.0).reshape(3, 4)[:, ::2],
    "transposed": np.arange(6).reshape(2, 3).T,
    "foreign": np.arange(5, dtype=">i4"),
    "foreign fortran": np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
    "scalar": np.array(7, dtype="i1"),
    "empty": np.empty((0, 3), "f4"),
    "texts": np.array(["a", "bc"]),
    "dates": np.array(["2026-11-25"], "M8[D]"),
    "fields": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", ">f8")]),
    "objects": np.array([["a", None], [1, [2.5]]], dtype=object),
    "large": np.arange(100_000, dtype="i2"),
}


def dumped(value: Any, protocol: int | None = None) -> bytes:
    written = io.BytesIO()
    joblib.dump(value, written, protocol=protocol)
    return written.getvalue()


def in_memory(content: bytes) -> mmap.mmap:
    data = mmap.mmap(-1, len(content))
    data[:] = content
    return data


def names(content: bytes) -> tuple[str, ...]:
    return scan(content, extended(())[0], most=1 << 22).imported


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("hold", [bytes, in_memory])
def test_arrays_come_back_as_joblib_gives_them(hold: Any, protocol: int) -> None:
    content = dumped(ARRAYS, protocol)
    ours = unpickle(hold(content), names(content))
    theirs = joblib.load(io.BytesIO(content))  # noqa: TID251 - written above

    for label, array in theirs.items():
        found = ours[label]
        assert found.dtype == array.dtype, label
        assert found.shape == array.shape, label
        assert found.flags.c_contiguous == array.flags.c_contiguous, label
        assert found.flags.f_contiguous == array.flags.f_contiguous, label
        assert found.flags.writeable, label
        assert found.flags.aligned, label
        np.testing.assert_array_equal(found, array, err_msg=label)


def test_arrays_lie_in_the_memory_that_was_scanned_and_keep_it_alive() -> None:
    content = dumped(ARRAYS["large"])
    data = in_memory(content)
    found = unpickle(data, names(content))
    at = content.index(found.tobytes())
    found[0] = 9
    assert data[at : at + 2] == b"\x09\x00"
    with pytest.raises(BufferError):
        data.close()
    del data
    assert found[-1] == np.arange(100_000, dtype="i2")[-1]


def test_an_array_that_is_not_aligned_is_copied() -> None:
    aligned = dumped(ARRAYS["plain"])
    with mock.patch.object(
        joblib.numpy_pickle.NumpyArrayWrapper, "safe_get_numpy_array_alignment_bytes", return_value=None
    ):
        content = dumped(["odd", ARRAYS["plain"]])
        found = unpickle(in_memory(content), names(content))[1]
    assert found.flags.aligned
    np.testing.assert_array_equal(found, unpickle(aligned, names(aligned)))


def test_a_name_that_the_scan_did_not_show_is_refused_before_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stray_module.py").write_text("class Thing:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    content = stream(name("stray_module", "Thing"))

    with pytest.raises(StrayNameError, match="stray_module:Thing"):
        unpickle(content, ["stray_module:Other"])
    assert "stray_module" not in sys.modules
    assert unpickle(content, ["stray_module:Thing"]).__name__ == "Thing"
    del sys.modules["stray_module"]


@pytest.mark.parametrize(
    "content",
    [
        stream(name("collections", "OrderedDict")),
        stream(text("collections") + text("OrderedDict") + b"\x93", 4),
        stream(frame(text("collections") + text("OrderedDict") + b"\x93"), 4),
        stream(b"(icollections\nOrderedDict\n"),
        stream(b"(" + name("collections", "OrderedDict") + b"o"),
        stream(text("collections") + text("OrderedDict.fromkeys") + b"\x93", 4),
    ],
    ids=["GLOBAL", "STACK_GLOBAL", "framed", "INST", "OBJ", "dotted"],
)
def test_every_way_to_a_name_is_confined(content: bytes) -> None:
    with pytest.raises(StrayNameError):
        unpickle(content, ["collections:Counter", "collections:OrderedDict.other"])


def test_names_are_compared_as_the_loader_resolves_them() -> None:
    moved = stream(name("__builtin__", "complex"), 2)
    assert unpickle(moved, ["builtins:complex"]) is complex
    with pytest.raises(StrayNameError):
        unpickle(moved, ["__builtin__:complex"])


def test_the_stream_inside_an_array_of_objects_is_confined_too() -> None:
    content = dumped(np.array([{"a": 1 + 2j}], dtype=object))
    every = names(content)
    assert "builtins:complex" in every
    assert unpickle(content, every)[0] == {"a": 1 + 2j}
    with pytest.raises(StrayNameError, match="builtins:complex"):
        unpickle(content, [each for each in every if each != "builtins:complex"])


def test_extension_codes_and_persistent_ids_are_refused() -> None:
    copyreg.add_extension("collections", "OrderedDict", 240)
    try:
        with pytest.raises(StrayNameError, match="extension code"):
            unpickle(b"\x80\x02\x82\xf0.", ["collections:OrderedDict"])
    finally:
        copyreg.remove_extension("collections", "OrderedDict", 240)
    with pytest.raises(pickle.UnpicklingError):
        unpickle(b"Pthis\n.", [])


def test_companion_files_of_old_joblib_are_out_of_reach() -> None:
    wrapper = name("joblib.numpy_pickle_compat", "NDArrayWrapper")
    with pytest.raises(StrayNameError):
        unpickle(stream(wrapper), names(dumped(ARRAYS)))
    with pytest.raises(pickle.UnpicklingError, match="another file"):
        unpickle(
            stream(new(wrapper) + mapping(filename=text("x.npy")) + b"b"), ["joblib.numpy_pickle_compat:NDArrayWrapper"]
        )
