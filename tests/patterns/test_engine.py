"""The engine: places, overlaps, blocks, encodings, hiding, engines that are not there, and inputs made to be slow."""

from __future__ import annotations

import contextlib
import time
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import MissingPartError
from casemate.core.optional import require
from casemate.patterns import backends
from casemate.patterns.engine import Scanner, secrets_scanner
from casemate.patterns.pattern import pack
from casemate.patterns.samples import sample

TOKEN = sample("npm_<alnum:36>", "engine")


def without(monkeypatch: pytest.MonkeyPatch, *gone: str) -> None:
    real = backends._part

    def part(name: str) -> ModuleType | None:
        return None if name in gone else real(name)

    def missing(module: str, *, extra: str) -> ModuleType:
        if module in gone:
            raise MissingPartError(f"this needs {module}", next_step=f"pip install 'casemate[{extra}]'")
        return require(module, extra=extra)

    monkeypatch.setattr(backends, "_part", part)
    monkeypatch.setattr(backends, "require", missing)


def test_places_are_those_of_the_secret_alone() -> None:
    data = f"é token = '{TOKEN}'\n".encode()
    match = secrets_scanner().bytes(data)[0]
    assert data[match.start : match.stop].decode() == TOKEN
    text = f"é token = '{TOKEN}'\n"
    match = secrets_scanner().text(text)[0]
    assert text[match.start : match.stop] == TOKEN


@pytest.mark.parametrize("before", ["", "\\n", "=", "%3D", '"', "(", "é", "/"])
def test_what_stands_before_does_not_hide_it(before: str) -> None:
    assert [match.pattern.id for match in secrets_scanner().bytes(f"{before}{TOKEN}".encode())] == ["npm-token"]


@pytest.mark.parametrize("glued", [f"x{TOKEN}", f"{TOKEN}x", f"_{TOKEN}", f"{TOKEN}-"])
def test_part_of_a_longer_word_is_no_token(glued: str) -> None:
    assert not secrets_scanner().bytes(glued.encode())


def test_letters_that_look_the_same_do_not_hide_it() -> None:
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in TOKEN)
    dotted = "\u200b".join(TOKEN)
    cyrillic = TOKEN.replace("p", "р").replace("a", "а").replace("o", "о")
    for hidden in (wide, dotted, cyrillic):
        text = f"key: {hidden} end"
        found = secrets_scanner().text(text)
        assert [match.pattern.id for match in found] == ["npm-token"], hidden
        assert text[found[0].start : found[0].stop] == hidden


def test_one_finding_a_place_and_the_specific_one_wins() -> None:
    data = sample('api_key = "ghp_<alnum:36>"').encode()
    assert [match.pattern.id for match in secrets_scanner().bytes(data)] == ["github-personal-token"]


def test_a_private_key_is_marked_to_its_end() -> None:
    text = sample("-----BEGIN PRIVATE KEY-----<nl><b64:64><nl><b64:64><nl>-----END PRIVATE KEY-----<nl>after", "k")
    match = secrets_scanner().text(text)[0]
    assert text[match.stop :] == "\nafter"


def test_re2_alone_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    require("re2", extra="text")
    text = "\n".join(sample(template, each.id) for each in pack("secrets") for template in each.true)
    both = secrets_scanner().bytes(text.encode())
    without(monkeypatch, "hyperscan")
    alone = Scanner(pack("secrets"))
    assert alone.engine == "RE2"
    assert [(m.pattern.id, m.start, m.stop) for m in alone.bytes(text.encode())] == [
        (m.pattern.id, m.start, m.stop) for m in both
    ]


def test_hyperscan_alone_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(sample(template, each.id) for each in pack("secrets") for template in each.true)
    both = secrets_scanner().bytes(text.encode())
    without(monkeypatch, "re2")
    alone = Scanner(pack("secrets"))
    assert alone.engine == "hyperscan"
    assert [(m.pattern.id, m.start, m.stop) for m in alone.bytes(text.encode())] == [
        (m.pattern.id, m.start, m.stop) for m in both
    ]


def test_without_an_engine_there_is_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "hyperscan", "re2")
    with pytest.raises(MissingPartError, match="hyperscan"):
        Scanner(pack("secrets"))


@pytest.mark.parametrize(
    "data",
    [
        b"password=" * 120_000,
        b"a_" * 500_000,
        b"token: '" + b"a" * 1_000_000,
        b"://" * 300_000,
        b"-----BEGIN PRIVATE KEY-----" * 40_000,
        b"ey" * 500_000,
        b'secret="' + b"Aa" * 60 + b'"\n' + b"secret='aaaaaaaaAAAAAAAAaaaaaaaaAAAAAAAA'" * 10_000,
    ],
    ids=["names", "words", "no end", "schemes", "headers", "eyey", "repeats"],
)
def test_inputs_made_to_be_slow_are_not(data: bytes) -> None:
    """Two million steps of Python a megabyte would take longer; a quadratic one, hours."""
    clock = time.process_time()
    with contextlib.suppress(OverflowError):
        secrets_scanner().bytes(data)
    assert time.process_time() - clock < 20


def test_too_many_matches_are_not_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "MOST_HITS", 3)
    with pytest.raises(OverflowError):
        secrets_scanner().bytes(b"\n".join([TOKEN.encode()] * 10))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_a_token_between_any_bytes_is_found(before: bytes, after: bytes) -> None:
    data = before + b"\n" + TOKEN.encode() + b"\n" + after
    assert any(data[m.start : m.stop] == TOKEN.encode() for m in secrets_scanner().bytes(data))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_places_in_any_text_are_its_own(text: str) -> None:
    for match in secrets_scanner().text(f"{text} {TOKEN} {text}"):
        assert 0 <= match.start < match.stop <= 2 * len(text) + len(TOKEN) + 2


def test_patterns_for_some_files_are_looked_for_in_those_and_in_text_without_a_name() -> None:
    data = sample("  db.password: <alnum:7>!<alnum:7>").encode()
    scanner = secrets_scanner()
    assert [match.pattern.id for match in scanner.bytes(data)] == ["generic-password-plain"]
    assert [match.pattern.id for match in scanner.bytes(data, "deploy/values.YAML")] == ["generic-password-plain"]
    assert scanner.bytes(data, "src/app.py") == []


def test_together_or_in_parts_finds_the_same() -> None:
    patterns = secrets_scanner().patterns
    some = [each for each in patterns if each.id.startswith(("a", "generic"))]
    text = "\n".join(sample(template, each.id) for each in some for template in each.true).encode()
    one, many = Scanner(some, together=len(some)), Scanner(some, together=7)
    assert sorted(one.places(text)) == sorted(many.places(text)) != []
