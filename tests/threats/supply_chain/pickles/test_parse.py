"""Which bytes are a pickle, a joblib or a torch file; every byte is accounted for; parsers end as they may."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import io
import mmap
import pathlib
import pickle
import re
import types
import uuid
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.core.findings import Severity
from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.engine import Outcome, scan_view
from casemate.threats.supply_chain.pickles import legacy, parse
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Report, Settings
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.pickles.assemble import PAYLOAD, call, name, number, raw, stream, text, tup

SETTINGS = Settings(allow=reviewed())
VALUES: dict[str, Any] = {
    "containers": [{"a": (1, 2.5, None, True)}, {1, 2}, frozenset([3]), bytearray(b"x"), b"y", 1 << 80, "\ud800"],
    "dates": [datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), datetime.date(2026, 1, 2), datetime.timedelta(1)],
    "numbers": [decimal.Decimal("1.5"), complex(1, 2), range(3), slice(1, 2)],
    "collections": [
        collections.OrderedDict(a=1), collections.Counter("aab"), collections.defaultdict(list, {1: [2]}),
        collections.deque([1], 5),
    ],
    "others": [
        uuid.UUID(int=7), pathlib.PurePosixPath("a/b"), re.compile("a+"), types.SimpleNamespace(a=1),
        argparse.Namespace(b=2), type(None), ...,
    ],
    "random": [
        np.random.RandomState(1), *(np.random.Generator(kind(1)) for kind in (np.random.PCG64, np.random.SFC64)),
    ],
    "arrays": [
        np.zeros(3), np.array(["a", None], object), np.zeros(2, "i4,f8"), np.array(["2020-01-01"], "M8[D]"),
        np.float32(1), np.bool_(True), np.ma.array([1, 2], mask=[0, 1]), np.array("ab"),
    ],
}  # fmt: skip
LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


def scanned(data: bytes, where: str = "file") -> Outcome:
    return scan_view(View(data, where=where), SETTINGS)


def legacy_file(count: int = 2, said: int = 2, rest: bytes = b"", keys: bytes = b"](X\x01\0\0\0" + b"0e") -> bytes:
    """A tensor as torch saved it before its zip format, written by hand."""
    system = b"}(" + text("protocol_version") + b"M\xe9\x03" + text("little_endian") + b"\x88u"
    key = tup(text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), number(said), b"N") + b"Q"
    hooks = call(name("collections", "OrderedDict"))
    tensor = call(
        name("torch._utils", "_rebuild_tensor_v2"), key, number(0), tup(number(2)), tup(number(1)), b"\x89", hooks
    )
    storages = count.to_bytes(8, "little") + b"\0" * (4 * count)
    streams = (b"M\xe9\x03", system, tensor, keys)
    return LEGACY_MAGIC + b"".join(stream(each, 2) for each in streams) + storages + rest


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("label", VALUES)
def test_plain_values_of_every_kind_are_clean_to_the_last_byte(label: str, protocol: int) -> None:
    found = scanned(pickle.dumps(VALUES[label], protocol))
    assert (found.verdict, found.coverage, found.findings) == (Verdict.CLEAN, 1.0, ()), found
    assert found.formats == ("pickle",)


@pytest.mark.parametrize(
    "text", ["import os\nimport sys\n", "cost\nvalue\n12\n", "N", "I am text.", "Vanilla\n", "]", "."]
)
def test_text_that_begins_like_a_pickle_is_none(text: str) -> None:
    found = scanned(text.encode())
    assert "pickle" not in found.formats
    assert found.findings == ()


def test_what_acts_before_it_breaks_is_told() -> None:
    cut = b"cbuiltins\nexec\n(X>\x00\x00\x00cut"
    for deny in (True, False):
        assert scan_view(View(cut), Settings(allow=reviewed(), deny=deny)).verdict is not Verdict.CLEAN
    assert scanned(b"cos\nsystem\n(Vtrue\ntR\xff\xff").verdict is Verdict.MALICIOUS
    assert scanned(stream(PAYLOAD)[:-1]).verdict is Verdict.MALICIOUS
    assert scanned(b"\x80\x04]").verdict is Verdict.UNREADABLE
    assert scanned(pickle.dumps(["whole"] * 9)[:-1]).verdict is Verdict.UNREADABLE


def test_streams_that_follow_each_other_are_all_walked() -> None:
    several = scanned(pickle.dumps(1) + pickle.dumps([2], 0) + pickle.dumps({3}, 5))
    assert (several.verdict, several.coverage) == (Verdict.CLEAN, 1.0)
    assert [finding.severity for finding in several.findings] == [Severity.LOW, Severity.LOW]
    assert several.about["pickle.streams"] == 3
    assert scanned(pickle.dumps(1) + stream(PAYLOAD)).verdict is Verdict.MALICIOUS
    assert scanned(pickle.dumps(1) + b"\0" * 9).verdict is Verdict.SUSPICIOUS


def test_a_joblib_file_is_known_as_one_and_its_arrays_are_crossed(tmp_path: Path) -> None:
    written = io.BytesIO()
    joblib.dump({"a": np.arange(1000.0), "b": np.array(["x", None], object)}, written)
    found = scanned(written.getvalue())
    assert (found.formats, found.verdict, found.coverage) == (("joblib",), Verdict.CLEAN, 1.0)


def test_a_window_on_a_map_never_shows_what_lies_outside(tmp_path: Path) -> None:
    inner = pickle.dumps({"a": b"x" * 100})
    path = tmp_path / "file"
    path.write_bytes(b"\x93." * 50 + inner + stream(PAYLOAD))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = scan_view(View(data, 100, 100 + len(inner)), SETTINGS)
        cut = scan_view(View(data, 100, 100 + len(inner) - 1), SETTINGS)
    assert (found.verdict, found.coverage) == (Verdict.CLEAN, 1.0)
    assert cut.verdict is Verdict.UNREADABLE


def test_persistent_ids_of_tensors_belong_into_a_member_of_an_archive() -> None:
    member = legacy_file()[len(LEGACY_MAGIC) :].split(b".", 3)
    assert len(member) == 4
    key = tup(text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), number(2)) + b"Q"
    assert scanned(stream(key, 2), "model.pt!archive/data.pkl").verdict is Verdict.CLEAN
    assert scanned(stream(key, 2)).verdict is Verdict.SUSPICIOUS
    assert scanned(stream(text("other") + b"Q", 2), "model.pt!archive/data.pkl").verdict is Verdict.SUSPICIOUS


def test_torch_files_of_old_are_read_to_the_last_storage() -> None:
    found = scanned(legacy_file())
    assert (found.formats, found.verdict, found.coverage) == (("torch-legacy",), Verdict.CLEAN, 1.0), found
    assert scanned(legacy_file(said=3)).verdict is Verdict.SUSPICIOUS
    assert scanned(legacy_file(rest=b"\0" * 4)).verdict is Verdict.SUSPICIOUS
    assert scanned(legacy_file()[:-1]).verdict is Verdict.UNREADABLE
    assert scanned(legacy_file(keys=b"]")).verdict is Verdict.SUSPICIOUS
    assert scanned(LEGACY_MAGIC + stream(PAYLOAD)).verdict is Verdict.MALICIOUS


def test_bytes_that_loading_would_load_are_a_member() -> None:
    inner = call(name("torch.storage", "_load_from_bytes"), raw(legacy_file()))
    found = scanned(stream(inner))
    assert found.verdict is Verdict.CLEAN, found
    assert found.size > len(stream(inner))


@pytest.mark.parametrize("module", [parse, legacy])
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([legacy_file(), stream(PAYLOAD), *(pickle.dumps(value, 2) for value in VALUES.values())]),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=3)), max_size=5),
)
def test_damaged_files_end_as_a_parser_may(module: Any, data: bytes, changes: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(data)
    for at, new in changes:
        damaged[at % len(data) : at % len(data) + len(new)] = new
    view = View(bytes(damaged))
    report = Report(view, SETTINGS, Budget(len(view), 1 << 30))
    try:
        module.parse(view, report)
    except (Malformed, NotMine, Refused):
        return
    assert report.findings or report.coverage.covered == len(view)
