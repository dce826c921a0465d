"""Acceptance 8: whatever is changed in a sealed file, all of it is refused, and no byte of plaintext is left behind."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from casemate.core.errors import CasemateError, StaleError, TamperedError, UsageError
from casemate.custody.envelope import Sealer, decrypt_file, encrypt_file, open_encrypted, rotate
from casemate.custody.envelope.layout import HEAD, JOURNAL, SLOTS, Head, Policy, parse_head
from casemate.custody.envelope.slots import Slot, encode_slot
from casemate.keys.hpke import create_recipient, read_recipient
from casemate.keys.kek_file import FileKey, create_kek
from casemate.keys.services import Wrap
from tests.custody.envelope.make_vectors import StoppedError, stop_after
from tests.custody.envelope.mutate import MUTATIONS, Victim, flip_anywhere, put

SIZE = 9 * 1024 + 700


def seal(folder: Path, name: str, key: FileKey, content: bytes) -> bytes:
    (folder / "plain").write_bytes(content)
    encrypt_file(
        folder / "plain", folder / name, [key, create_kek(folder / f"{name}.2")], segment=1024, reserve=4096, name="m"
    )
    (folder / "plain").unlink()
    return (folder / name).read_bytes()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> FileKey:
    return create_kek(tmp_path_factory.mktemp("keys") / "a.kek")


@pytest.fixture(scope="module")
def victim(key: FileKey, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    folder = tmp_path_factory.mktemp("victim")
    rng = random.Random(1)
    older = seal(folder, "s", key, rng.randbytes(SIZE))
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(StoppedError):
            rotate(folder / "s", [key])
    midway = (folder / "s").read_bytes()[HEAD : HEAD + JOURNAL]
    assert any(midway)
    rotate(folder / "s", [key])
    return Victim((folder / "s").read_bytes(), older, seal(folder, "t", key, rng.randbytes(SIZE)), midway)


def refused(data: bytes, key: FileKey, folder: Path) -> CasemateError | None:
    """The error for a changed file, or None when it was unsealed."""
    (folder / "changed").write_bytes(data)
    try:
        decrypt_file(folder / "changed", folder / "plain", [key], workers=1)
    except CasemateError as error:
        assert sorted(path.name for path in folder.iterdir()) == ["changed"]
        return error
    (folder / "plain").unlink()
    return None


def attack(victim: Victim, key: FileKey, folder: Path, rounds: int) -> Counter[str]:
    rng, errors = random.Random(rounds), Counter[str]()
    for number in range(rounds):
        mutation = MUTATIONS[number % len(MUTATIONS)]
        data = mutation(rng, victim)
        while data == victim.data:
            data = mutation(rng, victim)
        error = refused(data, key, folder)
        assert error is not None, (mutation.__name__, number)
        errors[type(error).__name__] += 1
    return errors


def test_unchanged_it_opens(victim: Victim, key: FileKey, tmp_path: Path) -> None:
    assert refused(victim.data, key, tmp_path) is None


def test_changes_are_refused(victim: Victim, key: FileKey, tmp_path: Path) -> None:
    errors = attack(victim, key, tmp_path, 20 * len(MUTATIONS))
    assert errors.keys() == {"TamperedError", "WrongKeyError", "UnreadableError"}
    assert errors["TamperedError"] > 0.7 * errors.total()


@pytest.mark.slow
def test_ten_thousand_changes_are_refused(victim: Victim, key: FileKey, tmp_path: Path) -> None:
    assert attack(victim, key, tmp_path, 10_000).total() == 10_000


@pytest.mark.slow
def test_every_single_bit_of_the_header_and_the_slots_counts(victim: Victim, key: FileKey, tmp_path: Path) -> None:
    rng = random.Random(3)
    written = [at for at in range(victim.head.body) if victim.data[at]]
    empty = rng.sample([at for at in range(victim.head.body) if not victim.data[at]], 1000)
    for at in [*written, *empty]:
        assert refused(put(victim.data, at, bytes([victim.data[at] ^ 1 << rng.randrange(8)])), key, tmp_path), at


@pytest.mark.parametrize("bit", range(8))
def test_the_same_for_a_stream_that_was_sealed_as_it_came(bit: int, key: FileKey, tmp_path: Path) -> None:
    with Sealer(tmp_path / "s", [key], length=3000, name="m", segment=1024, reserve=4096) as sealer:
        sealer.update(bytes(3000))
        sealer.finish()
    data = (tmp_path / "s").read_bytes()
    (tmp_path / "s").unlink()
    victim, rng = Victim(data, data, data, b""), random.Random(bit)
    for _ in range(10):
        assert refused(flip_anywhere(rng, victim), key, tmp_path)


def test_an_intact_range_of_a_damaged_file_is_not_handed_out_with_damaged_bytes(
    victim: Victim, key: FileKey, tmp_path: Path
) -> None:
    head = victim.head
    at = head.offset(4) + 10
    (tmp_path / "s").write_bytes(put(victim.data, at, bytes([victim.data[at] ^ 1])))
    with open_encrypted(tmp_path / "s", [key]) as opened:
        assert len(opened.read(0, 4096)) == 4096
        for start, count in ((4096, 1), (5119, 1), (0, SIZE), (4095, 2), (3000, 1500)):
            with pytest.raises(TamperedError, match="segment 4 "):
                opened.read(start, count)


@pytest.mark.parametrize("what", ["at rest", "midway"])
def test_a_whole_old_header_opens_unless_a_newer_one_is_known_of(
    what: str, victim: Victim, key: FileKey, tmp_path: Path
) -> None:
    """What the format cannot see: a whole old header put back. The number of rotations, kept elsewhere, sees it."""
    old = victim.older[HEAD : victim.head.body]
    if what == "midway":
        old = victim.midway + victim.older[SLOTS : SLOTS + victim.head.slot]
    (tmp_path / "s").write_bytes(put(victim.data, HEAD, old))
    with open_encrypted(tmp_path / "s", [key]) as opened:
        assert opened.sequence == 1
    with pytest.raises(StaleError, match="older header"):
        open_encrypted(tmp_path / "s", [key], least=2)
    with pytest.raises(StaleError):
        decrypt_file(tmp_path / "s", tmp_path / "m", [key], least=2)
    assert not (tmp_path / "m").exists()


def forged_slots(data: bytes, head: Head, slot: Slot, dek: bytes) -> bytes:
    """Slots with any wraps, authentic under a data key of the attacker's."""
    key = head.derive(dek).slots
    return put(data, SLOTS, b"".join(encode_slot(index, slot, head.slot, key) for index in (0, 1)))


