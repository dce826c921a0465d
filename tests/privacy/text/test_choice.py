"""Operators by name, and the secret that some need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from casemate.core.errors import UsageError
from casemate.privacy.text.choice import operators
from casemate.privacy.text.options import read_options
from casemate.privacy.text.redactor import Redactor

TEXT = "a@acme.org, b@acme.org, A@acme.org, 4111 1111 1111 1111"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_bytes(bytes(range(32)))
    return path


def redactor(*words: str, secret: Path | None = None) -> Redactor:
    environment = {"CASEMATE_SECRET_FILE": str(secret)} if secret else {}
    return read_options(None, {"operator": words, "mode": "fast"}, environment).redactor()


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("number", r"\[EMAIL_ADDRESS_1\], \[EMAIL_ADDRESS_2\], \[EMAIL_ADDRESS_1\], \[CREDIT_CARD_1\]"),
        ("generalize", r"(\[acme\.org\], ){3}\[CREDIT_CARD\]"),
        ("pseudonym", r"(\[EMAIL_ADDRESS_\w{16}\]), (?!\1)\[EMAIL_ADDRESS_\w{16}\], \1, \[CREDIT_CARD_\w{16}\]"),
        ("surrogate", r"(\S+@example\.com), (?!\1)\S+@example\.com, \1, 9999\d{12}"),
        ("CREDIT_CARD=fpe", r"(\[EMAIL_ADDRESS\], ){3}(?!4111 1111 1111 1111)\d{4} \d{4} \d{4} \d{4}"),
    ],
)
def test_names(secret: Path, word: str, form: str) -> None:
    one, other = redactor(word, secret=secret), redactor(word, secret=secret)
    assert re.fullmatch(form, one.redact(TEXT).text)
    assert one.redact(TEXT).text == one.redact(TEXT).text == other.redact(TEXT).text


def test_types_share_an_operator() -> None:
    by_type, default = operators(("number", "PERSON=number", "URL=mask"))
    assert by_type["PERSON"] is default is not by_type["URL"]


@pytest.mark.parametrize("word", ["pseudonym", "PERSON=surrogate", "fpe"])
def test_a_secret_is_asked_for_and_kept_from_others(secret: Path, word: str) -> None:
    with pytest.raises(UsageError, match="needs a secret"):
        redactor(word)
    secret.write_bytes(b"short")
    with pytest.raises(UsageError, match="too short"):
        redactor(word, secret=secret)
    secret.write_bytes(b"")
    with pytest.raises(UsageError, match="empty"):
        redactor(word, secret=secret)
    secret.chmod(0o644)
    with pytest.raises(UsageError, match="refused"):
        redactor(word, secret=secret)


def test_the_secret_of_a_configuration_lies_beside_it(secret: Path, tmp_path: Path) -> None:
    config = tmp_path / "casemate.toml"
    config.write_text('[redact]\nmode = "fast"\noperator = ["pseudonym"]\nsecret_file = "secret"\n')
    made = read_options(config, {}, {}).redactor().redact(TEXT).text
    assert made == redactor("pseudonym", secret=secret).redact(TEXT).text
