"""Texts such as "transit:transit/models" reach the real services, with what the environment says."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from casemate.cli.app import run
from casemate.core.optional import require
from casemate.keys.services import DeniedServiceError
from casemate.keys.uri import open_service
from tests.keys.servers import PIN, ROOT_TOKEN, TOKEN, moto, openbao, softhsm

pytestmark = pytest.mark.slow
DEK, CONTEXT = bytes(range(32)), {"name": "m"}


def round_trip(text: str, environment: dict[str, str] | None = None) -> None:
    service = open_service(text, environment=environment)
    assert service.name == text
    assert service.unwrap(service.wrap(DEK, CONTEXT), CONTEXT) == DEK


def test_transit(tmp_path: Path) -> None:
    with openbao(tmp_path) as address:
        client = require("hvac", extra="kms").Client(url=address, token=ROOT_TOKEN)
        client.sys.enable_secrets_engine("transit", path="team/keys")
        client.secrets.transit.create_key("models", mount_point="team/keys")
        for prefix in ("VAULT", "BAO"):
            round_trip("transit:team/keys/models", {f"{prefix}_ADDR": address, f"{prefix}_TOKEN": ROOT_TOKEN})
        with pytest.raises(DeniedServiceError, match="no such key or mount"):
            round_trip("transit:team/keys/typo", {"VAULT_ADDR": address, "VAULT_TOKEN": ROOT_TOKEN})
        assert client.secrets.transit.list_keys(mount_point="team/keys")["data"]["keys"] == ["models"]


def test_kms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with moto(tmp_path) as address:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL_KMS": address,
        }.items():
            monkeypatch.setenv(name, value)
        client = require("boto3", extra="kms").client("kms")
        made = client.create_key()["KeyMetadata"]
        client.create_alias(AliasName="alias/models", TargetKeyId=made["KeyId"])
        for text in (made["KeyId"], made["Arn"], "alias/models"):
            round_trip(f"awskms:{text}")
            assert open_service(f"awskms:{text}").opens(open_service("awskms:alias/models").wrap(DEK, CONTEXT))


def test_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = softhsm()
    name = f"pkcs11:{TOKEN}/models-{secrets.token_hex(4)}"
    (tmp_path / "pin").write_text(f"{PIN}\n")
    (tmp_path / "pin").chmod(0o600)
    monkeypatch.setenv("PKCS11_MODULE", str(module))
    monkeypatch.setenv("CASEMATE_PKCS11_PIN_FILE", str(tmp_path / "pin"))
    assert run(["key", "create", name]) == 0
    assert run(["key", "create", name]) == 3
    round_trip(name)
