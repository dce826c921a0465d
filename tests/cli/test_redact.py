"""``casemate redact``, end to end."""

from __future__ import annotations

import io
import json
import sys
import types
import warnings
from pathlib import Path

import pytest

from casemate.cli.app import run
from casemate.privacy.text import options
from casemate.privacy.text.names import detector

MAIL = "jane@example.com"


@pytest.fixture
def typed(monkeypatch):
    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False))

    return give


def test_from_stdin_to_stdout(typed, capfdbinary):
    typed(b"mail jane@example.com \xff\x00\n")
    assert run(["redact", "--mode", "fast", "--why"]) == 0
    said = capfdbinary.readouterr()
    assert said.out == b"mail [EMAIL_ADDRESS] \xff\x00\n"
    assert b"5-21 EMAIL_ADDRESS 0.98 by email" in said.err
    assert b"jane" not in said.err


def test_a_stream_is_written_as_it_comes(monkeypatch, capfdbinary):
    given = [b"mail jane@exam", b"ple.com \xff\n" + b"and so on " * 100, b"end\n"]
    seen = []

    def read1(size):
        seen.append(capfdbinary.readouterr().out)
        return given.pop(0) if given else b""

    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=types.SimpleNamespace(read1=read1)))
    assert run(["redact", "--mode", "fast", "--streaming"]) == 0
    assert seen[2].startswith(b"mail [EMAIL_ADDRESS] \xff\nand so on")  # before the end of the input
    assert b"".join([*seen, capfdbinary.readouterr().out]).endswith(b"and so on end\n")
    assert run(["redact", "--streaming", "--spans"]) == 3


def test_the_contract(typed, capfdbinary):
    texts = ["\N{GRINNING FACE} mail jane@example.com", "nothing", "lone \ud800 b@example.com"]
    typed("".join(json.dumps({"text": each}) + "\n" for each in texts).encode())
    assert run(["redact", "--mode", "fast", "--jsonl", "--spans"]) == 0
    first, second, third = map(json.loads, capfdbinary.readouterr().out.splitlines())
    assert first["text"] == "\N{GRINNING FACE} mail [EMAIL_ADDRESS]"
    (span,) = first["spans"]
    assert set(span) == {"start", "end", "type", "score"}
    assert texts[0][span["start"] : span["end"]] == MAIL
    assert second == {"text": "nothing", "spans": []}
    assert third["text"] == "lone \ud800 [EMAIL_ADDRESS]"
    typed(b'{"text": 1}\n')
    assert run(["redact", "--mode", "fast", "--jsonl"]) == 3
    assert b"line 1 is not" in capfdbinary.readouterr().err


def test_folders_by_processes(tmp_path, capfd):
    for number in range(10):
        folder = tmp_path / "in" / f"f{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.json").write_text(json.dumps({"to": MAIL, "n": number}), "utf-8")
    out = tmp_path / "out"
    assert run(["redact", str(tmp_path / "in"), "--mode", "fast", "--out", str(out), "--workers", "2"]) == 0
    assert "10 files: 10 EMAIL_ADDRESS" in capfd.readouterr().err
    assert json.loads((out / "f1" / "3.json").read_text("utf-8")) == {"to": "[EMAIL_ADDRESS]", "n": 3}


def test_in_place_check_diff_and_report(tmp_path, capfd):
    file, bad, report = tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "r.html"
    file.write_text(f"<b> {MAIL}", "utf-8")
    file.chmod(0o640)
    bad.write_bytes(b"\x89PNG")
    assert run(["redact", str(file), "--mode", "fast", "--check", "--report", str(report)]) == 1
    page = report.read_text("utf-8")
    assert "jane" not in page
    assert "&lt;b&gt;" in page
    assert "<script" not in page
    assert run(["redact", str(file), "--mode", "fast", "--diff"]) == 0
    assert "[-jane@example.com-]{+[EMAIL_ADDRESS]+}" in capfd.readouterr().out
    assert run(["redact", str(tmp_path), "--mode", "fast", "--in-place", "--operator", "mask"]) == 3
    assert file.read_text("utf-8") == "<b> ****@*******.***"
    assert file.stat().st_mode & 0o777 == 0o640
    assert bad.read_bytes() == b"\x89PNG"
    assert "not redacted" in capfd.readouterr().err


def test_recognizers_of_ones_own(tmp_path, capfd):
    rules, text = tmp_path / "mine.toml", tmp_path / "a.txt"
    rules.write_text(
        "[[recognizer]]\nid='staff'\ntype='STAFF'\ntitle='staff'\ntoken='ST-[0-9]{4}'\nalone=0.9\n"
        "true=['ST-1234']\nfalse=['ST-12']\n", "utf-8",
    )  # fmt: skip
    text.write_text("ask ST-1234", "utf-8")
    assert run(["redact", str(text), "--mode", "fast", "--recognizers", str(rules)]) == 0
    assert capfd.readouterr().out == "ask [STAFF]"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["absent.txt"], "cannot be read"),
        ([".", "--in-place", "--check"], "one of"),
        (["--in-place"], "standard output"),
        (["--type", "NOBODY"], "there is no type"),
        (["--operator", "burn"], "there is no operator"),
        (["--threshold", "2"], "threshold is 0 to 1"),
        (["--recognizers", "absent.toml"], "cannot be read"),
    ],
)
def test_bad_words(words, told, typed, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("x", "utf-8")
    typed(b"x")
    assert run(["redact", "--mode", "fast", *words]) == 3
    assert told in capfd.readouterr().err


def test_a_missing_transformer_is_one_line_on_stderr(typed, capfdbinary, monkeypatch, tmp_path):
    monkeypatch.setattr(detector, "_SAID", set())
    monkeypatch.setenv("CASEMATE_RAMPART", str(tmp_path))
    options._analyzer.cache_clear()
    typed(b"mail jane@example.com")
    with warnings.catch_warnings(action="default"):
        assert run(["redact"]) == 0
    said = capfdbinary.readouterr()
    assert said.out == b"mail [EMAIL_ADDRESS]"
    notes = said.err.decode().splitlines()
    assert len(notes) == 1
    assert notes[0].startswith("note: names are found by the tagger alone: the transformer is not here")
