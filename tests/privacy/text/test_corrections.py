"""What a tenant knows better holds from the command line, from Python, and in streams."""

from __future__ import annotations

from pathlib import Path

import pytest

from casemate.cli.app import run
from casemate.core.errors import UsageError
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.corrections import Correction, read_corrections
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.spans import Span
from casemate.privacy.text.windows import Windows

ACME = """
tenant = "acme"

[[correction]]
text = "help@acme.example"
type = ""
found_as = "EMAIL_ADDRESS"
why = "our public address"

[[correction]]
text = "blue heron*"
type = "PROJECT"
why = "not announced"
"""
TEXT = "Blue-Herons: write to help@acme.example, <Help@ACME.example> or jane@acme.example, ask blue heron"


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    path = tmp_path / "acme.toml"
    path.write_text(ACME, "utf-8")
    return path


def test_from_the_command_line_and_a_configuration(acme, tmp_path, capsys):
    text = tmp_path / "a.txt"
    text.write_text(TEXT, "utf-8")
    words = ["redact", str(text), "--mode", "fast", "--why"]
    assert run([*words, "--corrections", str(acme), "--operator", "PROJECT=mask"]) == 0
    said = capsys.readouterr()
    assert said.out == (
        "****-******: write to help@acme.example, <Help@ACME.example> or [EMAIL_ADDRESS], ask **** *****"
    )
    assert "0-11 PROJECT 1.00 by correction (corrected for acme: not announced)" in said.err
    (tmp_path / "casemate.toml").write_text('[redact]\nmode = "fast"\ncorrections = ["acme.toml"]\n', "utf-8")
    assert run(["redact", str(text), "--config", str(tmp_path / "casemate.toml")]) == 0
    assert capsys.readouterr().out.startswith("[PROJECT]: write to help@acme.example")
    assert run(["redact", str(text), "--mode", "fast"]) == 0
    assert "help@" not in capsys.readouterr().out  # of another tenant


def test_types_that_were_not_asked_for_are_corrected_too(acme):
    analyzer = Analyzer("fast", types=["IP_ADDRESS"], corrections=read_corrections(acme))
    assert [each.type for each in analyzer.find(f"{TEXT} 10.0.0.1")] == ["PROJECT", "PROJECT", "IP_ADDRESS"]


def test_only_whole_spans_are_let_go():
    mine = [Correction(text="example.com", found_as="URL"), Correction(text="May")]
    analyzer = Analyzer("fast", corrections=mine)
    assert [each.type for each in analyzer.find("see example.com, mail may@example.com")] == ["EMAIL_ADDRESS"]
    assert not analyzer.keeps("in May.", Span(3, 7, "PERSON", 0.9, "names"))
    assert analyzer.keeps("in May Brown", Span(3, 12, "PERSON", 0.9, "names"))
    assert analyzer.keeps("Mayor", Span(0, 5, "PERSON", 0.9, "names"))


def test_a_stream_has_what_the_whole_has(acme):
    analyzer = Analyzer("fast", corrections=read_corrections(acme))
    text = f"{'x ' * 120}{TEXT}. " * 4
    whole = Redactor(analyzer).redact(text, streaming=True).text
    for step in (1, 7, 333):
        windows, made = Windows(analyzer), []
        for at in range(0, len(text), step):
            made += windows.feed(text[at : at + step])
        made += windows.feed("", ended=True)
        assert "".join(Redactor(analyzer).put(piece, spans).text for piece, spans in made) == whole
    assert whole == Redactor(analyzer).redact(text).text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[correction]]\ntext = '...'\n", "without words"),
        ("[[correction]]\ntext = 'a'\ntype = 'X'\nfound_as = 'Y'\n", "found_as"),
        ("[[correction]]\nword = 'a'\n", "holds no corrections"),
        ("[[", "holds no corrections"),
    ],
)
def test_files_that_hold_none(text, told, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=told):
        read_corrections(path)
    with pytest.raises(UsageError):
        read_corrections(tmp_path / "absent.toml")
