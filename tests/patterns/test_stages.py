"""What is harmless, and what only looks so."""

from __future__ import annotations

import string
import time
import zlib

import pytest

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
        ("label", RANDOM, f'"tokenId": "{RANDOM}"', ""),
        ("label", RANDOM, f"SECRET_NAME = '{RANDOM}'", ""),
        ("label", RANDOM, f'public_token: str = "{RANDOM}"', ""),
        ("code", "get_token(name)", "", ""),
        ("words", "correct-horse-battery-staple", "", ""),
        ("words", "a%20secret", "", ""),
        ("words", "slaptažodis", "", ""),
        ("words", "비밀번호를입력하세요", "", ""),
    ],
)
def test_harmless(stage: str, match: str, line: str, name: str) -> None:
    assert STAGES[stage](Context(match, line, name))


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
