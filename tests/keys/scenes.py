"""For each kind of key service: a key, another of the same kind, and the ways in which it can fail."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from casemate.core.errors import CasemateError
from casemate.core.optional import require
from casemate.keys.aws_kms import KmsKey
from casemate.keys.hpke import create_recipient, read_recipient
from casemate.keys.kek_file import FileKey, create_kek, renew_kek
from casemate.keys.pkcs11 import Pkcs11Key
from casemate.keys.services import KeyService
from casemate.keys.transit import TransitKey
from tests.keys.servers import PIN, ROOT_TOKEN, TOKEN, free_port, moto, openbao, softhsm

FAST = ("file", "passphrase", "hpke")
SLOW = ("transit", "transit-derived", "awskms", "pkcs11")
SCENES = [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


@dataclass(frozen=True)
class Scene:
    """A key service under test.

    Attributes:
        key: the service.
        other: another key of the same kind.
        renew: makes a new version of the key and gives the service that has it; None where keys have no versions.
        failures: names of failures and a call that has them; each raises the error class that is named.
        secrets: what no error, repr or log may hold.
    """

    key: KeyService
    other: KeyService
    renew: Callable[[], KeyService] | None
    failures: dict[str, tuple[str, Callable[[], Any]]]
    secrets: tuple[str, ...]


def ask(key: KeyService) -> Callable[[], Any]:
    return lambda: key.wrap(bytes(32), {"name": "m"})


def file_scene(folder: Path, passphrase: bytes | None) -> Scene:
    give = None if passphrase is None else lambda: passphrase
    path = folder / "a.kek"
    key = create_kek(path, passphrase, "argon2id")
    failures: dict[str, tuple[str, Callable[[], Any]]] = {
        "missing": ("UsageError", lambda: FileKey(folder / "none.kek", give)),
    }
    if passphrase is not None:
        failures["passphrase"] = ("WrongKeyError", lambda: FileKey(path, lambda: b"another"))
        failures["no passphrase"] = ("UsageError", lambda: FileKey(path))
    renew = lambda: renew_kek(path, give)  # noqa: E731
    return Scene(key, create_kek(folder / "b.kek"), renew, failures, ("correct horse",))


def hpke_scene(folder: Path) -> Scene:
    key, public = create_recipient(folder / "alice"), read_recipient(folder / "alice.pub")
    wrap = public.wrap(bytes(32), {"name": "m"})
    failures = {
        "public key only": ("DeniedServiceError", lambda: public.unwrap(wrap, {"name": "m"})),
        "missing": ("UsageError", lambda: read_recipient(folder / "bob")),
    }
    secret = (folder / "alice").read_text().split("+", 4)[4].strip()
    return Scene(key, create_recipient(folder / "carol"), None, failures, (secret,))


@contextmanager
def transit_scene(folder: Path, *, derived: bool) -> Iterator[Scene]:
    with openbao(folder) as address:
        client = require("hvac", extra="kms").Client(url=address, token=ROOT_TOKEN)
        client.sys.enable_secrets_engine("transit")
        for name in ("a", "b", "signing"):
            kind = "ed25519" if name == "signing" else "aes256-gcm96"
            client.secrets.transit.create_key(name, key_type=kind, derived=derived and name != "signing")
        client.sys.create_or_update_policy("poor", 'path "transit/keys/*" { capabilities = ["read"] }')
        poor = client.auth.token.create(policies=["poor"])["auth"]["client_token"]

        def make(name: str, token: str = ROOT_TOKEN, at: str = address) -> TransitKey:
            return TransitKey("transit", name, address=at, token=token, timeout=5)

        def renew() -> KeyService:
            client.secrets.transit.rotate_key("a")
            return make("a")

        failures = {
            "denied": ("DeniedServiceError", ask(make("a", token=poor))),
            "bad token": ("DeniedServiceError", ask(make("a", token="hvs.no-such-token"))),
            "no such key": ("DeniedServiceError", ask(make("c"))),
            "a signing key": ("DeniedServiceError", ask(make("signing"))),
            "unreachable": ("UnreachableServiceError", ask(make("a", at=f"http://127.0.0.1:{free_port()}"))),
            "in the clear": ("UsageError", lambda: make("a", at="http://example.org:8200")),
        }
        yield Scene(make("a"), make("b"), renew, failures, (ROOT_TOKEN, poor, "hvs.no-such-token"))
        client.sys.seal()
        with pytest.raises(CasemateError, match="cannot be reached, because the server is sealed"):
            make("a").wrap(bytes(32), {"name": "m"})


@contextmanager
def kms_scene(folder: Path) -> Iterator[Scene]:
    with moto(folder) as address, pytest.MonkeyPatch.context() as patch:
        secret = "not-a-real-secret-key"
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        patch.setenv("AWS_REGION", "eu-central-1")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        client = require("boto3", extra="kms").client("kms", endpoint_url=address)
        one, two = (client.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))

        def make(key: str, at: str = address) -> KmsKey:
            return KmsKey(key, endpoint=at, timeout=2)

        missing = "00000000-0000-0000-0000-000000000000"
        failures = {
            "no such key": ("DeniedServiceError", ask(make(missing))),
            "unreachable": ("UnreachableServiceError", ask(make(one, f"http://127.0.0.1:{free_port()}"))),
        }
        yield Scene(make(one), make(two), None, failures, (secret,))


@contextmanager
def pkcs11_scene(folder: Path) -> Iterator[Scene]:
    module = softhsm()
    own = secrets.token_hex(4)  # one token serves all tests of a process

    def make(label: str, token: str = TOKEN, pin: str = PIN) -> Pkcs11Key:
        return Pkcs11Key(token, f"{label}-{own}", module=module, pin=lambda: pin)

    make("a").create()
    make("b").create()
    failures = {
        "no such key": ("DeniedServiceError", ask(make("c"))),
        "wrong pin": ("DeniedServiceError", ask(make("a", pin="9999-9999"))),
        "no such token": ("UnreachableServiceError", ask(make("a", token="none"))),
        "there already": ("UsageError", make("a").create),
        "no module": ("UsageError", lambda: Pkcs11Key("t", "a", module=folder / "none.so", pin=lambda: PIN)),
    }
    yield Scene(make("a"), make("b"), None, failures, (PIN, "9999-9999"))


@contextmanager
def scene(name: str, folder: Path) -> Iterator[Scene]:
    """The scene of one kind of service."""
    if name == "file":
        yield file_scene(folder, None)
    elif name == "passphrase":
        yield file_scene(folder, b"correct horse")
    elif name == "hpke":
        yield hpke_scene(folder)
    elif name == "awskms":
        with kms_scene(folder) as made:
            yield made
    elif name == "pkcs11":
        with pkcs11_scene(folder) as made:
            yield made
    else:
        with transit_scene(folder, derived=name == "transit-derived") as made:
            yield made
