"""The door of the secrets: what is found where, what is never said, and what was not searched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import MissingPartError, UnreadableError
from casemate.patterns.samples import sample
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.secrets import scan, texts
from casemate.threats.supply_chain.secrets.scan import scan_secrets, secrets_in
from casemate.threats.supply_chain.verdict import Verdict

TOKEN = sample("hf_<alpha:34>", "door")


def rules(*findings: object) -> list[str]:
    return [finding.rule for finding in findings]  # type: ignore[attr-defined]


def test_no_finding_holds_any_part_of_a_secret(tmp_path: Path) -> None:
    secrets = [TOKEN, sample("AKIA<b32:16>"), sample("<alnum:14>!<alnum:4>", "pw")]
    (tmp_path / "a.py").write_text(f"t='{secrets[0]}'\nk='{secrets[1]}'\npassword = '{secrets[2]}'\n")
    for key in (None, b"k" * 32):
        report = scan_secrets(tmp_path, key=key)
        assert len(report.findings) == 3
        said = repr(report)
        for secret in secrets:
            assert not any(secret[at : at + 6] in said for at in range(len(secret) - 6))


def test_the_same_secret_has_the_same_number_and_a_key_gives_lasting_digests(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{TOKEN}\n{sample('npm_<alnum:36>')}\n")
    (tmp_path / "b.txt").write_text(f"\n\n{TOKEN}\n")
    first, other, again = (finding.message for finding in scan_secrets(tmp_path).findings)
    assert first == again != other
    keyed = [scan_secrets(tmp_path, key=key).findings[0].message for key in (b"1" * 32, b"1" * 32, b"2" * 32)]
    assert keyed[0] == keyed[1] != keyed[2]


def test_moved_lines_keep_the_logical_place(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(f"{TOKEN}\n")
    before = scan_secrets(tmp_path).findings[0]
    file.write_text(f"\n\n\n{TOKEN}\n")
    after = scan_secrets(tmp_path).findings[0]
    assert before.location != after.location
    assert before.logical == after.logical


def test_notebooks_are_searched_cell_by_cell_with_their_outputs(tmp_path: Path) -> None:
    quoted = sample('password = "<alnum:9>!<alnum:4>"', "nb")
    cells = [
        {"cell_type": "code", "source": ["x = 1\n", f"{quoted}\n"], "outputs": []},
        {"cell_type": "code", "source": "x", "outputs": [{"text": ["HF_TOKEN=", TOKEN, "\n"]}]},
        {
            "cell_type": "code",
            "source": "y",
            "outputs": [{"data": {"text/html": f"<b>{sample('npm_<alnum:36>')}</b>"}}],
        },
    ]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells, "metadata": {"note": sample("sk-or-v1-<hex:64>")}}))
    places = [finding.location for finding in scan_secrets(tmp_path).findings]
    assert places == [
        "n.ipynb cell 1, line 2",
        "n.ipynb cell 2, output",
        "n.ipynb cell 3, output",
        "n.ipynb metadata",
    ]


def test_a_broken_notebook_is_searched_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text('{"cells": [ ' + TOKEN)
    assert len(scan_secrets(tmp_path).findings) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    bom = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "a.txt").write_text(f"{bom}token: {TOKEN}\n", encoding=encoding)
    assert len(scan_secrets(tmp_path).findings) == 1


def test_keys_of_tests_are_told_apart_but_those_of_providers_are_not(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    key = sample("-----BEGIN PRIVATE KEY-----<nl><b64:64><nl><b64:64><nl>-----END PRIVATE KEY-----")
    (tmp_path / "tests" / "key.pem").write_text(key)
    (tmp_path / "key.pem").write_text(key)
    (tmp_path / "tests" / "t.py").write_text(TOKEN)
    found = {finding.location.partition(" ")[0]: finding.rule for finding in scan_secrets(tmp_path).findings}
    assert found == {
        "key.pem": rule_for("secret.private-key").id,
        "tests/key.pem": rule_for("secret.fixture").id,
        "tests/t.py": rule_for("secret.provider").id,
    }


def test_files_larger_than_a_block_are_searched_across_its_edges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "BLOCK", 1000)
    monkeypatch.setattr(scan, "OVERLAP", 100)
    (tmp_path / "a.txt").write_text(
        "".join(f"{'x' * (960 - 7 * n)} {sample('npm_<alnum:36>', str(n))}\n" for n in range(12))
    )
    assert len(scan_secrets(tmp_path).findings) == 12


def test_weights_are_searched_at_their_head_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "HEAD", 1000)
    (tmp_path / "m.bin").write_bytes(b"\0\1\2 " + TOKEN.encode() + b" \0" * 4000)
    report = scan_secrets(tmp_path)
    assert len(report.findings) == 1
    assert report.partly == ("m.bin",)


def test_without_an_engine_the_report_says_that_nothing_was_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise MissingPartError("this needs the package 'hyperscan'", next_step="pip install 'casemate[text]'")

    monkeypatch.setattr(scan, "secrets_scanner", missing)
    (tmp_path / "a.txt").write_text("nothing")
    report = scan_secrets(tmp_path)
    assert rules(*report.findings) == [rule_for("secret.unsearched").id]
    assert report.verdict is Verdict.SUSPICIOUS
    assert report.searched == 0


def test_what_is_no_file_is_skipped_and_what_cannot_be_searched_is_not_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to("/etc/passwd")
    report = scan_secrets(tmp_path)
    assert {each.name for each in report.skipped} == {"pipe", "loop", "link"}
    assert report.verdict is Verdict.CLEAN
    (tmp_path / "a.txt").write_text("x")
    monkeypatch.setattr(scan, "_search_bytes", _slow)
    report = scan_secrets(tmp_path)
    assert report.verdict is Verdict.SUSPICIOUS
    with pytest.raises(UnreadableError):
        scan_secrets(tmp_path / "nothing")


def _slow(*_: object) -> None:
    raise OverflowError("too many matches")


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.text(max_size=10) | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=6), inner),
    )
)
def test_any_json_is_searched_as_a_notebook(value: object) -> None:
    for data in (
        json.dumps(value).encode(),
        json.dumps({"cells": value}).encode(),
        json.dumps({"cells": [value]}).encode(),
    ):
        assert all(isinstance(piece.data, bytes) for piece in texts.pieces(data, "a.ipynb"))
        secrets_in(data, "a.ipynb")
