"""Archives of torch: the storages beside data.pkl are accounted for by its persistent ids, to the byte."""

from __future__ import annotations

import io
import warnings
import zipfile

import pytest

from casemate.threats.supply_chain.files import scan_bytes
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.verdict import Verdict

torch = pytest.importorskip("torch")
SETTINGS = Settings(allow=reviewed())


def saved() -> dict[str, bytes]:
    out = io.BytesIO()
    torch.save({"a": torch.arange(5.0), "b": torch.zeros(3, dtype=torch.bfloat16), "c": torch.zeros(0)}, out)
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_what_torch_saves_is_clean_to_the_last_byte() -> None:
    out = io.BytesIO()
    torch.save(torch.nn.Linear(3, 2).state_dict(), out)
    for data in (out.getvalue(), packed(saved())):
        found = scan_bytes(data, SETTINGS)
        assert (found.verdict, found.reason, found.coverage) == (Verdict.CLEAN, "", 1.0)


@pytest.mark.parametrize("how", ["longer", "shorter", "another", "gone"])
def test_bytes_that_no_storage_accounts_for_are_not_clean(how: str) -> None:
    members = saved()
    name = next(name for name in members if name.endswith("data/0"))
    if how == "longer":
        members[name] += b"\0"
    elif how == "shorter":
        members[name] = members[name][:-1]
    elif how == "another":
        members[name.removesuffix("0") + "9"] = b"\1\2\3"
    else:
        del members[name]
    found = scan_bytes(packed(members), SETTINGS)
    assert found.verdict is Verdict.UNREADABLE
    assert found.reason


def traced() -> dict[str, bytes]:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(torch.nn.Linear(3, 2), torch.zeros(1, 3)), out)
    with zipfile.ZipFile(io.BytesIO(out.getvalue())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_traced_input_may_be_left_out() -> None:
    members = traced()
    name = next(name for name in members if name.endswith("traced_inputs/0"))
    assert members[name] == b""
    for numbers in (b"", bytes(12)):
        found = scan_bytes(packed(members | {name: numbers}), SETTINGS)
        assert (found.verdict, found.reason, found.coverage) == (Verdict.CLEAN, "", 1.0)


@pytest.mark.parametrize("wrong", [b"\1", bytes(11), bytes(13), b"\x7fELF" + bytes(60)])
def test_what_else_lies_where_a_traced_input_was_left_out_is_not_clean(wrong: bytes) -> None:
    members = traced()
    name = next(name for name in members if name.endswith("traced_inputs/0"))
    assert scan_bytes(packed(members | {name: wrong}), SETTINGS).verdict is Verdict.UNREADABLE
    payload = b"\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R."
    assert scan_bytes(packed(members | {name: payload}), SETTINGS).verdict is Verdict.MALICIOUS


def test_a_weight_may_not_be_left_out() -> None:
    members = traced()
    name = next(name for name in members if name.endswith("/data/0"))
    assert scan_bytes(packed(members | {name: b""}), SETTINGS).verdict is Verdict.UNREADABLE
