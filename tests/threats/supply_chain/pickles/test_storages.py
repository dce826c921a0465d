"""Archives of torch: the storages beside data.pkl are accounted for by its persistent ids, to the byte."""

from __future__ import annotations

import io
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
