"""GGUF: counts, layout, padding and names are checked; templates are judged; every version and byte order is read."""

from __future__ import annotations

import struct

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import (
    assert_clean,
    chat,
    found,
    gguf,
    gpair,
    gtensor,
    gtext,
    rule,
    scan,
)

LAYOUT, PADDING, TWICE = rule("gguf.layout"), rule("gguf.padding"), rule("gguf.repeated")
REAL = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m.content|trim }}{% endfor %}"
    "{% if add_generation_prompt %}x{% endif %}"
)


def test_a_file_as_llama_cpp_writes_it_is_clean() -> None:
    tensors = [gtensor("a", [4], 0, 0), gtensor("b", [64, 2], 8, 32), gtensor("c", [256], 12, 32 + 160)]
    data = bytes(32) + bytes(136 + 24) + bytes(144)
    assert_clean(gguf([gpair("general.architecture", "llama")], tensors, data), "gguf")
    assert_clean(gguf([gpair("general.architecture", "llama")], tensors, data + bytes(16)), "gguf")
    assert_clean(chat(REAL), "gguf")
    assert scan(gguf([gpair("general.architecture", "llama")], tensors, data)).about["parameters"] == 388


def test_arrays_numbers_and_other_versions_are_read() -> None:
    numbers = gtext(b"scores") + struct.pack("<IIQ", 9, 6, 2) + bytes(8)
    texts = gtext(b"tokens") + struct.pack("<IIQ", 9, 8, 2) + gtext(b"{{ x.__class__ }}") + gtext(b"\xff")
    nested = gtext(b"nested") + struct.pack("<IIQ", 9, 9, 1) + struct.pack("<IQ", 0, 2) + b"ab"
    assert_clean(gguf([numbers, texts, nested]), "gguf")
    assert_clean(
        b"GGUF" + struct.pack("<III", 1, 0, 1) + struct.pack("<I", 1) + b"k" + struct.pack("<II", 4, 7), "gguf"
    )
    assert_clean(
        b"GGUF" + struct.pack(">IQQ", 3, 0, 1) + struct.pack(">Q", 1) + b"k" + struct.pack(">II", 4, 7), "gguf"
    )


@pytest.mark.parametrize(
    ("tensors", "data"),
    [
        ([gtensor("a", [4], 0, 0), gtensor("b", [4], 0, 0)], bytes(64)),
        ([gtensor("a", [4], 0, 0), gtensor("b", [4], 0, 64)], bytes(128)),
        ([gtensor("a", [4], 0, 32)], bytes(64)),
        ([gtensor("a", [33], 8, 0)], bytes(64)),
        ([gtensor("a", [1 << 40, 1 << 40], 0, 0)], bytes(64)),
    ],
)
def test_tensors_that_do_not_follow_each_other_are_refused(tensors: list[bytes], data: bytes) -> None:
    assert LAYOUT in found(gguf((), tensors, data))


@pytest.mark.parametrize("value", [0, 3, 4, 33, 1 << 30])
def test_an_alignment_that_is_none_is_refused(value: int) -> None:
    pair = gtext(b"general.alignment") + struct.pack("<II", 4, value)
    assert LAYOUT in found(gguf([pair], [gtensor("a", [4], 0, 0)], bytes(64)))


def test_padding_hides_nothing() -> None:
    tensors = [gtensor("a", [4], 0, 0), gtensor("b", [4], 0, 32)]
    assert PADDING in found(gguf((), tensors, bytes(16) + b"MZ" + bytes(14) + bytes(16)))
    assert PADDING in found(gguf((), tensors, bytes(48) + b"x"))
    assert scan(gguf((), tensors, bytes(48) + bytes(17))).verdict is Verdict.UNREADABLE


def test_names_that_stand_twice_are_told() -> None:
    assert TWICE in found(gguf([gpair("tokenizer.chat_template", REAL)] * 2))
    assert TWICE in found(gguf((), [gtensor("a", [4], 0, 0), gtensor("a", [4], 0, 32)], bytes(64)))


@pytest.mark.parametrize(
    "data",
    [
        b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60),
        b"GGUF" + struct.pack("<IQQ", 4, 0, 0),
        gguf([gtext(b"k") + struct.pack("<I", 8) + struct.pack("<Q", 1 << 62)]),
        gguf([gtext(b"k") + struct.pack("<IIQ", 9, 8, 1 << 50)]),
        gguf([gtext(b"k") + struct.pack("<IIQ", 9, 0, 1 << 50)]),
        gguf([gtext(b"k") + struct.pack("<I", 13) + bytes(8)]),
        gguf([gtext(b"k") + (struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 9)]),
        gguf((), [gtensor("a", [4] * 5, 0, 0)], bytes(64)),
        gguf((), [gtensor("a", [4], 99, 0)], bytes(64)),
        gguf((), [gtensor("a", [4], 0, 0)], bytes(8)),
        gguf((), [gtensor("a", [4], 0, 0)]),
        chat("{% for %}"),
    ],
)
def test_what_cannot_be_is_unreadable(data: bytes) -> None:
    assert scan(data).verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("key", ["tokenizer.chat_template", "tokenizer.chat_template.tool_use", "general.prompt"])
def test_templates_are_judged_under_every_key(key: str) -> None:
    outcome = scan(gguf([gpair(key, "{{ ''.__class__.__mro__ }}")]))
    assert outcome.verdict is Verdict.MALICIOUS
    assert {finding.logical for finding in outcome.findings} >= {key}


def test_lists_of_templates_are_judged() -> None:
    pair = gtext(b"tokenizer.chat_templates") + struct.pack("<IIQ", 9, 8, 1) + gtext(b"{{ cycler.__init__ }}")
    assert scan(gguf([pair])).verdict is Verdict.MALICIOUS