def test_a_data_key_of_the_attackers_own_is_refused_before_anything_is_decrypted(tmp_path: Path) -> None:
    """Anyone can wrap for a recipient; the header commits to one data key, so all recipients see the same plaintext."""
    alice, mallory = create_recipient(tmp_path / "alice"), create_kek(tmp_path / "mallory")
    (tmp_path / "m").write_bytes(bytes(2000))
    encrypt_file(tmp_path / "m", tmp_path / "s", [alice, mallory], segment=1024)
    data = (tmp_path / "s").read_bytes()
    head = parse_head(data)
    wrap = read_recipient(tmp_path / "alice.pub").wrap(bytes(32), head.context())
    (tmp_path / "s").write_bytes(forged_slots(data, head, Slot(1, (wrap,)), bytes(32)))
    with pytest.raises(TamperedError, match="not the one that the header commits to"):
        open_encrypted(tmp_path / "s", [alice])


def test_a_wrap_of_another_file_is_refused(victim: Victim, key: FileKey, tmp_path: Path) -> None:
    other = parse_head(victim.other)
    wrap = key.wrap(bytes(32), other.context())
    data = forged_slots(victim.data, victim.head, Slot(1, (wrap,)), bytes(32))
    error = refused(data, key, tmp_path)
    assert error is not None
    assert "another file" in str(error)


def test_names_that_would_steer_a_terminal_are_refused(
    victim: Victim, key: FileKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap = Wrap("file", "\x1b]0;owned\x07", bytes(80))
    error = refused(forged_slots(victim.data, victim.head, Slot(1, (wrap,)), bytes(32)), key, tmp_path)
    assert error is not None
    assert str(error).isprintable()
    monkeypatch.setattr(FileKey, "wrap", lambda *_: wrap)
    (tmp_path / "m").write_bytes(b"m")
    with pytest.raises(UsageError, match="cannot be printed"):
        encrypt_file(tmp_path / "m", tmp_path / "s", [key])
    with pytest.raises(UsageError):
        Head("m", 1, 1024, 4096, bytes(32), bytes(7), Policy(("file", "\x1b[2J"))).encode()


@pytest.mark.parametrize("change", ["drop", "repeat", "order", "rename", "relabel"])
def test_wraps_cannot_be_changed_without_the_data_key(
    change: str, victim: Victim, key: FileKey, tmp_path: Path
) -> None:
    head, at = victim.head, SLOTS + 16
    length = int.from_bytes(victim.data[at : at + 4], "big")
    wraps = msgspec.json.decode(victim.data[at + 4 : at + 4 + length])
    changed: list[dict[str, str]] = {
        "drop": wraps[:1],
        "repeat": [wraps[0], *wraps],
        "order": wraps[::-1],
        "rename": [wraps[0], {**wraps[1], "key": "ffffffffffffffff"}],
        "relabel": [wraps[0], {**wraps[1], "kind": "hpke"}],
    }[change]
    text = msgspec.json.encode(changed, order="sorted")
    data = victim.data
    for index in (0, 1):
        start = SLOTS + index * head.slot
        body = (data[start : start + 16] + len(text).to_bytes(4, "big") + text).ljust(head.slot - 32, b"\0")
        data = put(data, start, body)
    error = refused(data, key, tmp_path)
    assert isinstance(error, TamperedError)
    assert "not authentic" in str(error)


def test_the_policy_holds_against_a_rotation_that_ignores_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, weak = create_recipient(tmp_path / "alice"), create_kek(tmp_path / "weak")
    (tmp_path / "m").write_bytes(b"x")
    encrypt_file(tmp_path / "m", tmp_path / "s", [alice], policy=Policy(("hpke",), 1))
    for check in ("check_services", "check_wraps"):
        monkeypatch.setattr(f"casemate.custody.envelope.rotation.{check}", lambda *_: None)
    rotate(tmp_path / "s", [alice], [weak])
    with pytest.raises(TamperedError, match="policy allows keys of kind hpke, not file"):
        open_encrypted(tmp_path / "s", [weak])
