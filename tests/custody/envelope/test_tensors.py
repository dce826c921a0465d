"""Sealed safetensors, one tensor at a time, beside the format's own library; and headers that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import TamperedError, UnreadableError, UsageError
from casemate.custody.envelope import encrypt_file, open_encrypted_safetensors
from casemate.custody.envelope.tensors import parse_layout
from casemate.keys.kek_file import FileKey, create_kek

numpy_files = pytest.importorskip("safetensors.numpy")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> FileKey:
    return create_kek(tmp_path_factory.mktemp("keys") / "a.kek")


def tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    kinds = ("float32", "float64", "float16", "int8", "uint8", "int64", "uint16", "int32", "bool")
    found = {f"layer.{kind}": rng.integers(0, 2, (3, 5, 7)).astype(kind) for kind in kinds}
    more = {"scalar": np.array(3.5, np.float32), "empty": np.zeros((0, 4), np.float32), "ünïcode": np.arange(3)}
    return {**found, **more}


def seal(folder: Path, data: bytes, key: FileKey) -> Path:
    (folder / "m").write_bytes(data)
    return encrypt_file(folder / "m", folder / "s", [key], segment=1024, overwrite=True).path


def test_every_tensor_is_the_one_that_was_saved(key: FileKey, tmp_path: Path) -> None:
    want = tensors()
    path = seal(tmp_path, numpy_files.save(want, {"author": "us"}), key)
    with open_encrypted_safetensors(path, [key]) as opened:
        assert set(opened) == set(want)
        assert len(opened) == len(want)
        assert opened.metadata == {"author": "us"}
        assert "absent" not in opened
        for name, array in want.items():
            got = opened[name]
            assert got.dtype == array.dtype
            assert got.flags.aligned
            assert got.flags.writeable
            np.testing.assert_array_equal(got, array)
        with pytest.raises(KeyError):
            opened["absent"]


@pytest.mark.torch
def test_torch_has_types_that_numpy_has_not(key: FileKey, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    save = pytest.importorskip("safetensors.torch").save
    want = {
        "b": torch.arange(12, dtype=torch.bfloat16).reshape(3, 4),
        "f8": torch.tensor([1.0, -2.0]).to(torch.float8_e4m3fn),
        "f": torch.randn(5, 2),
        "none": torch.zeros(0, 3),
    }
    with open_encrypted_safetensors(seal(tmp_path, save(want), key), [key]) as opened:
        for name, tensor in want.items():
            assert opened.torch(name).dtype == tensor.dtype
            assert opened.torch(name).shape == tensor.shape
            assert torch.equal(opened.torch(name).to(torch.float32), tensor.to(torch.float32))
        with pytest.raises(UsageError, match=r"ask for it by \.torch"):
            opened["b"]
        assert bytes(opened.raw("b")) == want["b"].view(torch.uint8).numpy().tobytes()


def test_a_tensor_is_read_although_another_is_damaged(key: FileKey, tmp_path: Path) -> None:
    want = {"a": np.arange(4000, dtype=np.float32), "b": np.arange(4000, dtype=np.float32)}
    path = seal(tmp_path, numpy_files.save(want), key)
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.write_bytes(data)
    with open_encrypted_safetensors(path, [key]) as opened:
        last = max(opened.tensors, key=lambda name: opened.tensors[name].start)
        first = "b" if last == "a" else "a"
        np.testing.assert_array_equal(opened[first], want[first])
        with pytest.raises(TamperedError):
            opened[last]


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


REFUSED: dict[str, Any] = {
    "gap": {"a": entry(), "b": entry(offsets=(12, 20))},
    "overlap": {"a": entry(), "b": entry(offsets=(4, 12))},
    "same place": {"a": entry(), "b": entry()},
    "begins late": {"a": entry(offsets=(4, 12))},
    "too long for the file": {"a": entry(shape=(4,), offsets=(0, 16))},
    "does not fill the file": {},
    "backwards": {"a": entry(offsets=(8, 0))},
    "negative": {"a": entry(shape=(-2,), offsets=(0, 8))},
    "fraction": {"a": entry(shape=(2.0,))},
    "truth": {"a": entry(shape=(True, 2))},
    "text": {"a": entry(shape="2")},
    "huge": {"a": entry(shape=[1 << 62] * 64)},
    "too huge": {"a": entry(shape=[1 << 63])},
    "deep": {"a": entry(shape=[1] * 65 + [2])},
    "type": {"a": entry(dtype="F33")},
    "type of type": {"a": entry(dtype=["F32"])},
    "more": {"a": {**entry(), "x": 1}},
    "less": {"a": {"dtype": "F32", "shape": [2]}},
    "no object": {"a": [1]},
    "metadata": {"__metadata__": {"a": 1}, "a": entry()},
    "metadata list": {"__metadata__": ["a"], "a": entry()},
}


@pytest.mark.parametrize("case", REFUSED)
def test_headers_that_the_format_does_not_allow_are_refused(case: str) -> None:
    with pytest.raises(UnreadableError, match="not a safetensors file"):
        parse_layout(json.dumps(REFUSED[case]).encode(), 8)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b" {}",
        b"{",
        b"{\xff}",
        b'{"a":NaN}',
        b"{" + b'"a":{' * 100_000,
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    ],
)
def test_texts_that_are_no_header_are_refused(text: bytes) -> None:
    with pytest.raises(UnreadableError, match="not a safetensors file"):
        parse_layout(text, 8)


@pytest.mark.parametrize(
    "data", [b"", b"1234567", bytes(8), b"\xff" * 9, (9).to_bytes(8, "little") + b"{}", b"x" * 3000]
)
def test_a_sealed_file_that_is_no_safetensors_is_refused(data: bytes, key: FileKey, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="not a safetensors file"):
        open_encrypted_safetensors(seal(tmp_path, data, key), [key])


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from(["F32", "U8", "dtype", "shape"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=12,
    ),
    st.integers(0, 100),
)
def test_any_json_is_a_layout_or_is_refused(value: Any, data: int) -> None:
    try:
        found, _ = parse_layout(json.dumps(value).encode(), data)
    except UnreadableError:
        return
    assert sum(each.stop - each.start for each in found.values()) == data
