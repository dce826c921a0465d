"""What verification returns, and statements."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import CasemateError, TamperedError, UnreadableError
from casemate.keys import dsse
from casemate.ledger.bound import blobs_named, last_binding
from casemate.ledger.ledger import Ledger
from casemate.ledger.statement import decode, encode, open_record, predicate_type, seal
from casemate.ledger.view import verify_folder
from tests.ledger.folder import SIGNER, STRANGER, SUBJECT, make_audit


def test_the_verified_log_tells_what_was_recorded(tmp_path: Path) -> None:
    audit = make_audit(tmp_path)
    log = verify_folder(audit.folder, [SIGNER.verifier], audit.checkpoint)
    assert [record.index for record in log.records] == list(range(17))
    assert [record.kind for record in log.records][:2] == ["plan", "trial"]
    assert log.of_kind("trial")[0].predicate["plan"] == log.records[0].digest
    assert log.records[0].subject[0].digest == {"sha256": SUBJECT["model.joblib"]}
    assert log.note == audit.checkpoint
    assert log.checkpoint.size == 17
    assert set(log.files) == {"report.html", "results.json", "more/results.sarif"}
    assert (log.blobs, log.erased) == (8, 0)
    assert len(blobs_named(log.records)) == 8
    assert last_binding(log.records) == log.records[-1]


def test_a_ledger_that_was_not_closed_is_not_verified(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", [SIGNER])
    ledger.append(seal("plan", {}, {}, [SIGNER]))
    with pytest.raises(TamperedError, match="not closed"):
        verify_folder(tmp_path / "ledger", [SIGNER.verifier])
    ledger.close()
    assert len(verify_folder(tmp_path / "ledger", [SIGNER.verifier]).records) == 1


def test_files_that_no_binding_mentions(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger", [SIGNER]) as ledger:
        ledger.append(seal("plan", {}, {}, [SIGNER]))
    assert verify_folder(tmp_path, [SIGNER.verifier]).files == {}
    (tmp_path / "report.html").write_text("x")
    with pytest.raises(TamperedError, match=r"report.html is bound by no record"):
        verify_folder(tmp_path, [SIGNER.verifier])


def test_records_after_the_binding_are_said(tmp_path: Path) -> None:
    audit = make_audit(tmp_path)
    with Ledger.open(audit.folder / "ledger", [SIGNER]) as ledger:
        ledger.append(seal("plan", {}, {}, [SIGNER]))
    (caveat,) = verify_folder(audit.folder, [SIGNER.verifier], ledger.checkpoint).caveats
    assert "1 records follow" in caveat


@pytest.mark.parametrize("files", [None, ["report.html"], {"report.html": 5}])
def test_bindings_that_bind_nothing(tmp_path: Path, files: object) -> None:
    with Ledger.create(tmp_path / "ledger", [SIGNER]) as ledger:
        ledger.append(seal("binding", {"files": files}, {}, [SIGNER]))
    with pytest.raises(TamperedError, match="record 0"):
        verify_folder(tmp_path, [SIGNER.verifier])


def test_records_that_are_no_statements_are_named(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger", [SIGNER]) as ledger:
        ledger.append_many([seal("plan", {}, {}, [SIGNER]), b"not json", dsse.sign(b"[]", [SIGNER])])
    with pytest.raises(TamperedError, match="record 1: this is not a DSSE envelope"):
        verify_folder(tmp_path / "ledger", [SIGNER.verifier])


def test_a_record_by_a_stranger_is_named(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger", [SIGNER]) as ledger:
        ledger.append_many([seal("plan", {}, {}, [SIGNER]), seal("plan", {}, {}, [STRANGER])])
    with pytest.raises(TamperedError, match="record 1: the envelope is not signed"):
        verify_folder(tmp_path / "ledger", [SIGNER.verifier])
    both = [SIGNER.verifier, STRANGER.verifier]
    assert len(verify_folder(tmp_path / "ledger", both).records) == 2


def test_statements_have_one_encoding() -> None:
    payload = encode("trial", {"b": 1, "a": 0.1}, {"model": "ab" * 32})
    assert payload == encode("trial", {"a": 0.1, "b": 1}, {"model": "ab" * 32})
    statement = decode(payload)
    assert statement.predicate_type == predicate_type("trial") == "urn:casemate:trial:1"
    record = open_record(4, dsse.sign(payload, [SIGNER]), [SIGNER.verifier])
    assert (record.kind, record.predicate, record.payload) == ("trial", {"a": 0.1, "b": 1}, payload)


@given(st.binary(max_size=100) | st.text(alphabet='{}[]":_typeprdica,1', max_size=100).map(str.encode))
def test_any_payload_is_a_statement_or_a_clear_error(payload: bytes) -> None:
    with pytest.raises(CasemateError):
        decode(payload)


def test_other_statement_versions_are_refused() -> None:
    payload = encode("trial", {}, {}).replace(b"Statement/v1", b"Statement/v0.1")
    with pytest.raises(UnreadableError, match="v1"):
        decode(payload)
