"""Key files and recipients, the texts that name services, and all that can be wrong with them."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import CasemateError, LockedError, UnreadableError, UsageError
from casemate.keys.hpke import Recipient, create_recipient, parse_recipient, read_recipient
from casemate.keys.kek_file import FileKey, create_kek, renew_kek
from casemate.keys.services import WrongKeyError, bound, unbound
from casemate.keys.uri import FORMS, open_service, parse_service

CONTEXT = {"name": "m"}
DEK = bytes(range(32))


def rewrite(path: Path, **changes: Any) -> None:
    stored = json.loads(path.read_text())
    stored.update(changes)
    path.write_text(json.dumps(stored))


def test_key_files_are_private(tmp_path: Path) -> None:
    create_kek(tmp_path / "a.kek")
    create_recipient(tmp_path / "alice")
    for name in ("a.kek", "alice"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    (tmp_path / "a.kek").chmod(0o640)
    (tmp_path / "alice").chmod(0o644)
    with pytest.raises(UsageError, match="others may read"):
        FileKey(tmp_path / "a.kek")
    with pytest.raises(UsageError, match="others may read"):
        read_recipient(tmp_path / "alice")


def test_key_files_are_never_overwritten(tmp_path: Path) -> None:
    create_kek(tmp_path / "a")
    with pytest.raises(UsageError, match="exists already"):
        create_kek(tmp_path / "a")
    with pytest.raises(UsageError, match="exists already"):
        create_recipient(tmp_path / "a")


def test_a_passphrase_hides_the_key(tmp_path: Path) -> None:
    plain, hidden = create_kek(tmp_path / "a"), create_kek(tmp_path / "b", b"correct horse", "argon2id")
    stored = json.loads((tmp_path / "b").read_text())
    assert stored["passphrase"]["algorithm"] == "argon2id"
    wrap = hidden.wrap(DEK, CONTEXT)
    rewrite(tmp_path / "b", passphrase=None)
    with pytest.raises(UnreadableError):
        FileKey(tmp_path / "b")
    assert plain.name != hidden.name
    assert wrap.key == stored["id"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"algorithm": "scrypt", "cost": 1 << 22, "second": 8, "lanes": 1},
        {"algorithm": "scrypt", "cost": 1000, "second": 8, "lanes": 1},
        {"algorithm": "scrypt", "cost": 0, "second": 8, "lanes": 1},
        {"algorithm": "scrypt", "cost": 1 << 17, "second": 0, "lanes": 1},
        {"algorithm": "scrypt", "cost": 2, "second": 1 << 30, "lanes": 1},
        {"algorithm": "argon2id", "cost": 1 << 21, "second": 1, "lanes": 1},
        {"algorithm": "argon2id", "cost": 1 << 10, "second": 1 << 20, "lanes": 1},
        {"algorithm": "argon2id", "cost": 8, "second": 1, "lanes": 99},
        {"algorithm": "argon2id", "cost": -1, "second": 1, "lanes": 1},
        {"algorithm": "md5", "cost": 1, "second": 1, "lanes": 1},
    ],
)
def test_a_key_file_cannot_make_its_reader_work_without_bound(tmp_path: Path, parameters: dict[str, Any]) -> None:
    create_kek(tmp_path / "a")
    rewrite(tmp_path / "a", passphrase={**parameters, "salt": "AAAAAAAAAAAAAAAAAAAAAA=="})
    begin = time.process_time()
    with pytest.raises(UnreadableError):
        FileKey(tmp_path / "a", lambda: b"x")
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b"[" * 50_000, b'{"casemate":"kek/2","id":"a","versions":""}']
)
def test_what_is_no_key_file_is_said_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "a").chmod(0o600)
    with pytest.raises(UnreadableError, match="holds no key-encryption key"):
        FileKey(tmp_path / "a")


@pytest.mark.parametrize("versions", ["", "AAAA"])
def test_a_key_of_a_wrong_length_is_refused(tmp_path: Path, versions: str) -> None:
    create_kek(tmp_path / "a")
    rewrite(tmp_path / "a", versions=versions)
    with pytest.raises(UnreadableError, match="wrong length"):
        FileKey(tmp_path / "a")


def test_old_versions_can_be_forgotten(tmp_path: Path) -> None:
    old = create_kek(tmp_path / "a", b"x", "argon2id")
    wrap = old.wrap(DEK, CONTEXT)
    assert renew_kek(tmp_path / "a", lambda: b"x").unwrap(wrap, CONTEXT) == DEK
    assert FileKey(tmp_path / "a", lambda: b"x").unwrap(wrap, CONTEXT) == DEK
    with pytest.raises(WrongKeyError):
        renew_kek(tmp_path / "a", lambda: b"x", keep=0).unwrap(wrap, CONTEXT)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_one_renewal_at_a_time(tmp_path: Path) -> None:
    """Of two at once the second would forget the version of the first, and whatever was sealed with it."""
    create_kek(tmp_path / "a")
    with (tmp_path / "a").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="is being renewed"):
            renew_kek(tmp_path / "a")
    renew_kek(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_bound_payloads_tell_their_context() -> None:
    payload = bound(DEK, CONTEXT)
    assert unbound(payload, CONTEXT, "x") == DEK
    for wrong in (payload[:-1], payload + b"\0", payload[:32], bytes(64)):
        with pytest.raises(WrongKeyError):
            unbound(wrong, CONTEXT, "x")


def test_a_damaged_recipient_is_refused(tmp_path: Path) -> None:
    create_recipient(tmp_path / "alice")
    for name, signs in (("alice", 4), ("alice.pub", 2)):
        text = (tmp_path / name).read_text().strip()
        *parts, encoded = text.split("+", signs)
        head = "+".join(parts)
        changed = encoded[:40] + ("A" if encoded[40] != "A" else "B") + encoded[41:]
        for bad in (f"{head}+{changed}", f"{head}+{encoded[:-4]}", f"{head}+{encoded}=", head, text[1:], ""):
            with pytest.raises(UnreadableError) as caught:
                parse_recipient(bad)
            assert encoded[:30] not in str(caught.value)


def test_a_recipient_that_nobody_can_seal_for_is_refused(tmp_path: Path) -> None:
    create_recipient(tmp_path / "alice")
    good = base64.b64decode((tmp_path / "alice.pub").read_text().strip().split("+", 2)[2])
    for bad in (good[:1184] + bytes(32), b"\xff" * 1184 + good[1184:]):
        recipient = Recipient(bad)
        with pytest.raises(UnreadableError):
            parse_recipient(recipient.text()).wrap(DEK, CONTEXT)


def test_recipients_are_given_as_text_too(tmp_path: Path) -> None:
    key = create_recipient(tmp_path / "alice")
    text = (tmp_path / "alice.pub").read_text().strip()
    wrap = open_service(f"hpke:{text}").wrap(DEK, CONTEXT)
    assert key.unwrap(wrap, CONTEXT) == DEK
    with pytest.raises(UnreadableError, match="wrong length"):
        Recipient(bytes(1215))


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60)
    | st.sampled_from(list(FORMS)).flatmap(lambda kind: st.text(max_size=40).map(f"{kind}:".__add__))
)
def test_any_text_names_a_service_or_is_refused(text: str) -> None:
    try:
        name = parse_service(text)
    except UsageError:
        return
    assert f"{name.kind}:{name.rest}" == text
    with contextlib.suppress(UsageError):
        assert all(name.halves())


@pytest.mark.parametrize(
    ("text", "environment", "words"),
    [
        ("models.kek", {}, "for a key file: file:models.kek"),
        ("gcp:x", {}, "begins with none of file:"),
        ("file:", {}, "does not name a key service"),
        ("file:/no/such/file", {}, "cannot be opened"),
        ("hpke:/no/such/file", {}, "cannot be"),
        ("transit:models", {}, "write it as transit:MOUNT/NAME"),
        ("transit:transit/models", {}, "needs VAULT_ADDR"),
        ("transit:transit/models", {"BAO_ADDR": "https://h"}, "needs VAULT_TOKEN"),
        ("transit:transit/models", {"VAULT_ADDR": "http://h", "VAULT_TOKEN": "t"}, "in the clear"),
        ("pkcs11:label", {}, "write it as pkcs11:TOKEN/LABEL"),
        ("pkcs11:t/l", {}, "needs the user's PIN"),
        ("pkcs11:t/l", {"CASEMATE_PKCS11_PIN": "1", "PKCS11_MODULE": "/no/such.so"}, "no PKCS#11 module"),
    ],
)
def test_what_is_missing_is_named(text: str, environment: dict[str, str], words: str) -> None:
    with pytest.raises(CasemateError) as caught:
        open_service(text, environment=environment)
    assert words in str(caught.value)


def test_a_passphrase_may_come_from_a_file(tmp_path: Path) -> None:
    create_kek(tmp_path / "a", b"correct horse", "argon2id")
    (tmp_path / "pass").write_bytes(b"correct horse\n")
    (tmp_path / "pass").chmod(0o600)
    service = open_service(f"file:{tmp_path}/a", environment={"CASEMATE_PASSPHRASE_FILE": str(tmp_path / "pass")})
    assert service.unwrap(service.wrap(DEK, CONTEXT), CONTEXT) == DEK
    with pytest.raises(UsageError, match="has a passphrase"):
        open_service(f"file:{tmp_path}/a", environment={})
