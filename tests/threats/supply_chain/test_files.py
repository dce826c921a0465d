"""Files: what is no file, what changes, what is huge, what links; the same results whatever the number of workers."""

from __future__ import annotations

import hashlib
import mmap
import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from casemate.core.findings import Finding, Severity
from casemate.core.observer import Silent
from casemate.threats.supply_chain import files, source
from casemate.threats.supply_chain.artifact import Artifact, fingerprint
from casemate.threats.supply_chain.children import Children
from casemate.threats.supply_chain.files import TASK, scan_bytes, scan_each, scan_file, scan_paths
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.walk import walk
from tests.threats.supply_chain.containers.archives import EVIL, NOTE, SETTINGS, Member, use_notes, zipped


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_notes(monkeypatch)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as large: it is mapped, in a child."""
    monkeypatch.setattr(source, "SMALL", 0)
    monkeypatch.setattr(files, "SMALL", 0)


def one(path: Path, **options: bool) -> Artifact:
    return scan_file(path, SETTINGS, **options)


def test_an_artifact_says_what_the_contract_promises(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(Member(b"x"), Member(b"y", EVIL)))
    data = (tmp_path / "a.zip").read_bytes()
    found = msgspec.json.decode(msgspec.json.encode(one(tmp_path / "a.zip")))
    assert found["path"] == str(tmp_path / "a.zip")
    assert found["format"] == "zip"
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert found["bytes"] == len(data)
    assert found["verdict"] == "malicious"
    (finding,) = found["findings"]
    assert {"rule", "severity", "message", "location"} <= set(finding)
    assert finding["location"] == "a.zip!y byte 4"
    assert len(finding["fingerprint"]) == 32


def test_without_hashing_there_is_no_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(NOTE)
    assert one(tmp_path / "a", hashed=False).sha256 == ""


def test_zero_bytes_are_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert (one(tmp_path / "a").verdict, one(tmp_path / "a").reason) == (Verdict.UNREADABLE, "it is empty")
    assert scan_bytes(b"", SETTINGS).verdict is Verdict.UNREADABLE
    assert scan_bytes(NOTE, SETTINGS).verdict is Verdict.CLEAN


def test_what_is_no_file_is_unreadable_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)
        server.bind("socket")
        opened: list[str] = []
        real = os.open
        monkeypatch.setattr(os, "open", lambda path, *rest, **more: (opened.append(path), real(path, *rest, **more))[1])
        found = {artifact.path: artifact for artifact in scan_paths(["pipe", "socket", "/dev/zero", "gone"], SETTINGS)}
    assert opened == []
    assert {path: artifact.reason for path, artifact in found.items()} == {
        "pipe": "it is a pipe",
        "socket": "it is a socket",
        "/dev/zero": "it is a device",
        "gone": "it is not there, or was removed meanwhile",
    }
    assert {artifact.verdict for artifact in found.values()} == {Verdict.UNREADABLE}
    assert [artifact.reason for artifact in scan_paths([tmp_path], SETTINGS)] == ["it is a pipe", "it is a socket"]


def test_a_file_that_becomes_a_pipe_between_look_and_open_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(NOTE)
    real = os.open

    def swap(name: str, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return real(name, flags)

    monkeypatch.setattr(os, "open", swap)
    assert one(path).reason == "it is a pipe"


def test_links(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    (tmp_path / "outside").write_bytes(NOTE)
    (folder / "a").write_bytes(NOTE)
    (folder / "b").symlink_to("a")
    (folder / "c").symlink_to("../outside")
    (folder / "d").symlink_to("d")
    (folder / "e").symlink_to(".")
    (folder / "f").symlink_to("nowhere")
    found = {Path(artifact.path).name: artifact for artifact in scan_paths([folder], SETTINGS)}
    assert {name: (str(artifact.verdict), artifact.reason) for name, artifact in found.items()} == {
        "a": ("clean", ""),
        "b": ("clean", ""),
        "c": ("unreadable", "it is a link that leads out of the folder that was given"),
        "d": ("unreadable", "it is a symbolic link, or links go round in circles"),
        "f": ("unreadable", "it is not there, or was removed meanwhile"),
    }
    assert one(folder / "c").verdict is Verdict.CLEAN  # this one was asked for


def test_a_hugging_face_cache_is_told_by_its_snapshots(tmp_path: Path) -> None:
    repository = tmp_path / "models--x--y"
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_bytes(NOTE)
    for name, data in (("1111", b"NOTE?w.bin,0,"), ("2222", b"\1\2\3"), ("3333", EVIL)):
        (repository / "blobs" / name).write_bytes(data)
    (snapshot / "model.note").symlink_to("../../blobs/1111")
    (snapshot / "w.bin").symlink_to("../../blobs/2222")
    found = {artifact.path.removeprefix(f"{repository}/"): artifact for artifact in scan_paths([repository], SETTINGS)}
    assert list(found) == ["refs/main", "snapshots/abc/model.note", "snapshots/abc/w.bin", "blobs/3333"]
    assert found["snapshots/abc/w.bin"].verdict is Verdict.CLEAN
    assert found["snapshots/abc/w.bin"].format == "weights"
    assert found["blobs/3333"].verdict is Verdict.MALICIOUS
    alone = scan_paths([snapshot], SETTINGS)
    assert [artifact.verdict for artifact in alone] == [Verdict.CLEAN, Verdict.CLEAN]


def test_siblings_below_a_folder_account_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"\1\2\3\4")
    (tmp_path / "model").write_bytes(b"NOTE?variables/data,0,4")
    (tmp_path / "other").write_bytes(b"\1\2\3\4")
    verdicts = {Path(artifact.path).name: artifact.verdict for artifact in scan_paths([tmp_path], SETTINGS)}
    assert verdicts == {"model": Verdict.CLEAN, "other": Verdict.UNREADABLE, "data": Verdict.CLEAN}
    (tmp_path / "model").write_bytes(b"NOTE?variables/data,0,3")
    found = {Path(artifact.path).name: artifact for artifact in scan_paths([tmp_path], SETTINGS)}
    assert found["data"].reason == "1 of its bytes are claimed by no file beside it (first at byte 3)"
    (tmp_path / "variables" / "data").write_bytes(EVIL)
    found = {Path(artifact.path).name: artifact for artifact in scan_paths([tmp_path], SETTINGS)}
    assert found["data"].verdict is Verdict.MALICIOUS


@pytest.mark.parametrize(
    ("claim", "rule", "verdict"),
    [
        ("../secret,0,", "CM-SUP-100", Verdict.MALICIOUS),
        ("/etc/passwd,0,", "CM-SUP-100", Verdict.MALICIOUS),
        ("C:\\x,0,", "CM-SUP-100", Verdict.MALICIOUS),
        ("d/../../x,0,", "CM-SUP-100", Verdict.MALICIOUS),
        ("gone,0,", "CM-SUP-101", Verdict.UNREADABLE),
        ("short,2,5", "CM-SUP-101", Verdict.UNREADABLE),
    ],
)
def test_claims_that_cannot_hold_are_found(tmp_path: Path, claim: str, rule: str, verdict: Verdict) -> None:
    (tmp_path / "short").write_bytes(b"\1\2\3")
    (tmp_path / "model").write_bytes(f"NOTE?{claim}".encode())
    found = one(tmp_path / "model")
    assert [finding.rule for finding in found.findings] == [rule]
    assert found.verdict is verdict


def test_a_sparse_file_of_ten_gigabytes_is_neither_read_nor_kept(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.write(b"\1\2\3")
        stream.truncate(10 << 30)
    found = one(path, hashed=False)
    assert (found.verdict, found.bytes, found.sha256) == (Verdict.UNREADABLE, 10 << 30, "")
    assert found.reason == "its format is not known"


@pytest.mark.usefixtures("small")
def test_holes_are_hashed_as_zeros(tmp_path: Path) -> None:
    path = tmp_path / "holes"
    with path.open("wb") as stream:
        stream.write(NOTE)
        stream.seek(3 << 20)
        stream.write(b"end")
        stream.truncate(5 << 20)
    assert path.stat().st_blocks * 512 < 5 << 20
    assert one(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_permission_is_unreadable(tmp_path: Path) -> None:
    """In a child that is not root, whatever the tests are."""
    (tmp_path / "a").write_bytes(NOTE)
    (tmp_path / "a").chmod(0)
    (tmp_path / "d").mkdir(mode=0)
    for above in (tmp_path, *tmp_path.parents):
        if os.geteuid() == 0 and not stat.S_IMODE(above.stat().st_mode) & 0o001:
            above.chmod(0o755)

    def work(path: str, _: Callable[[int], None]) -> bytes:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        return msgspec.json.encode(scan_paths([path], SETTINGS))

    children = Children(work, 1, lambda _: None)
    (answer,) = [answer for _, answer in children.each([str(tmp_path)])]
    children.close()
    assert answer is not None
    found = msgspec.json.decode(answer, type=list[Artifact])
    assert [artifact.reason for artifact in found] == [
        "permission denied",
        "the folder cannot be listed: permission denied",
    ]
    assert {artifact.verdict for artifact in found} == {Verdict.UNREADABLE}


@pytest.mark.parametrize("how", ["grow", "shrink", "touch", "write"])
def test_a_file_that_changes_while_it_is_read_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(NOTE)
    os.utime(path, ns=(1, 1))
    real = files.scan_view

    def meddle(*given: object) -> object:
        outcome = real(*given)  # type: ignore[arg-type]
        if how == "touch":
            os.utime(path, ns=(1, 2))
        elif how == "shrink":
            os.truncate(path, 3)
        else:
            with path.open("r+b" if how == "write" else "ab") as stream:
                stream.write(b"NOTE")
            os.utime(path, ns=(1, 1))
        return outcome

    monkeypatch.setattr(files, "scan_view", meddle)
    found = one(path)
    assert (found.verdict, found.reason) == (Verdict.UNREADABLE, "it changed while it was read")


@pytest.mark.usefixtures("small")
def test_a_mapped_file_that_is_cut_short_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a page of a map behind the file's end is SIGBUS; it kills the child, and only this file is lost."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(NOTE + bytes(5 * mmap.PAGESIZE))
    real = files.scan_view

    def cut(view: source.View, *rest: object) -> object:
        if view.where == "b":
            os.truncate(tmp_path / "b", 0)
            view.raw(4 * mmap.PAGESIZE, 10)
        return real(view, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "scan_view", cut)
    for workers in (1, 2):
        (tmp_path / "b").write_bytes(NOTE + bytes(5 * mmap.PAGESIZE))
        found = scan_paths([tmp_path], SETTINGS, workers, hashed=False)
        assert [artifact.verdict for artifact in found] == [Verdict.CLEAN, Verdict.UNREADABLE, Verdict.CLEAN]
        assert found[1].reason == files._DIED


def test_a_child_that_dies_is_replaced_and_answers_stay_in_order() -> None:
    def work(job: int, tell: Callable[[int], None]) -> bytes:
        tell(1)
        if job % 7 == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return b"%d" % job

    heard: list[int] = []
    children = Children(work, 3, heard.append)
    answers = list(children.each(range(40)))
    children.close()
    assert answers == [(job, None if job % 7 == 3 else b"%d" % job) for job in range(40)]
    assert 34 <= sum(heard) <= 40


@pytest.mark.parametrize("hashed", [True, False])
def test_results_do_not_depend_on_workers_or_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hashed: bool
) -> None:
    for index in range(30):
        folder = tmp_path / f"d{index % 3}"
        folder.mkdir(exist_ok=True)
        data = (NOTE, EVIL, b"unknown", b"NOTE?gone,0,")[index % 4]
        (folder / f"{index}").write_bytes(zipped(Member(b"a", data, method=8)) if index % 2 else data)
    alone = scan_paths([tmp_path], SETTINGS, hashed=hashed)
    assert len(alone) == 30
    assert [artifact.path for artifact in alone] == sorted(artifact.path for artifact in alone)
    assert scan_paths([tmp_path], SETTINGS, 3, hashed=hashed) == alone
    monkeypatch.setattr(source, "SMALL", 0)
    monkeypatch.setattr(files, "SMALL", 0)
    assert scan_paths([tmp_path], SETTINGS, hashed=hashed) == alone


def test_a_mistake_in_the_scanner_costs_only_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(NOTE)
    monkeypatch.setattr(files, "scan_view", lambda *_: 1 / 0)
    found = one(tmp_path / "a")
    assert found.verdict is Verdict.UNREADABLE
    assert "ZeroDivisionError" in found.reason


def test_git_is_not_entered_and_files_come_before_folders(tmp_path: Path) -> None:
    for name in (".git/config", "b/x", "a/y", "z", "a.b", "a/.git"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(NOTE)
    assert [entry.name for entry in walk([str(tmp_path)])] == ["a.b", "z", "a/.git", "a/y", "b/x"]


def test_names_that_are_no_text_can_be_reported(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff!\n")).write_bytes(EVIL)
    (found,) = scan_paths([tmp_path], SETTINGS)
    assert b"\\\\xff!\\n" in msgspec.json.encode(found)
    assert found.findings[0].location == "\\xff?? byte 4"


def test_only_one_folder_is_held_back(tmp_path: Path) -> None:
    for index in range(4):
        (tmp_path / f"{index}").mkdir()
        (tmp_path / f"{index}" / "a").write_bytes(NOTE)
    stream: Iterator[Artifact] = scan_each([tmp_path], SETTINGS)
    assert next(stream).path.endswith("0/a")
    (tmp_path / "3" / "a").write_bytes(EVIL)
    assert [artifact.verdict for artifact in stream] == [Verdict.CLEAN, Verdict.CLEAN, Verdict.MALICIOUS]


def test_a_huge_folder_is_not_held_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "HELD", 2)
    for name, data in {"a": b"\1", "b": NOTE, "c": b"NOTE?a,0,\nd,0,", "d": b"\1", "e": NOTE}.items():
        (tmp_path / name).write_bytes(data)
    stream = scan_each([tmp_path], SETTINGS)
    assert next(stream).verdict is Verdict.UNREADABLE  # nothing had claimed it yet: never clean by mistake
    (tmp_path / "e").write_bytes(EVIL)
    rest = [artifact.verdict for artifact in stream]
    assert rest == [Verdict.CLEAN, Verdict.CLEAN, Verdict.CLEAN, Verdict.MALICIOUS]


class Heard:
    """An observer that counts."""

    def __init__(self) -> None:
        self.total = self.done = 0
        self.ended = False

    def begin(self, task: str, total: int) -> None:
        assert task == TASK
        self.total = total

    def advance(self, task: str, steps: int = 1) -> None:
        self.done += steps

    def end(self, task: str) -> None:
        self.ended = True

    def note(self, message: str) -> None:
        raise AssertionError(message)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.usefixtures("small")
def test_progress_is_told_in_whole_mebibytes(tmp_path: Path, workers: int) -> None:
    for index in range(3):
        (tmp_path / f"{index}").write_bytes(NOTE + bytes(3 << 20))
    heard = Heard()
    scan_paths([tmp_path], SETTINGS, workers, heard)
    assert (heard.total, heard.done, heard.ended) == (10, 9, True)


def test_fingerprints_survive_moved_bytes_and_tell_places_apart() -> None:
    def made(message: str, location: str, logical: str = "") -> str:
        return fingerprint(
            Finding(rule="R", severity=Severity.HIGH, message=message, location=location, logical=logical)
        )

    first = made("calls os.system at 12", "model.pkl!a/data.pkl byte 12", "os.system")
    assert first == made("calls os.system at 99", "renamed.pkl!a/data.pkl byte 99", "os.system")
    assert first != made("calls os.system at 12", "model.pkl!b/data.pkl byte 12", "os.system")
    assert first != made("calls os.system at 12", "model.pkl!a/data.pkl byte 12", "os.popen")
    assert first != made("calls os.popen at 12", "model.pkl!a/data.pkl byte 12", "os.system")


def test_moved_bytes_keep_the_fingerprint_of_a_real_finding(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(zipped(Member(b"y", EVIL)))
    (tmp_path / "new").write_bytes(zipped(Member(b"x", NOTE * 99), Member(b"y", EVIL)))
    old, new = scan_paths([tmp_path / "old", tmp_path / "new"], SETTINGS)
    assert [finding.fingerprint for finding in old.findings] == [finding.fingerprint for finding in new.findings]


def test_hashing_runs_beside_the_parsers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser waits for the hashing thread to have begun: it could not if hashing came first or last."""
    monkeypatch.setattr(source, "_INLINE", 0)
    (tmp_path / "a").write_bytes(NOTE)
    begun, parsed = threading.Event(), threading.Event()
    real, run = files.scan_view, source.Hashing._run

    def hashing(self: source.Hashing) -> None:
        begun.set()
        assert parsed.wait(20)
        run(self)

    def parsing(*given: object) -> object:
        assert begun.wait(20)
        parsed.set()
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(source.Hashing, "_run", hashing)
    monkeypatch.setattr(files, "scan_view", parsing)
    assert one(tmp_path / "a").sha256 == hashlib.sha256(NOTE).hexdigest()


def test_the_silent_observer_needs_no_second_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(NOTE)
    walks: list[object] = []
    real = files.walk
    monkeypatch.setattr(files, "walk", lambda paths: (walks.append(paths), real(paths))[1])
    scan_paths([tmp_path], SETTINGS, observer=Silent())
    assert len(walks) == 1
