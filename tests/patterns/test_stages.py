"""What is harmless, and what only looks so."""

from __future__ import annotations

import base64
import string
import time
import zlib

import pytest

from casemate.patterns.engine import secrets_scanner
from casemate.patterns.samples import sample
from casemate.patterns.stages import STAGES, Context, fixture
from casemate.patterns.validators import VALIDATORS, checksum62

RANDOM = sample("<alnum:32>", "stages")


@pytest.mark.parametrize(
    ("stage", "match", "line", "name"),
    [
        ("placeholder", "your-api-key-here", "", ""),
        ("placeholder", "AKIAIOSFODNN7EXAMPLE", "", ""),
        ("repeated", "xxxxxxxxxxxxxxxx", "", ""),
        ("repeated", "ghp_" + "0" * 36, "", ""),
        ("repeated", "abcabcabcabcabc", "", ""),
        ("sequence", "abcdefghijklmnop", "", ""),
        ("variable", "${API_KEY}", "", ""),
        ("variable", "{{ secrets.KEY }}", "", ""),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "", ""),
        ("digest", "d" * 31 + "e" + "0" * 32, "sha256: d", ""),
        ("digest", RANDOM, "", "app/poetry.lock"),
        ("lock-file", RANDOM, "", "package-lock.json"),
        ("path", "/var/run/secrets/token", "", ""),
        ("path", "module.settings.TOKEN", "", ""),
        ("path", "op://Engineering/service/credential", "", ""),
        ("path", "io-jsonwebtoken-0.11.2", "", ""),
        ("placeholder", "password123", "", ""),
        ("placeholder", "hunter2!", "", ""),
        ("placeholder", "ChangeMe-4x", "", ""),
        ("published", "sk_test_" + "4eC39HqLyjWDarjtT1zdP7dc", "", ""),
        ("client", RANDOM, f"ServiceSDK.initialize(token: {RANDOM})", ""),
        ("label", RANDOM, f"csrf-token={RANDOM}", ""),
        ("label", RANDOM, f'"tokenId": "{RANDOM}"', ""),
        ("label", RANDOM, f"SECRET_NAME = '{RANDOM}'", ""),
        ("label", RANDOM, f'public_token: str = "{RANDOM}"', ""),
        ("code", "get_token(name)", "", ""),
        ("words", "correct-horse-battery-staple", "", ""),
        ("words", "a%20secret", "", ""),
        ("word", "connectionnames", "", ""),
        ("word", "AuthenticationSecret12", "", ""),
        ("resource", "node2-eu-1200345", "", ""),
        ("words", "slaptažodis", "", ""),
        ("words", "비밀번호를입력하세요", "", ""),
    ],
)
def test_harmless(stage: str, match: str, line: str, name: str) -> None:
    assert STAGES[stage](Context(match, line, name))


@pytest.mark.parametrize(
    ("stage", "match"),
    [
        ("placeholder", "hunter2-Xk29!lq"),
        ("placeholder", RANDOM[:12] + "FaKe"),
        ("published", "sk_test_" + RANDOM[:24]),
        ("client", RANDOM),
        ("code", RANDOM[:22] + "=="),
        ("words", "blue42-sky88"),
        ("word", "koadrmbifqxhgvjx"),
        ("resource", RANDOM[:8].lower() + "-" + RANDOM[8:16].lower()),
    ],
)
def test_not_harmless(stage: str, match: str) -> None:
    assert not STAGES[stage](Context(match, f"token = {match}", ""))


def test_a_password_that_begins_like_a_known_one_is_one() -> None:
    assert [each.pattern.id for each in secrets_scanner().bytes(b'password = "hunter2-Xk29!lq"')] == [
        "generic-password"
    ]
    assert not secrets_scanner().bytes(b'password = "hunter2"\npasswd = "hunter2-abc"')


def test_what_a_vendor_marks_may_look_typed() -> None:
    typed = ("snykToken = 12345678-ABCD-ABCD-ABCD-1234567890AB", "AGE-SECRET-KEY-1" + "Q" * 58)
    assert all(secrets_scanner().bytes(each.encode()) for each in typed)
    assert not secrets_scanner().bytes(b"otherToken = 12345678-ABCD-ABCD-ABCD-1234567890AB")


def test_a_label_is_what_stands_right_before_the_match() -> None:
    for line in (f'token_url = "/x", token = "{RANDOM}"', f'valid = "{RANDOM}"', f'api_key="{RANDOM}"'):
        assert not STAGES["label"](Context(RANDOM, line, ""))


def test_identifiers_in_code_have_few_digits() -> None:
    assert VALIDATORS["numbered"]("TokenOfTheSecondKind2") is False
    assert VALIDATORS["numbered"](sample("<alnum:30>42", "numbered")) is None


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_no_stage_takes_a_random_string_for_harmless(stage: str) -> None:
    for number in range(200):
        token = sample("<alnum:24>", str(number))
        assert not STAGES[stage](Context(token, f"token = {token}", "app/config.py")), token


def test_paths_of_tests_are_told_from_others() -> None:
    assert all(
        map(
            fixture,
            ("tests/x.py", "a/test_b.py", "x/conftest.py", "docs/k.md", "a_test.go", "README.md", "x/testdata/k"),
        )
    )
    assert not any(map(fixture, ("contest/x.py", "src/latest.py", "attestation/key", "config.py", "documents/x")))


def test_stages_take_no_time_on_long_words() -> None:
    clock = time.process_time()
    for text in ("a" * 20_000 + "!", "ab-" * 6_000 + "!", "a." * 8_000 + "!", "/" * 16_000, "$" * 16_000):
        for stage in STAGES:
            if stage != "repeated":  # quadratic in a match, which is at most a few hundred characters
                STAGES[stage](Context(text, text, text))
    assert time.process_time() - clock < 5


def test_a_damaged_web_token_is_neither_proven_nor_refuted() -> None:
    first, rest = sample("<jwt>").split(".", 1)
    damaged = base64.urlsafe_b64encode(base64.urlsafe_b64decode(first + "=")[:-1]).decode().rstrip("=")
    assert VALIDATORS["web-token"](f"{damaged}.{rest}") is None
    assert VALIDATORS["web-token"](f"eyJ{RANDOM}.{rest}") is False


def test_checksums_prove_and_never_refute() -> None:
    assert all(VALIDATORS["web-token"](sample("<jwt>", str(n))) for n in range(5))
    assert checksum62(sample("ghp_<alnum:36>")) is None
    body = "0" * 30
    assert checksum62(f"ghp_{body}{_tail(body)}")


def _tail(body: str) -> str:
    digits, number, made = (
        string.digits + string.ascii_uppercase + string.ascii_lowercase,
        zlib.crc32(body.encode()),
        "",
    )
    for _ in range(6):
        number, digit = divmod(number, 62)
        made = digits[digit] + made
    return made
