"""Secrets are spans like all others: where they stand, how surely, from what; found as they read, kept within reach."""

from __future__ import annotations

import string
import zlib

import pytest

from casemate.patterns import backends
from casemate.patterns.engine import GROWS
from casemate.patterns.pattern import pack
from casemate.patterns.samples import sample
from casemate.privacy.text import numbers
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.detector import parted
from casemate.privacy.text.secrets import ELSEWHERE, PROVEN, SECRET, Secrets
from casemate.privacy.text.spans import Reach, Span
from casemate.privacy.text.types import types

PATTERNS = pack("secrets")
CLASSIC = sample("ghp_<alnum:30>")  # and a checksum of six digits


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture(scope="module")
def fast() -> Analyzer:
    return Analyzer("fast")


def test_every_pattern_of_the_packs_is_found_where_it_stands(secrets: Secrets) -> None:
    for pattern in PATTERNS:
        for template in pattern.true:
            text = sample(template, pattern.id)
            found = [each for each in secrets.find(text) if each.source == pattern.id]
            assert found, pattern.id
            assert all(each.type == SECRET and 0.5 <= each.score < 1 for each in found)
            assert all(0 <= each.start < each.end <= len(text) for each in found)


def test_false_examples_are_not_told(secrets: Secrets) -> None:
    for pattern in PATTERNS:
        for template in pattern.false:
            found = secrets.find(sample(template, pattern.id))
            assert pattern.id not in {each.source for each in found}, template


def test_a_secret_beside_personal_data_is_one_span_of_its_own(fast: Analyzer) -> None:
    token = sample("npm_<alnum:36>")
    text = f"Ask jane@example.com for the key {token}, please"
    found = [(each.type, text[each.start : each.end]) for each in fast.find(text)]
    assert found == [("EMAIL_ADDRESS", "jane@example.com"), (SECRET, token)]


def test_types_say_whether_secrets_are_looked_for() -> None:
    text = f"jane@example.com {sample('npm_<alnum:36>')}"
    assert [each.type for each in Analyzer("fast", types=["EMAIL_ADDRESS"]).find(text)] == ["EMAIL_ADDRESS"]
    assert [each.type for each in Analyzer("fast", types=[SECRET]).find(text)] == [SECRET]
    assert Analyzer("fast", recognizers=()).find(text) == []
    assert types()[SECRET].relation == "secret"


def test_offsets_are_code_points_and_look_alikes_hide_nothing(secrets: Secrets) -> None:
    token = sample("npm_<alnum:36>")
    text = f"Schl\u00fcssel \U0001f511 {token} \u00fc"
    assert [text[each.start : each.end] for each in secrets.find(text)] == [token]
    for hidden in (token.replace("npm", "\uff4e\uff50\uff4d"), token[:9] + "\u200b" + token[9:]):
        text = f"\u043a\u043b\u044e\u0447: {hidden} \u2026"
        assert hidden in {text[each.start : each.end] for each in secrets.find(text)}


def test_a_private_key_is_covered_to_its_end_and_no_farther_than_the_reach(secrets: Secrets) -> None:
    head = "-----BEGIN RSA PRIVATE KEY-----\n"
    whole = sample(head + "<b64:64>\n" * 30 + "-----END RSA PRIVATE KEY-----")
    text = f"it is\n{whole}\nand that was it"
    spans = settled(secrets.find(text), 0.5)
    assert [text[each.start : each.end] for each in spans] == [whole]
    endless = sample(head + "<b64:64>\n" * 600) + "\u00fc" * 30_000
    longest = max(each.end - each.start for each in secrets.find(endless))
    assert GROWS <= longest <= secrets.reach.most


def test_whether_a_secret_is_found_depends_on_nothing_beyond_the_reach(secrets: Secrets) -> None:
    reach = secrets.reach
    for pattern in PATTERNS[::7]:
        text = sample(pattern.true[0], pattern.id)
        alone = {(each.start, each.end, each.source) for each in secrets.find(text + "\n" * reach.after)}
        far = text + "\n" * reach.after + "sha256 checksum commit deadbeef -----END"
        assert {(each.start, each.end, each.source) for each in secrets.find(far)} >= alone


def test_scores_know_kind_and_checksum(secrets: Secrets) -> None:
    token = CLASSIC + _checksum(CLASSIC[4:])
    score = {each.source: each for each in secrets.find(f"x {token} y")}
    assert [each.score for each in score.values()] == [PROVEN]
    plain = {each.source: each.score for each in secrets.find(f"x {CLASSIC}000000 y")}
    assert all(each < PROVEN for each in plain.values())
    loose = list(secrets.find(sample("  db.password: <alnum:7>!<alnum:7>")))
    assert [(each.source, each.score) for each in loose] == [("generic-password-plain", ELSEWHERE)]


def test_a_password_in_a_url_makes_the_stretch_a_secret() -> None:
    url, password = Span(0, 40, "URL", 0.9, "url"), Span(10, 20, SECRET, 0.9, "url-password")
    assert settled([url, password], 0.5) == [Span(0, 40, SECRET, 0.9, "url-password")]


def test_a_text_with_more_matches_than_are_held_is_read_in_halves() -> None:
    def limited(text: str) -> list[Span]:
        if len(text) > 100:
            raise OverflowError
        return [Span(at, at + 3, SECRET, 0.9, "x") for at in range(len(text)) if text.startswith("key", at)]

    text = ".key..keykey" * 60
    whole = [Span(at, at + 3, SECRET, 0.9, "x") for at in range(len(text)) if text.startswith("key", at)]
    assert list(parted(limited, Reach(2, 4, 2), text)) == whole
    with pytest.raises(OverflowError):
        list(parted(limited, Reach(100, 100, 100), text))


def test_columns_of_digits_do_not_end_in_an_error(fast: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "MOST_HITS", 200_000)
    tail = " jane@example.com"
    assert fast.find("1 " * 20_000 + tail)[-1].type == "EMAIL_ADDRESS"


def test_a_number_too_long_for_a_date_is_no_date(fast: Analyzer) -> None:
    assert numbers.calendar("99999999999-1-1") is False
    assert fast.find("call 99999999999-1-1, phone") is not None


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[digit] + digits
    return digits.rjust(6, "0")
