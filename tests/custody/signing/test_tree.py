"""Files of a model: hashed through one descriptor, and refused when they change meanwhile."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from casemate.core.errors import TamperedError, UnreadableError, UsageError
from casemate.custody.signing.manifest import Serialization
from casemate.custody.signing.place import place_of
from casemate.custody.signing.sign import publish, seal, survey
from casemate.custody.signing.tree import MOST_DEPTH, hash_files, list_files, read_small
from tests.custody.signing.scene import BOTH, NOW, make_model, seal_model, verify

FILES = Serialization(method="files", hash_type="sha256", allow_symlinks=False)


def test_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "a").write_bytes(content)
    seen: list[int] = []
    (whole,) = hash_files(tmp_path, ["a"], FILES, seen.append)
    assert whole.digest == hashlib.sha256(content).hexdigest()
    assert sum(seen) == len(content)
    shards = Serialization(method="shards", hash_type="blake2b", allow_symlinks=False, shard_size=1 << 20)
    found = hash_files(tmp_path, ["a"], shards)
    assert [each.name for each in found] == ["a:0:1048576", "a:1048576:2097152", "a:2097152:3145728"]
    assert found[1].digest == hashlib.blake2b(content[1 << 20 : 2 << 20]).hexdigest()


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(3 << 20))

    def write(_: int) -> None:
        with (tmp_path / "a").open("ab") as stream:
            stream.write(b"more")

    with pytest.raises(UnreadableError, match="changes while it is read"):
        hash_files(tmp_path, ["a"], FILES, write)


def test_a_folder_swapped_for_a_link_is_not_followed(tmp_path: Path) -> None:
    """After the files were listed, a folder on the way becomes a link: the descriptor does not go there."""
    model = make_model(tmp_path / "model")
    names = list_files(model)
    (model / "parts").rename(tmp_path / "away")
    (model / "parts").symlink_to(tmp_path / "away")
    with pytest.raises(UnreadableError):
        hash_files(model, names, FILES)


def test_depth_and_permissions(tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["d"] * (MOST_DEPTH + 3))
    deep.mkdir(parents=True)
    (deep / "x").touch()
    with pytest.raises((UnreadableError, TamperedError)):
        list_files(tmp_path)
    with pytest.raises(UnreadableError):
        read_small(tmp_path, "missing", 10)
    (tmp_path / "big").write_bytes(bytes(11))
    with pytest.raises(UnreadableError, match="larger than 10 bytes"):
        read_small(tmp_path, "big", 10)


def test_nothing_and_too_many_shards_are_not_sealed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no file"):
        survey(place_of(tmp_path / "empty"))
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(10 << 30)
    with pytest.raises(UnreadableError, match="shards"):
        survey(place_of(tmp_path / "sparse"), shard_size=1)
    with pytest.raises(UnreadableError):
        place_of(tmp_path / "nowhere")


def test_what_a_killed_sealing_left_is_cleared_and_never_signed(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    place = seal_model(model)
    (model / ".model.sig.part").mkdir()
    (model / ".model.sig.part" / "new").touch()
    with pytest.raises(TamperedError, match="is not signed"):
        verify(place)
    seal_model(model)
    assert verify(place).judged.accepted
    assert not (model / ".model.sig.part").exists()


def test_a_seal_is_replaced_only_on_purpose(tmp_path: Path) -> None:
    place = seal_model(make_model(tmp_path / "model"))
    before = place.bundle.read_bytes()
    with pytest.raises(UsageError, match="sealed already"):
        publish(place, seal(survey(place), BOTH, NOW.isoformat()))
    assert place.bundle.read_bytes() == before
    with pytest.raises(UsageError, match="must be an ECDSA key"):
        seal(survey(place), BOTH[::-1], NOW.isoformat())
