"""Pictures: the PNG files hold the pixels they were made from."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from casemate.threats.evasion.pictures import drawable, example_exhibit, painted


def pixels(data: bytes) -> np.ndarray:
    """A PNG decoded by the standard's own rules, for 8 bits a channel and no filter."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body, size = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + content)
        if kind == b"IHDR":
            size = struct.unpack(">IIBBBBB", content)
        body += content if kind == b"IDAT" else b""
        at += 12 + length
    assert size is not None
    wide, high, depth, color, *rest = size
    assert (depth, rest) == (8, [0, 0, 0])
    channels = {0: 1, 2: 3}[color]
    rows = np.frombuffer(zlib.decompress(body), dtype=np.uint8).reshape(high, 1 + wide * channels)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(high, wide, channels).transpose(2, 0, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_its_pixels(channels: int) -> None:
    image = np.random.default_rng(channels).random((channels, 5, 7))
    assert np.array_equal(pixels(painted(image)), (image * 255).round().astype(np.uint8))


def test_an_example_is_shown_before_between_and_after() -> None:
    clean = np.full((1, 2, 2), 10.0)
    changed = clean + np.array([[[0.0, 4.0], [-4.0, 2.0]]])
    shown = example_exhibit("evasion.bracket", "cnn", "what turns", [(clean, changed, "cat", "dog")], (0.0, 20.0))
    before, change, after = shown.pictures
    assert [pixels(each.png)[0].tolist() for each in (before, after)] == [
        [[128, 128], [128, 128]],
        [[128, 178], [76, 153]],
    ]
    assert pixels(change.png)[0].tolist() == [[128, 255], [0, 191]]  # gray is nothing, the largest change is white
    assert "cat" in before.label
    assert "dog" in after.label


@pytest.mark.parametrize(
    ("shape", "can"), [((1, 8, 8), True), ((3, 8, 8), True), ((2, 8, 8), False), ((64,), False), ((1, 999, 9), False)]
)
def test_only_images_are_drawn(shape: tuple[int, ...], can: bool) -> None:
    assert drawable(shape) is can
    assert not drawable(None)
