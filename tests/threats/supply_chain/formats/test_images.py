"""Pictures end where they say; what follows is never covered."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.supply_chain.formats import images
from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan, survive


def chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return images.PNG + head + chunk(b"IDAT", zlib.compress(b"\0\0")) + b"".join(chunks) + chunk(b"IEND")


JPEG = (
    b"\xff\xd8"
    + b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    + b"\xff\xff\xda\x00\x02ab\xff\x00c\xff\xd0d"
    + b"\xff\xd9"
)
GIF = (
    b"GIF89a\x01\0\x01\0\x80\0\0" + bytes(6) + b"!\xf9\x04\0\0\0\0\0" + b",\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0" + b";"
)


@pytest.mark.parametrize("picture", [png(), png(chunk(b"tEXt", b"a\0b")), JPEG, GIF])
def test_a_picture_is_clean_and_nothing_may_follow_it(picture: bytes) -> None:
    assert_clean(picture, "image")
    for more in (b"\0", b"\x80\x04N.", b"PK\x05\x06"):
        outcome = scan(picture + more)
        assert outcome.verdict is not Verdict.CLEAN
    for cut in range(7, len(picture)):  # six letters alone are a text
        assert scan(picture[:cut]).verdict is not Verdict.CLEAN


def test_chunks_are_checked_and_private_ones_told() -> None:
    assert rule("image.block") in found(png(chunk(b"quZz", b"x")))
    assert scan(png().replace(b"IDAT", b"IDAu")).verdict is Verdict.UNREADABLE
    assert scan(images.PNG + chunk(b"IDAT") + chunk(b"IEND")).verdict is Verdict.UNREADABLE


@given(st.sampled_from([png(), JPEG, GIF]), st.floats(0, 1), st.binary(max_size=4))
def test_mutations_end(picture: bytes, place: float, change: bytes) -> None:
    at = int(place * len(picture))
    survive(images, picture[:at] + change + picture[at + len(change) :])
