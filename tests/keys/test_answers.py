"""What key services make of servers that refuse, fail, talk nonsense, send them elsewhere or never answer."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from casemate.core.errors import UsageError
from casemate.keys.aws_kms import KmsKey
from casemate.keys.services import DeniedServiceError, KeyServiceError, UnreachableServiceError, Wrap, WrongKeyError
from casemate.keys.transit import TransitKey

DEK = bytes(32)
CONTEXT = {"name": "m"}
TOKEN = "hvs.secret-token"
SECRET = "secret-access-key"


@contextmanager
def server(
    status: int, body: bytes, headers: dict[str, str] | None = None
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that always answers the same; gives its address and the headers of the requests it got."""
    got: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            got.append(dict(self.headers))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}", got
        finally:
            serving.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def kms(address: str) -> KmsKey:
    return KmsKey("key", region="eu-central-1", endpoint=address, timeout=0.3)


def transit(address: str) -> TransitKey:
    return TransitKey("transit", "a", address=address, token=TOKEN, timeout=0.3)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("AccessDeniedException", DeniedServiceError, "may not use this key"),
        ("NotFoundException", DeniedServiceError, "no such key"),
        ("DisabledException", DeniedServiceError, "disabled"),
        ("KMSInvalidStateException", DeniedServiceError, "being deleted"),
        ("ExpiredTokenException", DeniedServiceError, "expired"),
        ("UnrecognizedClientException", DeniedServiceError, "not valid"),
        ("InvalidCiphertextException", WrongKeyError, "does not open"),
        ("IncorrectKeyException", WrongKeyError, "does not open"),
        ("ThrottlingException", UnreachableServiceError, "ThrottlingException"),
        ("Whatever", UnreachableServiceError, "Whatever"),
    ],
)
def test_what_kms_answers_is_told_apart(code: str, kind: type[KeyServiceError], words: str) -> None:
    body = b'{"__type": "%s", "message": "User: arn:aws:iam::1:user/me is not authorized"}' % code.encode()
    with server(400, body) as (address, _), pytest.raises(kind, match=words) as caught:
        kms(address).unwrap(Wrap("awskms", "key", b"x" * 100), CONTEXT)
    assert caught.value.next_step
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (403, b'{"errors": ["permission denied"]}', DeniedServiceError, "may not use this key"),
        (404, b'{"errors": []}', DeniedServiceError, "no such key"),
        (400, b'{"errors": ["cipher: message authentication failed"]}', WrongKeyError, "does not open"),
        (503, b'{"errors": ["Vault is sealed"]}', UnreachableServiceError, "sealed"),
        (500, b'{"errors": ["no audit backend succeeded"]}', UnreachableServiceError, "no audit backend succeeded"),
        (429, b"{}", UnreachableServiceError, "cannot be reached"),
        (200, b"{}", UnreachableServiceError, "no plaintext"),
        (200, b"<html>", UnreachableServiceError, "no plaintext"),
        (200, b'{"data": {"plaintext": 7}}', UnreachableServiceError, "no plaintext"),
        (200, b'{"data": {"plaintext": "%%"}}', UnreachableServiceError, "no plaintext"),
        (200, b'{"data": {"plaintext": "AAAA"}}', WrongKeyError, "another file"),
        (204, b"", UnreachableServiceError, "no plaintext"),
    ],
)
def test_what_transit_answers_is_told_apart(status: int, body: bytes, kind: type[KeyServiceError], words: str) -> None:
    with server(status, body) as (address, _), pytest.raises(kind, match=words) as caught:
        transit(address).unwrap(Wrap("transit", "transit/a", b"vault:v1:AAAA"), CONTEXT)
    assert caught.value.next_step
    assert TOKEN not in str(caught.value)


def test_a_token_is_not_sent_to_where_a_server_redirects() -> None:
    with server(200, b"{}") as (elsewhere, stolen), server(307, b"", {"Location": f"{elsewhere}/x"}) as (address, got):
        with pytest.raises(UnreachableServiceError):
            transit(address).wrap(DEK, CONTEXT)
        assert got
        assert not stolen


@pytest.mark.parametrize("make", [kms, transit])
def test_a_server_that_never_answers_is_given_up(make: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UnreachableServiceError, match="no answer"):
        make(f"http://127.0.0.1:{silent.getsockname()[1]}").wrap(DEK, CONTEXT)  # type: ignore[operator]


@pytest.mark.parametrize(
    "address",
    ["http://vault.example.org", "ftp://x", "vault:8200", "https://", "", "https://me:secret@vault.example.org"],
)
def test_addresses_that_would_give_the_token_away_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="address of the key service") as caught:
        transit(address)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "../sys", "a/b", "a?x=1", "a%2f"])
def test_names_that_would_reach_another_path_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a transit key"):
        TransitKey("transit", name, address="https://vault.example.org", token=TOKEN)
