"""Conversion to safetensors: the same numbers, without unpickling; whatever is no state dict is refused."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load

from casemate.core.errors import UnreadableError, UnsafeArtifactError
from casemate.threats.supply_chain.convert import to_safetensors


def saved(value: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def test_a_module_comes_through_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    data = saved(module.state_dict())

    def trap(*_: object, **__: object) -> None:
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(pickle, "loads", trap)
    monkeypatch.setattr(torch, "load", trap)
    converted = to_safetensors(data)
    found = load(converted.content)
    assert found.keys() == module.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in module.state_dict().items())
    assert converted.tensors == 7


def test_views_types_nesting_and_plain_values() -> None:
    base = torch.arange(24.0).reshape(4, 6)
    value = {
        "epoch": 3,
        "note": "text",
        "model": OrderedDict(a=base.t(), b=base[1:3, ::2], c=base[:1].expand(5, 6), d=torch.tensor(1.5)),
        "kinds": [
            torch.ones(3, dtype=kind) for kind in (torch.bfloat16, torch.float16, torch.bool, torch.int8, torch.int64)
        ],
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    converted = to_safetensors(saved(value))
    found = load(converted.content)
    assert torch.equal(found["model.a"], base.t())
    assert torch.equal(found["model.b"], base[1:3, ::2])
    assert torch.equal(found["model.c"], base[:1].expand(5, 6))
    assert found["model.d"].item() == 1.5
    assert [found[f"kinds.{index}"].dtype for index in range(5)] == [tensor.dtype for tensor in value["kinds"]]  # type: ignore[attr-defined]
    assert found["empty"].shape == (0, 3)
    assert set(converted.values) == {"epoch", "note"}


@pytest.mark.parametrize(
    "value",
    [
        torch.nn.Linear(2, 2),
        {"a": complex(1, 2)},
        {"a": torch.device("cpu")},
        {"a": b"bytes"},
        {(1, 2): torch.ones(1)},
        {"a.b": torch.ones(1), "a": {"b": torch.ones(1)}},
        {"a": torch.ones(2, dtype=torch.complex128)},
        {"a": torch.zeros(1).expand(1 << 30)},
    ],
    ids=str,
)
def test_what_is_no_state_dict_is_refused(value: object) -> None:
    with pytest.raises(UnsafeArtifactError):
        to_safetensors(saved(value))


def remade(change: dict[str, bytes]) -> bytes:
    """A saved tensor whose members are replaced by others."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved({"a": torch.ones(4)}))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, change.get(name.partition("/")[2], old.read(name)))
    return out.getvalue()


def test_a_pickle_that_calls_something_is_refused_even_if_it_throws_the_result_away() -> None:
    assert to_safetensors(remade({})).tensors == 1
    for pickled in (
        b"\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R0}.",
        b"\x80\x02cos\nsystem\n0}.",
        b"\x80\x02}.cos\nsystem\nX\x02\0\0\0id\x85R.",
        b"\x80\x02ccollections\nOrderedDict\n)R}X\x01\0\0\0acos\nsystem\nsb.",
        b"\x80\x02}X\x01\0\0\0aPid\ns.",
    ):
        with pytest.raises((UnsafeArtifactError, UnreadableError)):
            to_safetensors(remade({"data.pkl": pickled}))


def test_storages_must_be_there_and_as_long_as_said() -> None:
    for change in ({"data/0": b""}, {"data/0": bytes(15)}, {"data/0": bytes(17)}, {"byteorder": b"big"}):
        with pytest.raises((UnsafeArtifactError, UnreadableError)):
            to_safetensors(remade(change))


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + bytes(18), b"\x80\x02}.", saved({"a": torch.ones(2)})[:-4]])
def test_what_cannot_be_read_is_said_to_be(data: bytes) -> None:
    with pytest.raises((UnreadableError, UnsafeArtifactError)):
        to_safetensors(data)
