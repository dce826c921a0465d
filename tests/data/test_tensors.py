"""Tensors from files: what is read is what was written, and what cannot be used says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.core.errors import DataError
from casemate.data.tensors import holds_tensors, read_tensors, repeated, to_tensors

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 1, 4, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def written(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_bytes_become_shares_and_keep_their_shape(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", inputs=IMAGES, labels=LABELS, classes=np.array(["cat", "dog", "cow"]))
    assert holds_tensors(path)
    data = read_tensors(path, name="animals")
    assert data.classes == ("cat", "dog", "cow")
    assert data.shape == (1, 4, 3)
    assert np.array_equal(data.tensors, IMAGES.astype(np.float32) / np.float32(255))
    part = data.take(np.array([4, 0]))
    assert np.array_equal(part.tensors, data.tensors[[4, 0]])
    assert part.labels.tolist() == [1, 0]


def test_the_digest_knows_values_labels_and_shape() -> None:
    same = to_tensors(IMAGES, LABELS, name="other").digest
    assert to_tensors(IMAGES.copy(), LABELS, name="x").digest == same
    changed = IMAGES.copy()
    changed[5, 0, 3, 2] ^= 1
    assert to_tensors(changed, LABELS, name="x").digest != same
    assert to_tensors(IMAGES, LABELS[::-1].copy(), name="x").digest != same
    assert to_tensors(IMAGES.reshape(6, 1, 3, 4), LABELS, name="x").digest != same


def test_a_tensor_on_both_sides_is_seen_whatever_its_label() -> None:
    members = to_tensors(IMAGES, LABELS, name="in")
    others = to_tensors(np.concatenate([255 - IMAGES[:2], IMAGES[3:4]]), np.array([0, 1, 1]), name="out")
    assert repeated(members, others).tolist() == [False, False, True]


def test_a_table_is_no_tensor_file(tmp_path: Path) -> None:
    assert not holds_tensors(written(tmp_path / "t.npz", age=np.arange(3), sick=np.arange(3)))
    (tmp_path / "b.npz").write_bytes(b"no zip")
    assert not holds_tensors(tmp_path / "b.npz")
    assert not holds_tensors(tmp_path / "missing.npz")
    assert not holds_tensors(tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"inputs": IMAGES}, "no array 'labels'"),
        ({"inputs": IMAGES, "labels": LABELS[:3]}, "do not belong together"),
        ({"inputs": IMAGES[:1], "labels": LABELS[:1]}, "do not belong together"),
        ({"inputs": IMAGES, "labels": LABELS - 1}, "whole numbers from 0"),
        ({"inputs": IMAGES, "labels": LABELS * 1.0}, "whole numbers from 0"),
        ({"inputs": IMAGES.astype(str), "labels": LABELS}, "are <U"),
        ({"inputs": np.full((6, 2), np.nan), "labels": LABELS}, "NaN"),
        ({"inputs": IMAGES, "labels": LABELS, "classes": np.array(["a", "b"])}, "2 classes"),
        ({"inputs": IMAGES, "labels": np.zeros(6, dtype=int)}, "two at least"),
        ({"inputs": np.array([None, 1, 2, 3, 4, 5]), "labels": LABELS}, "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_tensors(written(tmp_path / "bad.npz", **arrays), name="bad")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file gone\.npz"):
        read_tensors(tmp_path / "gone.npz", name="x")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=5))
def test_any_bytes_are_read_or_refused(tmp_path: Path, changes: list[tuple[float, bytes]]) -> None:
    path = written(tmp_path / "fuzz.npz", inputs=IMAGES, labels=LABELS)
    content = bytearray(path.read_bytes())
    for place, new in changes:
        at = int(place * len(content))
        content[at : at + len(new)] = new
    path.write_bytes(content)
    try:
        data = read_tensors(path, name="fuzz")
    except DataError:
        return
    assert len(data.tensors) == len(data.labels) >= 2
