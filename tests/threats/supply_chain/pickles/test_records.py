"""Record arrays and what statsmodels saves: clean as they are written, and not with what would be evaluated."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from casemate.threats.supply_chain.files import scan_bytes
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.pickles.assemble import (
    PAYLOAD,
    call,
    mapping,
    name,
    new,
    number,
    raw,
    stream,
    text,
    tup,
)

SETTINGS = Settings(allow=reviewed())


def verdict(data: bytes) -> Verdict:
    return scan_bytes(data, SETTINGS).verdict


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_record_array_is_clean(protocol: int) -> None:
    made = np.rec.array([(1, 2.0), (3, 4.0)], dtype=[("a", "<i4"), ("b", "<f8")])
    assert verdict(pickle.dumps([made], protocol)) is Verdict.CLEAN


def records(size: int = 8, *, field: bytes = b"", data: bytes = bytes(16), what: str = "record") -> bytes:
    """A record array of two items, by hand."""
    inner = field or call(name("numpy", "dtype"), text("f8"), b"\x89", b"\x88")
    kind = call(name("numpy.core.records", what), b"") if what != "record" else name("numpy.core.records", "record")
    dtype = call(name("numpy", "dtype"), kind, b"\x89", b"\x88")
    fields = mapping(a=tup(inner, number(0)))
    state = tup(number(3), text("|"), b"N", tup(text("a")), fields, number(size), number(1), number(16))
    made = call(name("numpy.core.multiarray", "_reconstruct"), name("numpy.core.records", "recarray"),
                tup(number(0)), raw(b"b"))  # fmt: skip
    return stream(made + tup(number(1), tup(number(2)), dtype + state + b"b", b"\x89", raw(data)) + b"b")


def test_a_record_that_does_not_fit_is_not_clean() -> None:
    assert verdict(records()) is Verdict.CLEAN
    objects = call(name("numpy", "dtype"), text("O8"), b"\x89", b"\x88")
    for wrong in (
        records(7),  # the field does not fit
        records(16),  # nor do the bytes
        records(data=bytes(15)),
        records(-8),
        records(field=objects),  # pointers out of the file
        records(field=PAYLOAD),
        records(what="format_parser"),
    ):
        assert verdict(wrong) in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)


DATA = "statsmodels.base.data", "ModelData"
BUNCH = new(name("statsmodels.tools.tools", "Bunch"))
RESULTS = "statsmodels.tsa.statespace.sarimax", "SARIMAXResults"


def saved(kind: tuple[str, str], **state: bytes) -> bytes:
    return new(name(*kind)) + mapping(**state) + b"b"


def test_a_model_of_statsmodels_is_clean() -> None:
    model = saved(("statsmodels.tsa.statespace.sarimax", "SARIMAX"), data=saved(DATA, endog=b"N"))
    assert verdict(stream(saved(RESULTS, model=model, nobs=number(3)))) is Verdict.CLEAN


@pytest.mark.parametrize("key", ["restore_design_info", "restore_model_spec", "formula", "model_spec", "design_info"])
def test_a_formula_which_is_code_is_found(key: str) -> None:
    evil = text("__import__('os').getpid()")
    for kind in (DATA, RESULTS, ("statsmodels.tools.tools", "Bunch")):
        assert verdict(stream(saved(kind, **{key: evil}))) in (Verdict.SUSPICIOUS, Verdict.MALICIOUS), kind


def test_what_a_formula_is_looked_up_in_comes_from_statsmodels() -> None:
    other = call(name("types", "SimpleNamespace")) + mapping(formula=text("print()")) + b"b"
    bunch = BUNCH + text("formula") + text("print()") + b"s" + b"q\1h\1b"
    for owner in (other, bunch):
        for key in ("model", "data", "_results"):
            assert verdict(stream(saved(RESULTS, **{key: owner}))) is not Verdict.CLEAN


def test_a_bunch_may_be_its_own_state_but_once() -> None:
    itself = BUNCH + text("a") + number(1) + b"s" + b"q\1h\1b"
    assert verdict(stream(itself)) is Verdict.CLEAN
    assert verdict(stream(itself + mapping(a=number(1)) + b"b")) is Verdict.SUSPICIOUS
    assert verdict(stream(new(name(*DATA)) + b"q\1h\1b")) is Verdict.SUSPICIOUS
