"""Acceptance 9: whatever byte changes, both verifiers see it and name the first bad record."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from casemate.core.errors import TamperedError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.signing import Signer, key_id
from casemate.keys.text import parse_vkey
from casemate.ledger.edge import Edge
from casemate.ledger.layout import expected_tiles, pack, unpack
from casemate.ledger.note import Checkpoint, open_checkpoint, sign_checkpoint
from casemate.ledger.statement import Record, open_record, seal
from casemate.ledger.view import verify_folder
from tests.ledger.folder import SIGNER, STRANGER, SUBJECT, Audit, independent_verifier, make_audit

TOOL = independent_verifier()
WITNESS = Ed25519Signer("witness.example/w", b"w" * 32)


def ours(audit: Audit, key: str | None = None, checkpoint: str | None = None) -> str:
    """What ``verify_folder`` says against the folder; "" when nothing."""
    try:
        verify_folder(audit.folder, [parse_vkey(key)] if key else [], checkpoint)
    except TamperedError as error:
        return error.message if error.exit_code == 4 else ""
    return ""


def theirs(audit: Audit, key: str | None = None, checkpoint: str | None = None) -> str:
    """What the independent verifier says against it; "" when nothing."""
    arguments = [
        str(audit.folder),
        *(["--key", key] if key else []),
        *(["--checkpoint", checkpoint] if checkpoint else []),
    ]
    spoken = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(spoken):
        code = TOOL.main(arguments)
    text = spoken.getvalue().removeprefix("TAMPERED: ").strip()
    assert code == (4 if text else 0), text
    return text


def both(audit: Audit) -> list[str]:
    return [ours(audit, audit.key, audit.checkpoint), theirs(audit, audit.key, audit.checkpoint)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return make_audit(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """More than 256 records, so that there are full tiles and a second level."""
    return make_audit(tmp_path_factory.mktemp("large"), trials=270)


@pytest.fixture
def audit(small: Audit, tmp_path: Path) -> Audit:
    """A copy to ruin."""
    shutil.copytree(small.folder, tmp_path / "audit")
    return small._replace(folder=tmp_path / "audit")


def files_of(audit: Audit) -> list[Path]:
    return sorted(path for path in audit.folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def changed(path: Path, data: bytes) -> Iterator[None]:
    """The file with other content, and afterwards as it was."""
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


def who_is_blamed(audit: Audit, records: list[Record], path: Path, offset: int) -> str:
    """A pattern of what a verifier must name for a change at this byte."""
    name = path.relative_to(audit.folder).as_posix()
    if match := re.match(r"ledger/tile/entries/(\d+)", name):
        at, first = 0, 256 * int(match[1])
        for index, entry in enumerate(unpack(path.read_bytes(), name)):
            at += 2 + len(entry)
            if offset < at:
                return rf"record {first + index}\b"
    if match := re.match(r"ledger/tile/0/(\d+)", name):
        return rf"record {256 * int(match[1]) + offset // 32}\b"
    if re.match(r"ledger/tile/1/", name):
        return rf"tile/1/.* record {256 * (offset // 32)}\b"
    if name.startswith("ledger/blobs/"):
        return (
            rf"record {next(each.index for each in records if each.predicate.get('blob') == path.name)}\b.*{path.name}"
        )
    if name == "ledger/checkpoint":
        return "checkpoint"
    return rf"record {records[-1].index}\b.*{re.escape(name)}"


def flip_bytes(audit: Audit, times: int, seed: int) -> None:
    """Half of the changes fall on files picked evenly, half on bytes picked evenly; any other value is as likely."""
    rng = random.Random(seed)
    files, records = files_of(audit), verify_folder(audit.folder).records
    sizes = [path.stat().st_size for path in files]
    for _ in range(times):
        path = rng.choices(files, sizes)[0] if rng.random() < 0.5 else rng.choice(files)
        data = bytearray(path.read_bytes())
        offset = rng.randrange(len(data))
        blame = who_is_blamed(audit, records, path, offset)
        data[offset] ^= rng.randint(1, 255)
        with changed(path, bytes(data)):
            for found in both(audit):
                assert re.search(blame, found), (path, offset, blame, found)


def test_the_folder_itself_verifies(small: Audit, large: Audit) -> None:
    assert both(small) == both(large) == ["", ""]


def test_single_bytes(small: Audit, large: Audit) -> None:
    flip_bytes(small, 280, 1)
    flip_bytes(large, 20, 2)


@pytest.mark.slow
def test_ten_thousand_single_bytes(small: Audit, large: Audit) -> None:
    flip_bytes(small, 9_000, 3)
    flip_bytes(large, 1_000, 4)


def test_truncated_extended_and_missing_files(audit: Audit, large: Audit) -> None:
    for where, paths in ((audit, files_of(audit)), (large, [each for each in files_of(large) if "tile" in each.parts])):
        for path in paths:
            data = path.read_bytes()
            for other in (data[:-1], data[: len(data) // 2], b"", data + b"\0", data + data)[
                :: 1 if where is audit else 2
            ]:
                with changed(path, other):
                    assert all(both(where)), path
            with changed(path, data):
                path.unlink()
                assert all(both(where)), path
        assert both(where) == ["", ""]


def test_superfluous_files(audit: Audit) -> None:
    width = len(verify_folder(audit.folder).records)
    for name in (
        "more.html", "more/x", ".hidden", "ledger/x", "ledger/.new-checkpoint", "ledger/journal",
        f"ledger/tile/0/000.p/{width - 1}", f"ledger/tile/entries/000.p/{width + 1}", "ledger/tile/1/000",
        "ledger/checkpoint.old", "ledger/tile/0/000",
        "ledger/blobs/" + "0" * 64, "ledger/blobs/x", "ledger/blobs/deep/x",
    ):  # fmt: skip
        path = audit.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        for found in both(audit):
            assert path.name in found, (name, found)
        path.unlink()
    assert both(audit) == ["", ""]


def test_links_and_special_files(audit: Audit, tmp_path: Path) -> None:
    outside = tmp_path / "outside.html"
    (audit.folder / "report.html").rename(outside)
    (audit.folder / "report.html").symlink_to(outside)
    assert all("plain file" in found for found in both(audit))
    (audit.folder / "report.html").unlink()
    os.mkfifo(audit.folder / "report.html")
    assert all("plain file" in found for found in both(audit))
    (audit.folder / "report.html").unlink()
    outside.rename(audit.folder / "report.html")
    (audit.folder / "linked").symlink_to(tmp_path)
    assert all("plain file" in found for found in both(audit))


def entries_of(audit: Audit) -> list[bytes]:
    return [entry for path in files_of(audit) if "entries" in path.parts for entry in unpack(path.read_bytes(), "it")]


def rewrite(audit: Audit, entries: list[bytes], signer: Signer | None = None) -> None:
    """Everything an attacker can do: other records, matching tiles, and a new checkpoint where there is a key."""
    shutil.rmtree(audit.folder / "ledger" / "tile")
    change = Edge().extend(entries)
    for name in expected_tiles(len(entries)):
        path = audit.folder / "ledger" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change.write[name])
    if signer is not None:
        head = Checkpoint(SIGNER.verifier.name, len(entries), change.edge.root())
        (audit.folder / "ledger" / "checkpoint").write_text(sign_checkpoint(head, [signer]))


Attack = Callable[[list[bytes]], list[bytes]]
UNSIGNED = seal("trial", {"plan": ""}, {}, [STRANGER])
ATTACKS: dict[str, Attack] = {
    "cut": lambda entries: entries[:-1],
    "behead": lambda entries: entries[1:],
    "swap": lambda entries: [*entries[:3], entries[4], entries[3], *entries[5:]],
    "replay": lambda entries: [*entries[:5], entries[2], *entries[6:]],
    "insert": lambda entries: [*entries[:5], entries[2], *entries[5:]],
    "forge": lambda entries: [*entries[:5], UNSIGNED, *entries[6:]],
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_rewritten_logs_under_the_old_checkpoint(audit: Audit, attack: Attack) -> None:
    rewrite(audit, attack(entries_of(audit)))
    found = both(audit)
    assert all(found)
    if attack is ATTACKS["forge"]:
        assert all("record 5" in each for each in found)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_records_changed_under_unchanged_tiles_are_named(audit: Audit, attack: Attack) -> None:
    before = entries_of(audit)
    after = attack(before)
    path = next(path for path in files_of(audit) if "entries" in path.parts)
    path.write_bytes(pack(after))
    first = next(
        (index for index, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), len(after)
    )
    for found in both(audit):
        assert re.search(rf"record {first}\b", found), found


@pytest.mark.parametrize(
    "attack",
    [each for name, each in ATTACKS.items() if name != "forge"],
    ids=["cut", "behead", "swap", "replay", "insert"],
)
def test_forks_signed_by_the_key_itself_fail_the_checkpoint_kept_elsewhere(audit: Audit, attack: Attack) -> None:
    rewrite(audit, attack(entries_of(audit)), SIGNER)
    assert all(both(audit))


def test_swapped_key(audit: Audit) -> None:
    """The whole log signed again by a key of the same name: only the given key tells."""
    entries = [
        seal(record.kind, record.predicate, SUBJECT, [STRANGER])
        for record in (open_record(index, entry, None) for index, entry in enumerate(entries_of(audit)))
    ]
    rewrite(audit, entries, STRANGER)
    assert all("checkpoint" in found for found in both(audit))
    forged = (audit.folder / "ledger" / "checkpoint").read_text()
    assert ours(audit, None, forged) == theirs(audit, None, forged) == ""
    # the head signed by the real key, the records by the stranger: the first record is named
    rewrite(audit, entries, SIGNER)
    head = (audit.folder / "ledger" / "checkpoint").read_text()
    assert all("record 0" in found for found in (ours(audit, audit.key, head), theirs(audit, audit.key, head)))


def test_other_spellings_of_the_checkpoint(audit: Audit) -> None:
    path = audit.folder / "ledger" / "checkpoint"
    note = path.read_text()
    lines = note.split("\n")
    head = open_checkpoint(note, [SIGNER.verifier])
    names = f"— {STRANGER.verifier.name} "
    assert key_id(STRANGER.verifier) != key_id(SIGNER.verifier)
    for other in (
        note + "\n",
        note + " ",
        note.replace("\n", "\r\n"),
        note.replace("\n\n", "\nextension\n\n"),
        note.replace(f"\n{head.size}\n", f"\n0{head.size}\n"),
        note + lines[-2] + "\n",
        note + sign_checkpoint(head, [STRANGER]).split("\n")[-2] + "\n",
        note + sign_checkpoint(head, [WITNESS]).split("\n")[-2] + "\n",
        note.replace("— ", "—  "),
        sign_checkpoint(head, [STRANGER]),
        names,
        "",
    ):
        path.write_text(other)
        assert all("checkpoint" in found for found in both(audit)), other
    path.write_bytes(b"\xff" + note.encode())
    assert all(both(audit))


def test_given_checkpoints(small: Audit, tmp_path: Path) -> None:
    """An earlier one is accepted with a caveat; one of another log, key or future is not."""
    entries = entries_of(small)
    name = SIGNER.verifier.name

    def head(size: int, signer: Signer = SIGNER, origin: str = name, root: bytes | None = None) -> str:
        return sign_checkpoint(Checkpoint(origin, size, root or Edge().extend(entries[:size]).edge.root()), [signer])

    for size in (0, 1, 5, len(entries) - 1):
        log = verify_folder(small.folder, [SIGNER.verifier], head(size))
        assert "older" in log.caveats[0]
        assert theirs(small, small.key, head(size)) == ""
    kept = tmp_path / "kept.txt"
    kept.write_text(head(len(entries)))
    assert theirs(small, small.key, str(kept)) == ""
    assert verify_folder(small.folder, [SIGNER.verifier], kept.read_text()).caveats == ()
    witnessed = sign_checkpoint(open_checkpoint(small.checkpoint, [SIGNER.verifier]), [SIGNER, WITNESS])
    for bad in (
        head(5, STRANGER),
        head(5, origin="example.org/other"),
        head(5, root=bytes(32)),
        head(len(entries), root=bytes(32)),
        sign_checkpoint(Checkpoint(name, len(entries) + 1, bytes(32)), [SIGNER]),
        "three\nlines\nonly\n",
    ):
        assert ours(small, small.key, bad), bad
        assert theirs(small, small.key, bad), bad
    assert ours(small, small.key, witnessed) == theirs(small, small.key, witnessed) == ""


def test_what_cannot_be_excluded_is_said(small: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(verify_folder(small.folder).caveats) == 2
    (caveat,) = verify_folder(small.folder, [SIGNER.verifier]).caveats
    assert "no checkpoint" in caveat
    (caveat,) = verify_folder(small.folder, [], small.checkpoint).caveats
    assert "no key" in caveat
    assert "files" in verify_folder(small.folder / "ledger", [SIGNER.verifier], small.checkpoint).caveats[0]
    assert TOOL.main([str(small.folder)]) == 0
    said = capsys.readouterr().out
    assert "without --key" in said
    assert "without the last checkpoint" in said
    with pytest.raises(UsageError):
        verify_folder(small.folder / "more")
