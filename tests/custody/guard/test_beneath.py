"""External data is opened beneath the model's folder, through no link, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from casemate.core.errors import UnreadableError
from casemate.custody.guard.beneath import folder_of, opened_beneath
from tests.custody.guard.descriptors import opened_under


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "parts").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"model")
    (folder / "parts" / "one.bin").write_bytes(b"one")
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to("../secret")
    (folder / "out").symlink_to("..")
    (folder / "here").symlink_to("parts")
    os.mkfifo(folder / "pipe")
    return folder / "model.onnx"


def read(model: Path, relative: str) -> bytes:
    with folder_of(model) as folder, opened_beneath(folder, relative) as source:
        return os.read(source, 100)


def test_files_beneath_are_opened(model: Path) -> None:
    assert read(model, "parts/one.bin") == b"one"
    assert read(model, "model.onnx") == b"model"


@pytest.mark.parametrize(
    "relative",
    ["../secret", "/etc/hostname", "", ".", "..", "parts/../../secret", "parts//one.bin", "./parts/one.bin", "parts/",
     "link", "out/secret", "here/one.bin", "pipe", "parts", "missing", "parts/one.bin/x", "a\0b", "a\nb", "x" * 300,
     "/".join("a" * 100), "..\\secret"],
)  # fmt: skip
def test_all_else_is_refused(model: Path, relative: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read(model, relative)
    assert caught.value.exit_code == 3
    assert caught.value.next_step
    assert not opened_under(model.parents[1])


def test_a_folder_swapped_after_it_was_opened_is_not_looked_into(model: Path, tmp_path: Path) -> None:
    with folder_of(model) as folder:
        model.parent.rename(tmp_path / "moved")
        (tmp_path / "model" / "parts").mkdir(parents=True)
        (tmp_path / "model" / "parts" / "one.bin").write_bytes(b"other")
        with opened_beneath(folder, "parts/one.bin") as source:
            assert os.read(source, 100) == b"one"
