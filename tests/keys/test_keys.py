"""Signers, key text and key files."""

from __future__ import annotations

import base64
import contextlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import CasemateError, UnreadableError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.files import create_key, default_home, load_key, load_or_create_key, require_outside
from casemate.keys.signing import check_name, decode_base64, key_id, vkey
from casemate.keys.text import ALGORITHMS, make_signer, parse_private, parse_vkey, read_vkey

# the key of the example in https://pkg.go.dev/golang.org/x/mod/sumdb/note
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_is_bound_to_key_and_message(algorithm: str) -> None:
    signer, other = (
        make_signer("example.org/a", bytes(32), algorithm),
        make_signer("example.org/a", b"x" * 32, algorithm),
    )
    signature = signer.sign(b"message")
    assert len(signature) == signer.verifier.signature_size
    assert signer.verifier.verify(b"message", signature)
    assert not signer.verifier.verify(b"messagf", signature)
    assert not other.verifier.verify(b"message", signature)
    for wrong in (b"", signature[:-1], signature + b"\0", bytes(len(signature))):
        assert not signer.verifier.verify(b"message", wrong)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_public_text_round_trip(algorithm: str, tmp_path: Path) -> None:
    verifier = make_signer("example.org/a", bytes(32), algorithm).verifier
    text = vkey(verifier)
    assert parse_vkey(text) == verifier
    path = tmp_path / "a.vkey"
    path.write_text(text + "\n")
    assert read_vkey(str(path)) == read_vkey(text) == verifier


def test_keys_of_go_are_read() -> None:
    signer = parse_private(GO_SKEY)
    assert vkey(signer.verifier) == GO_VKEY
    assert key_id(parse_vkey(GO_VKEY)).hex() == "c74f20a3"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        GO_VKEY.replace("PeterN", "Petern"),
        GO_VKEY[:-1] + "X",
        GO_VKEY.replace("+ARpc", "+BRpc"),
        "a+00000000+////",
        GO_VKEY + "=",
    ],
)
def test_damaged_public_keys_are_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        parse_vkey(text)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80) | st.text(alphabet="a+/=01PRIVATEKEY", max_size=80))
def test_any_text_is_a_key_or_a_clear_error(text: str) -> None:
    for parse in (parse_vkey, parse_private):
        with contextlib.suppress(CasemateError):
            parse(text)


@given(st.binary(max_size=40))
def test_base64_has_one_spelling(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert decode_base64(text, "it") == data
    for other in (
        text + "\n",
        " " + text,
        text.rstrip("=") + "\n",
        text.replace("=", "", 1) if "=" in text else text + "=",
    ):
        with pytest.raises(UnreadableError):
            decode_base64(other, "it")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\x00", "a\u2003b"])
def test_names_that_notes_cannot_carry(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_key_file(algorithm: str, tmp_path: Path) -> None:
    path = tmp_path / "home" / "keys" / "audit"
    made = load_or_create_key(path, "example.org/a", algorithm)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_or_create_key(path, "ignored").verifier == made.verifier
    assert read_vkey(str(path) + ".vkey") == made.verifier
    with pytest.raises(UsageError, match="exists already"):
        create_key(path, "example.org/a")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606, 0o610])
def test_a_key_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    create_key(path, "example.org/a")
    path.chmod(mode)
    with pytest.raises(UsageError, match=r"others may read or write it .*chmod 600"):
        load_key(path)


def test_a_key_in_a_folder_that_others_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(UsageError, match="chmod 700"):
        create_key(folder / "key", "example.org/a")


def test_links_folders_and_nothing_are_no_keys(tmp_path: Path) -> None:
    create_key(tmp_path / "key", "example.org/a")
    (tmp_path / "link").symlink_to(tmp_path / "key")
    (tmp_path / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    for name in ("link", "missing", "folder"):
        with pytest.raises(UsageError):
            load_key(tmp_path / name)


def test_a_file_that_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for content in (b"", b"\xff\xfe", b"PRIVATE+KEY+a+00000000+AAAA", GO_VKEY.encode()):
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(UnreadableError):
            load_key(path)


def test_errors_say_nothing_of_the_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_key(path, "example.org/a")
    secret = path.read_text().split("+", 4)[4].strip()  # base64 may hold plus signs of its own
    path.write_text(path.read_text().replace("example.org/a", "example.org/b"))
    with pytest.raises(UnreadableError) as caught:
        load_key(path)
    assert secret not in str(caught.value)
    assert secret not in repr(Ed25519Signer("a", bytes(32)))


def test_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEMATE_HOME", "/x/y")
    assert default_home() == Path("/x/y")
    monkeypatch.delenv("CASEMATE_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/z")
    assert default_home() == Path("/z/casemate")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert default_home() == Path.home() / ".config" / "casemate"


def test_a_key_inside_the_audit_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "door").symlink_to(tmp_path / "audit")
    for path in ("audit/key", "audit/deep/key", "door/key"):
        with pytest.raises(UsageError, match="inside the audit folder"):
            require_outside(tmp_path / path, tmp_path / "audit")
    require_outside(tmp_path / "audit.key", tmp_path / "audit")
