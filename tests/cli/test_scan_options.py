"""How to scan, from a named configuration and from variables: options win over variables, and those over the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from casemate.cli.app import run
from casemate.core.errors import UsageError
from casemate.threats.supply_chain.options import ScanSection, read_options
from tests.threats.supply_chain.pickles.assemble import PAYLOAD, stream

ALL = """\
[model]
whatever = "is not read here"

[scan]
format = "json"
workers = 2
allow = ["ours.steps:Winsorizer"]
hash = false
ignore = "accepted.toml"
dependencies = true
secrets = true
osv = "osv"
"""


def file(tmp_path: Path, text: str = ALL) -> Path:
    path = tmp_path / "casemate.toml"
    path.write_text(text)
    return path


def test_every_key_is_read_and_paths_start_at_the_file(tmp_path: Path) -> None:
    assert read_options(file(tmp_path), {}, {}) == ScanSection(
        format="json",
        workers=2,
        allow=("ours.steps:Winsorizer",),
        hash=False,
        ignore=str(tmp_path / "accepted.toml"),
        dependencies=True,
        secrets=True,
        osv=str(tmp_path / "osv"),
    )
    assert read_options(None, {}, {}) == ScanSection()


def test_every_option_has_a_variable(tmp_path: Path) -> None:
    values = {
        "FORMAT": "sarif", "WORKERS": "3", "ALLOW": "a.b:C, d.e:F", "HASH": "no", "IGNORE": "list.toml",
        "DEPENDENCIES": "1", "SECRETS": "true", "OSV": "dump",
    }  # fmt: skip
    found = read_options(None, {}, {f"CASEMATE_{name}": value for name, value in values.items()})
    assert found == ScanSection(
        format="sarif",
        workers=3,
        allow=("a.b:C", "d.e:F"),
        hash=False,
        ignore="list.toml",
        dependencies=True,
        secrets=True,
        osv="dump",
    )
    assert set(values) == {name.upper() for name in ScanSection.__struct_fields__}
    assert read_options(None, {}, {"CASEMATE_CONFIG": str(file(tmp_path))}).format == "json"


def test_options_win_over_variables_and_those_over_the_file(tmp_path: Path) -> None:
    path, variables = file(tmp_path), {"CASEMATE_WORKERS": "3", "CASEMATE_FORMAT": "junit"}
    found = read_options(path, {"format": "text", "workers": None, "hash": None}, variables)
    assert (found.format, found.workers, found.hash) == ("text", 3, False)


@pytest.mark.parametrize(
    ("text", "variables", "why"),
    [
        ("[scan]\nworker = 1", {}, "did you mean 'workers'"),
        ("[scan]\nformat = 'xml'", {}, "format"),
        ("[scan]\nworkers = -1", {}, "negative"),
        ("[scan]\nhash = 'yes'", {}, "hash"),
        ("scan = 3", {}, "no section"),
        ("[scan", {}, "cannot be read"),
        ("", {"CASEMATE_HASH": "perhaps"}, "neither yes nor no"),
        ("", {"CASEMATE_WORKERS": "many"}, "whole number"),
        ("", {"CASEMATE_FORMAT": "xml"}, "format"),
    ],
)
def test_what_cannot_be_used_is_a_usage_error(text: str, variables: dict[str, str], why: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_options(file(tmp_path, text), {}, variables)
    assert why in str(caught.value)
    assert caught.value.next_step


def test_the_program_obeys_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evil.pkl").write_bytes(stream(PAYLOAD))
    Path("here.toml").write_text("[scan]\nformat = 'json'\nhash = false\n")
    assert run(["scan", "evil.pkl", "--config", "here.toml"]) == 1
    assert json.loads(capsys.readouterr().out)["artifacts"][0]["sha256"] == ""
    monkeypatch.setenv("CASEMATE_FORMAT", "markdown")
    assert run(["scan", "evil.pkl", "--config", "here.toml"]) == 1
    assert "|" in capsys.readouterr().out
    assert run(["scan", "evil.pkl", "--config", "here.toml", "--format", "json", "--hash"]) == 1
    assert json.loads(capsys.readouterr().out)["artifacts"][0]["sha256"]
    assert run(["scan", "evil.pkl", "--config", "gone.toml"]) == 3


def test_a_configuration_in_the_scanned_folder_is_not_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("casemate.toml").write_text("[scan]\nformat = 'json'\nignore = 'all.toml'\n")
    Path("all.toml").write_text(
        '[[ignore]]\npath = "evil.pkl"\nrule = "CM-SUP-002"\nreason = "trust me"\nexpires = 2027-03-01\n'
    )
    Path("evil.pkl").write_bytes(stream(PAYLOAD))
    assert run(["scan", "."]) == 1
    assert not capsys.readouterr().out.startswith("{")
