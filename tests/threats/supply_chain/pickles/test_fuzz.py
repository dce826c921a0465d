"""Whatever the bytes, a scan ends, in time linear in the file, with a verdict or one of our errors."""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from casemate.core.errors import CasemateError, MissingPartError
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.pickles.facts import Fact
from casemate.threats.supply_chain.pickles.machine import Machine
from casemate.threats.supply_chain.pickles.scan import scan
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.pickles import assemble
from tests.threats.supply_chain.pickles.assemble import DROPPED
from tests.threats.supply_chain.pickles.hostile import HOSTILE


def _seeds() -> list[bytes]:
    model = make_pipeline(OneHotEncoder(), RandomForestClassifier(1, max_depth=2)).fit([["a"], ["b"]], ["x", "y"])
    files = []
    for protocol in (0, 2, 4, 5):
        for value in (model, [np.zeros(3), np.array(["a", None], object), {"a": (1, 2.5, None, {1, 2})}, 1 << 80]):
            written = io.BytesIO()
            joblib.dump(value, written, protocol=protocol)
            files += [written.getvalue(), pickle.dumps(value, protocol=protocol)]
    written = io.BytesIO()
    joblib.dump([1, 2], written, compress=3)
    return [*files, written.getvalue(), *(data for _, data in HOSTILE.values() if len(data) < 2000)]


SEEDS = _seeds()
VERDICTS = ("clean", "suspicious", "malicious", "unreadable")


class Nobody:
    """Watches without a word."""

    def judge(self, fact: Fact) -> None:
        pass

    def find(self, kind: str, message: str, offset: int) -> None:
        pass


class Stepping(Machine):
    """Stops before each opcode to note where it begins."""

    limit = property(lambda _: 0, lambda _, value: None)  # type: ignore[assignment]

    def walk(self) -> object:
        self.seen: list[int] = []
        return super().walk()

    def edge(self, at: int, pos: int) -> int:
        self.seen.append(pos)
        return super().edge(at, pos)


def boundaries(data: bytes) -> list[int]:
    """Where each opcode of a benign file begins, arrays crossed."""
    machine = Stepping(View(data), Nobody())
    machine.walk()
    return [at for at in machine.seen if at]


OPCODES = bytes(ord(op.code) for op in pickletools.opcodes)


@st.composite
def mutated(draw: Any) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["flip", "opcode", "insert", "delete", "splice", "cut", "length"]))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "opcode" and at < len(data):
            data[at] = draw(st.sampled_from(OPCODES))
        elif kind == "insert":
            data[at:at] = bytes(draw(st.lists(st.sampled_from(OPCODES), max_size=8)))
        elif kind == "delete":
            del data[at : at + draw(st.integers(1, 16))]
        elif kind == "splice":
            other = draw(st.sampled_from(SEEDS))
            start = draw(st.integers(0, len(other)))
            data[at:at] = other[start : start + draw(st.integers(0, 200))]
        elif kind == "cut":
            del data[at:]
        else:
            data[at : at + 4] = draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f"]))
    return bytes(data)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_mutations_of_real_and_hostile_files_end_with_a_verdict(data: bytes) -> None:
    try:
        found = scan(data, reviewed(), most=1 << 22)
    except CasemateError:
        return
    assert found.verdict in VERDICTS
    if found.verdict == "clean":
        assert not found.unreadable
        assert all(tuple(name.split(":", 1)) in reviewed() for name in found.imported)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(OPCODES), max_size=200).map(bytes))
def test_random_opcodes_end_with_a_verdict(data: bytes) -> None:
    try:
        assert scan(data, reviewed(), most=1 << 20).verdict in VERDICTS
    except MissingPartError:  # it begins as lz4 does
        assert data.startswith(b"\x04\x22\x4d\x18")


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner) | st.frozensets(st.text())
        ),
        max_leaves=20,
    ),
    st.integers(0, 5),
)
def test_plain_values_are_clean_and_the_walk_agrees_with_pickletools(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol=protocol)

    assert scan(data, reviewed(), most=1 << 20).verdict == "clean"
    assert [*boundaries(data)] == [at for op, _, at in pickletools.genops(data) if at]


@pytest.mark.parametrize(
    "case", [case for case, (_, data) in HOSTILE.items() if "second" not in case and len(data) < 999]
)
def test_truncation_never_makes_a_hostile_file_clean(case: str) -> None:
    data = HOSTILE[case][1]
    for end in range(max(0, len(data) - 60), len(data)):
        assert scan(data[:end], reviewed(), most=1 << 20).verdict != "clean", end


def test_looking_again_and_again_at_one_large_value_is_refused() -> None:
    body = b"](" + b"K\x01" * 20_000 + b"eq\x01" + assemble.call(assemble.name("builtins", "set"), b"h\x01")
    once = scan(assemble.stream(body + b"0"), reviewed(), most=1 << 20)
    again = b"0" + assemble.call(assemble.name("builtins", "set"), b"h\x01")
    often = scan(assemble.stream(body + again * 200 + b"0"), reviewed(), most=1 << 20)
    assert (once.verdict, often.verdict) == ("clean", "suspicious")
    assert often.findings[0].rule == "CM-SUP-008"


def test_many_pickles_in_the_data_are_bounded() -> None:
    carried = b"(cos\nb\n" * 20_000
    found = scan(assemble.stream(assemble.raw(carried)), reviewed(), most=1 << 20)
    assert "CM-SUP-008" in {finding.rule for finding in found.findings}


@pytest.mark.slow
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_many_mutations_end_with_a_verdict(data: bytes) -> None:
    assert scan(data, reviewed(), most=1 << 22).verdict in VERDICTS


def test_a_payload_between_any_two_opcodes_of_a_real_model_is_refused() -> None:
    model = LogisticRegression().fit(np.arange(8.0).reshape(4, 2), ["a", "b", "a", "b"])
    written = io.BytesIO()
    joblib.dump({"model": model, "names": np.array(["a", None], dtype=object)}, written, protocol=3)
    data = written.getvalue()
    places = boundaries(data)

    assert len(places) > 150
    assert scan(data, reviewed(), most=1 << 20).verdict == "clean"
    for at in places:
        assert scan(data[:at] + DROPPED + data[at:], reviewed(), most=1 << 20).verdict == "malicious", at
