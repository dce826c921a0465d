"""IDX files: what is read, what is refused, and that any bytes give images or a data error."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.core.errors import DataError
from casemate.data.images import read_idx, read_images

MNIST = Path(__file__).parents[2] / ".data" / "mnist"


def idx(values: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes()


PIXELS = np.arange(24).reshape(2, 3, 4) * 10
LABELS = np.array([7, 3])


def fill(folder: Path, pixels: bytes = idx(PIXELS), labels: bytes = idx(LABELS)) -> Path:
    (folder / "t10k-images-idx3-ubyte").write_bytes(pixels)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return folder


def test_images_are_read_packed_or_not(tmp_path: Path) -> None:
    found = read_images(fill(tmp_path))

    assert found.pixels.dtype == np.float32
    assert found.pixels.shape == (2, 1, 3, 4)
    assert np.array_equal(found.pixels[:, 0], (PIXELS / 255).astype(np.float32))
    assert found.labels.tolist() == [7, 3]
    assert found.labels.dtype == np.int64
    assert len(found.first(1)) == 1
    assert len(found.first(9)) == 2


def test_white_is_one_and_black_is_zero(tmp_path: Path) -> None:
    found = read_images(fill(tmp_path, idx(np.array([[[0, 255]]])), idx(np.array([0]))))

    assert found.pixels.ravel().tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "does not begin"),
        (b"\0\0\x0d\x01\0\0\0\0", "does not begin"),
        (b"\0\0\x08\0", "0 dimensions"),
        (b"\0\0\x08\x05" + bytes(20), "5 dimensions"),
        (b"\0\0\x08\x03\0\0", "ends in its header"),
        (b"\0\0\x08\x04" + b"\xff" * 16, "promises"),
        (idx(PIXELS)[:-1], "length"),
        (idx(PIXELS) + b"\0", "length"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_no_idx_file(content: bytes, words: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("images.gz" if packed else "images")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=words) as caught:
        read_idx(path)
    assert caught.value.next_step


def test_a_file_that_is_not_there_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="make data"):
        read_images(tmp_path)


def test_images_and_labels_that_do_not_belong_together(tmp_path: Path) -> None:
    for pixels, labels in ((PIXELS, LABELS[:1]), (PIXELS[0], LABELS), (PIXELS, PIXELS)):
        with pytest.raises(DataError, match="do not belong together"):
            read_images(fill(tmp_path, idx(pixels), idx(labels)))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    packed=st.booleans(),
    at=st.integers(0, 2000),
    flip=st.integers(0, 255),
    cut=st.integers(0, 60),
    noise=st.binary(max_size=30),
)
def test_any_bytes_are_an_array_or_a_data_error(
    packed: bool, at: int, flip: int, cut: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / ("any.gz" if packed else "any")
    data = bytearray(gzip.compress(idx(PIXELS)) if packed else idx(PIXELS))
    data[at % len(data)] ^= flip
    path.write_bytes(bytes(data[: len(data) - cut % 7]) + noise if at % 3 else noise)
    try:
        found = read_idx(path)
    except DataError:
        return
    assert found.dtype == np.uint8


@pytest.mark.skipif(not MNIST.exists(), reason="run `make data` first")
def test_mnist_is_mnist() -> None:
    test = read_images(MNIST)

    assert test.pixels.shape == (10_000, 1, 28, 28)
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (test.pixels.min(), test.pixels.max()) == (0.0, 1.0)
