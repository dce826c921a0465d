"""``casemate scan``: exit codes, formats, two versions, what is ignored and for how long."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from casemate.cli import scan as command
from casemate.cli.app import build, run
from casemate.cli.quick import plain_scan
from casemate.cli.scan_text import Summary, size
from casemate.threats.supply_chain.files import scan_paths
from casemate.threats.supply_chain.ignore import read_ignored
from tests.threats.supply_chain.containers.archives import EVIL, NOTE, SETTINGS, Member, use_notes, zipped

SOURCE = Path(__file__).parents[2] / "src"
SOFT = zipped(Member(b"a\x07"))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_notes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "today", lambda: datetime.date(2026, 11, 25))
    Path("clean").write_bytes(NOTE)
    Path("evil.zip").write_bytes(zipped(Member(b"m/x", EVIL)))
    Path("soft.zip").write_bytes(SOFT)
    Path("what").write_bytes(b"\1\2\3")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run(["scan", *words])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        (["clean"], 0),
        (["soft.zip"], 1),
        (["evil.zip"], 1),
        (["what"], 3),
        (["gone"], 3),
        (["what", "evil.zip"], 1),
        (["clean", "what"], 3),
        (["."], 1),
        (["/dev/zero"], 3),
    ],
)
def test_exit_codes(paths: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("text", "json", "sarif", "junit", "markdown"):
        assert said(capsys, *paths, "--format", form)[0] == code


def test_an_empty_folder_is_not_clean(capsys: pytest.CaptureFixture[str]) -> None:
    Path("none").mkdir()
    assert run(["scan", "none"]) == 3
    assert "no file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["clean", "--workers", "0"],
        ["clean", "--diff"],
        ["clean", "clean", "--diff", "--format", "sarif"],
        ["clean", "--allow", "os:system"],
        ["clean", "--allow", "nonsense"],
        ["clean", "--ignore", "gone"],
        ["clean", "--format", "yaml"],
        [],
    ],
)
def test_usage_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", *words]) == 3
    found = capsys.readouterr()
    assert found.err or found.out


def test_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys, ".", "--format", "json", "--workers", "2")
    found = json.loads(out)
    assert (code, found["schema"]) == (1, "casemate.scan/1")
    assert {each["path"]: each["verdict"] for each in found["artifacts"]} == {
        "./clean": "clean",
        "./evil.zip": "malicious",
        "./soft.zip": "suspicious",
        "./what": "unreadable",
    }
    for each in found["artifacts"]:
        assert {"path", "format", "sha256", "bytes", "verdict", "findings"} <= set(each)
        assert all({"rule", "severity", "message", "location"} <= set(finding) for finding in each["findings"])


def test_text_shows_the_worst_first_with_what_why_and_next(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys, ".")
    assert code == 1
    places = [out.index(name) for name in ("evil.zip", "soft.zip", "what", "clean")]
    assert places == sorted(places)
    for part in (
        "✖ malicious",
        "CM-SUP-103",
        "critical",
        "evil.zip!m/x byte 4",
        "next  ",
        "why  its format is not known",
    ):
        assert part in out
    assert "4 files" in out
    assert out.rstrip().endswith("casemate explain CM-SUP-103")
    assert "\033" not in out


def test_text_cannot_be_driven_by_what_is_scanned(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a\x1b[31m\nb").write_bytes(b"\1")
    Path("n.zip").write_bytes(zipped(Member(b"\x1b]0;owned\x07", EVIL)))
    _, out = said(capsys, ".")
    assert "\x1b" not in out
    assert "\x07" not in out


def test_a_long_report_is_cut_and_says_so() -> None:
    summary = Summary()
    for index in range(60):
        path = Path(f"e{index}")
        path.write_bytes(EVIL)
    for artifact in scan_paths([*(f"e{index}" for index in range(60))], SETTINGS):
        summary.add(artifact)
    text = summary.text(color=True)
    assert text.count("✖") == 50
    assert "and 10 more files" in text
    assert "\033[1;31m" in text


def test_sizes_read_well() -> None:
    assert [size(count) for count in (0, 999, 1000, 999_960, 10 << 30)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.0 MB",
        "10.7 GB",
    ]


def sarif(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    found = json.loads(said(capsys, *words, "--format", "sarif")[1])
    assert found["version"] == "2.1.0"
    assert found["$schema"].endswith("sarif-schema-2.1.0.json")
    run_: dict[str, Any] = found["runs"][0]
    return run_


def test_sarif_has_places_and_no_invented_lines(capsys: pytest.CaptureFixture[str]) -> None:
    found = sarif(capsys, ".")
    ids = [rule["id"] for rule in found["tool"]["driver"]["rules"]]
    assert len(found["results"]) == 3
    for result in found["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert set(physical) == {"artifactLocation"}
        uri = found["artifacts"][physical["artifactLocation"]["index"]]["location"]["uri"]
        assert physical["artifactLocation"]["uri"] == uri
        assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", uri)
        assert not uri.startswith(("/", "./"))
        assert location["logicalLocations"][0]["fullyQualifiedName"]
        assert re.fullmatch(r"[0-9a-f]{32}", result["partialFingerprints"]["casemate/v1"])
    evil = next(result for result in found["results"] if result["ruleId"] == "CM-SUP-103")
    assert evil["locations"][0]["logicalLocations"][0]["name"] == "m/x"
    assert evil["level"] == "error"
    assert {result["ruleId"] for result in found["results"]} == {"CM-SUP-103", "CM-SUP-104", "CM-SUP-141"}


def test_sarif_fingerprints_survive_moved_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    before = [result["partialFingerprints"] for result in sarif(capsys, "evil.zip")["results"]]
    Path("evil.zip").write_bytes(zipped(Member(b"first", NOTE * 9), Member(b"m/x", EVIL)))
    assert [result["partialFingerprints"] for result in sarif(capsys, "evil.zip")["results"]] == before


def test_sarif_escapes_names(capsys: pytest.CaptureFixture[str]) -> None:
    Path("ä b#?.zip").write_bytes(zipped(Member(b"x", EVIL)))
    found = sarif(capsys, "ä b#?.zip", str(Path.cwd() / "evil.zip"), "/dev/null")
    uris = [artifact["location"]["uri"] for artifact in found["artifacts"]]
    assert uris == ["%C3%A4%20b%23%3F.zip", "evil.zip", "file:///dev/null"]


def test_junit_counts_failures_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    suite = ET.fromstring(said(capsys, ".", "--format", "junit")[1]).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "2", "1")
    assert [case.get("name") for case in suite.iter("testcase") if len(case) == 0] == ["./clean"]


def test_markdown_is_a_table_that_names_cannot_leave(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a|b<x>.zip").write_bytes(zipped(Member(b"x", EVIL)))
    out = said(capsys, ".", "--format", "markdown")[1]
    assert "| ✖ malicious | 2 |" in out
    assert "a\\|b&lt;x>.zip" in out


def test_a_diff_tells_new_gone_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    for name, members in {
        "old": (Member(b"x", EVIL), Member(b"y\x07")),
        "same": (Member(b"first", NOTE), Member(b"x", EVIL), Member(b"y\x07")),
        "worse": (Member(b"x", EVIL), Member(b"y\x07"), Member(b"z", EVIL)),
        "better": (Member(b"x", EVIL),),
    }.items():
        Path(name).write_bytes(zipped(*members))
    code, out = said(capsys, "--diff", "old", "same")
    assert (code, "0 new, 0 gone, 2 kept" in out) == (0, True)
    assert "members: 2 -> 3" in out
    code, out = said(capsys, "--diff", "old", "worse")
    assert (code, "1 new, 0 gone, 2 kept" in out) == (1, True)
    assert "+ new" in out
    code, out = said(capsys, "--diff", "old", "better", "--format", "json")
    (change,) = json.loads(out)["changes"]
    assert (code, json.loads(out)["schema"]) == (0, "casemate.scan-diff/1")
    assert (len(change["new_findings"]), len(change["gone_findings"]), len(change["kept_findings"])) == (0, 1, 1)
    assert change["state"] == "changed"
    assert said(capsys, "--diff", "clean", "clean")[0] == 0
    assert said(capsys, "--diff", "clean", "what")[0] == 3


def test_a_diff_of_folders_pairs_files_by_path_and_knows_moved_ones(capsys: pytest.CaptureFixture[str]) -> None:
    for name, data in {
        "v1/a": EVIL,
        "v1/b": NOTE,
        "v2/b": EVIL,
        "v2/moved": EVIL,
        "v3/moved": EVIL,
        "v3/b": NOTE,
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(data)
    code, out = said(capsys, "--diff", "v1", "v2", "--format", "json")
    changes = {change["path"]: change for change in json.loads(out)["changes"]}
    assert {path: change["state"] for path, change in changes.items()} == {
        "a": "removed",
        "b": "changed",
        "moved": "added",
    }
    assert (code, len(changes["b"]["new_findings"]), len(changes["moved"]["new_findings"])) == (1, 1, 0)
    assert said(capsys, "--diff", "v1", "v3")[0] == 0


def ignoring(rule: str, path: str, expires: str = "2027-01-31", more: str = "", reason: str = "seen") -> str:
    text = f'[[ignore]]\nrule = "{rule}"\npath = "{path}"\nreason = "{reason}"\nexpires = {expires}\n{more}\n'
    Path("list.toml").write_text(text)
    return "list.toml"


def test_what_is_ignored_is_still_told_and_only_the_exit_code_changes(capsys: pytest.CaptureFixture[str]) -> None:
    name = ignoring("CM-SUP-103", "*.zip")
    code, out = said(capsys, "evil.zip", "--ignore", name, "--format", "json")
    (found,) = json.loads(out)["artifacts"]
    assert (code, found["verdict"], found["effective"]) == (0, "malicious", "clean")
    assert found["findings"][0]["ignored"] == "seen"
    code, out = said(capsys, "evil.zip", "--ignore", name)
    assert (code, "✖ malicious" in out, "ignored: seen" in out) == (0, True, True)
    result = sarif(capsys, "evil.zip", "--ignore", name)["results"][0]
    assert result["suppressions"] == [{"kind": "external", "status": "accepted", "justification": "seen"}]
    assert said(capsys, "evil.zip", "soft.zip", "--ignore", name)[0] == 1


@pytest.mark.parametrize(
    ("rule", "path", "more", "code"),
    [
        ("CM-SUP-103", "evil.zip", "", 0),
        ("CM-SUP-103", "other.zip", "", 1),
        ("CM-SUP-104", "evil.zip", "", 1),
        ("CM-SUP-103", "*.zip", 'logical = "m/*"', 0),
        ("CM-SUP-103", "*.zip", 'logical = "n/*"', 1),
        ("CM-SUP-141", "evil.zip", "", 1),
    ],
)
def test_an_entry_covers_one_rule_at_its_place(
    rule: str, path: str, more: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "evil.zip", "--ignore", ignoring(rule, path, more=more))[0] == code


def test_an_unreadable_file_can_be_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys, "what", "--ignore", ignoring("CM-SUP-141", "what"), "--format", "json")
    (found,) = json.loads(out)["artifacts"]
    assert (code, found["verdict"], found["effective"], found["accepted"]) == (0, "unreadable", "clean", "seen")


def test_an_expired_entry_is_a_finding_and_ignores_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    name = ignoring("CM-SUP-103", "evil.zip", "2026-11-25")
    code, out = said(capsys, "evil.zip", "--ignore", name, "--format", "json")
    evil, listed = json.loads(out)["artifacts"]
    assert (code, evil["effective"]) == (1, "malicious")
    assert (listed["path"], listed["verdict"]) == ("list.toml", "suspicious")
    assert [finding["rule"] for finding in listed["findings"]] == ["CM-SUP-142"]
    assert said(capsys, "clean", "--ignore", name)[0] == 1
    assert read_ignored(Path(name), datetime.date(2026, 11, 24)).entries
    assert said(capsys, "evil.zip", "--ignore", ignoring("CM-SUP-103", "evil.zip", "2026-11-26"))[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        '[[ignore]]\nrule = "CM-SUP-103"\npath = "a"\nexpires = 2027-01-01',
        '[[ignore]]\nrule = "CM-SUP-103"\npath = "a"\nreason = "x"',
        '[[ignore]]\nrule = "CM-SUP-103"\npath = "a"\nreason = " "\nexpires = 2027-01-01',
        '[[ignore]]\nrule = "CM-SUP-103"\npath = "a"\nreason = "x"\nexpires = 2027-12-01',
        '[[ignore]]\nrule = "CM-SUP-103"\npath = "**"\nreason = "x"\nexpires = 2027-01-01',
        '[[ignore]]\nrule = "CM-SUP-999"\npath = "a"\nreason = "x"\nexpires = 2027-01-01',
        '[[ignore]]\nrule = "CM-SUP-103"\npath = "a"\nreason = "x"\nexpires = 2027-01-01\nseverity = "low"',
        "nonsense",
    ],
)
def test_a_list_that_is_not_valid_is_a_usage_error(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("list.toml").write_text(text)
    assert run(["scan", "clean", "--ignore", "list.toml"]) == 3
    assert "list.toml" in capsys.readouterr().err


def test_a_list_in_the_scanned_folder_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    Path(ignoring("CM-SUP-103", "evil.zip")).rename(".casemateignore")
    assert said(capsys, "evil.zip")[0] == 1
    assert said(capsys, ".")[0] == 1


PLAIN = [
    ["a"],
    ["a", "b", "--format", "json"],
    ["--format=sarif", "a"],
    ["--diff", "a", "b"],
    ["a", "--no-hash", "--workers", "3"],
    ["a", "--allow", "x.y:Z", "--allow", "x.y:W"],
]


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_plain_words_are_read_as_cyclopts_reads_them(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    _, bound, _ = build()["scan"].parse_args(words, exit_on_error=False)
    full = {**bound.kwargs}
    quick = plain_scan(words)
    assert quick is not None
    assert (list(bound.args[0]) if len(bound.args) == 1 else list(bound.args), full) == quick
    assert seen == []


@pytest.mark.parametrize(
    "words",
    [[], ["--help"], ["a", "--workers", "x"], ["a", "--format", "yaml"], ["a", "--allow"], ["a", "--ignore", "x"]],
)
def test_other_words_are_left_to_cyclopts(words: list[str]) -> None:
    assert plain_scan(words) is None


def test_a_scan_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['casemate', 'scan', 'clean']\n"
        "from casemate.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cyclopts', 'rich', 'sklearn', 'pandas', 'torch', 'joblib', 'multiprocessing'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 file" in done.stdout


def test_a_closed_pipe_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "from casemate.cli import main; import sys; sys.argv = ['casemate', 'scan', '.']; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE)},
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert "Traceback" not in done.stderr
