"""HDF5: what h5py writes in every version of the format is clean, and every way out of the file is found."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.networks import assert_clean, assert_found, h5, keras, layer, scan, text

LIBRARIES = ("earliest", "v108", "v110", "v112", "latest")
RANDOM = np.random.default_rng(7)


def plain(file: Any) -> None:
    file["x"] = np.arange(10.0)
    file.create_group("g/h").attrs["b"] = np.arange(4)
    file["g/y"] = np.arange(6).reshape(2, 3)
    file.attrs["a"] = "text"


def many(file: Any) -> None:
    for number in range(70):
        file[f"k{number}"] = np.full(3, number)
        file.attrs[f"a{number}"] = f"v{number}" * number


def chunked(file: Any) -> None:
    values = RANDOM.random((40, 9))
    file.create_dataset("fixed", data=values, chunks=(10, 4))
    file.create_dataset("filtered", data=values, chunks=(10, 4), compression="gzip", shuffle=True, fletcher32=True)
    file.create_dataset("single", data=values, chunks=(40, 9))
    file.create_dataset("one", data=values, chunks=(40, 9), compression="lzf")
    grown = file.create_dataset("grown", (10, 3), "f4", maxshape=(None, 3), chunks=(2, 3))
    grown[:] = 1
    grown.resize((200, 3))
    grown[:] = 2
    both = file.create_dataset("both", (10, 3), "f4", maxshape=(None, None), chunks=(2, 3), compression="gzip")
    both[:] = RANDOM.random((10, 3))
    sparse = file.create_dataset("sparse", (3000,), "f4", maxshape=(None,), chunks=(1,))
    sparse[::900] = 1
    file.create_dataset("paged", (3000,), "f4", chunks=(1,))[::900] = 1
    file.create_dataset("empty", (10, 3), "f4", chunks=(2, 3))


def kinds(file: Any) -> None:
    file.create_dataset("s", data=["a", "bb", "ccc"], dtype=h5py.string_dtype())
    file["fixed"] = np.array([b"a", b"bcd"])
    ragged = file.create_dataset("v", (3,), dtype=h5py.vlen_dtype(np.int32))
    ragged[0], ragged[2] = [1, 2, 3], [4] * 100
    file["c"] = np.zeros(3, dtype=[("a", "f4"), ("b", "i8", (2,)), ("c", "S5")])
    file.create_dataset("en", (3,), dtype=h5py.enum_dtype({"R": 0, "G": 1}))
    file["bool"], file["complex"], file["nothing"] = np.array([True]), np.zeros(3, complex), h5py.Empty("f")
    file["ref"], file.attrs["ref"], file["region"] = file["s"].ref, file["c"].ref, file["c"].regionref[0:2]
    file["t"] = np.dtype("f8")
    file.create_dataset("named", (3,), dtype=file["t"])
    file["soft"], file["hard"] = h5py.SoftLink("/s"), file["fixed"]
    file["dim"], file["scaled"] = np.arange(3), np.arange(3)
    file["dim"].make_scale("x")
    file["scaled"].dims[0].attach_scale(file["dim"])
    file.create_dataset("chunks", data=["x" * n for n in range(50)], dtype=h5py.string_dtype(), chunks=(7,))


@pytest.mark.parametrize("fill", [plain, many, chunked, kinds], ids=lambda fill: fill.__name__)
@pytest.mark.parametrize("order", [False, True])
@pytest.mark.parametrize("library", LIBRARIES)
def test_what_h5py_writes_is_clean_to_the_last_byte(library: str, order: bool, fill: Callable[[Any], None]) -> None:
    assert_clean(h5(fill, libver=library, track_order=order), "hdf5")


def test_a_file_with_bytes_that_nothing_owns_is_not_clean() -> None:
    def deleted(file: Any) -> None:
        file["a"], file["b"] = np.full(300, 1.5), np.full(300, 2.5)
        del file["a"]

    found = scan(h5(deleted))
    assert found.verdict is Verdict.UNREADABLE
    assert found.size - found.covered > 500


def test_bytes_hidden_in_a_gap_are_not_covered() -> None:
    data = bytearray(h5(plain))
    gap = next(at for at in range(len(data) - 64, 0, -1) if not any(data[at : at + 64]))
    data[gap : gap + 8] = b"payload!"
    found = scan(bytes(data))
    assert found.verdict is not Verdict.CLEAN


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource("/etc/shadow.h5", "x", (10,))
    file.create_virtual_dataset("w", layout)


def stored(path: str) -> Callable[[Any], None]:
    return lambda file: file.create_dataset("w", (10,), "u1", external=[(path, 0, 10)])


def linked(name: str, depth: int = 0, others: int = 0) -> Callable[[Any], None]:
    def fill(file: Any) -> None:
        group = file
        for number in range(depth):
            group = group.create_group(f"g{number}")
        for number in range(others):
            group[f"k{number}"] = number
        group["w"] = h5py.ExternalLink(name, "/x")

    return fill


def circle(file: Any) -> None:
    inner = file.create_group("a/b")
    inner["c"] = file["a"]


def soft(file: Any) -> None:
    file["a"], file["b"], file["c"] = h5py.SoftLink("/b"), h5py.SoftLink("c/d"), h5py.SoftLink("/a")


OUTWARD: dict[str, tuple[Callable[[Any], Any], str, Verdict]] = {
    "link up": (linked("../../secrets.h5"), "hdf5.outside", Verdict.MALICIOUS),
    "link to an absolute path": (linked("/etc/passwd"), "hdf5.outside", Verdict.MALICIOUS),
    "link to a URL": (linked("s3://bucket/w.h5"), "hdf5.outside", Verdict.MALICIOUS),
    "link beside": (linked("other.h5"), "hdf5.external", Verdict.SUSPICIOUS),
    "link deep inside": (linked("/etc/passwd", depth=20), "hdf5.outside", Verdict.MALICIOUS),
    "link among many": (linked("/etc/passwd", others=40), "hdf5.outside", Verdict.MALICIOUS),
    "storage in another file": (stored("/etc/passwd"), "hdf5.outside", Verdict.MALICIOUS),
    "storage beside": (stored("weights.raw"), "hdf5.external", Verdict.SUSPICIOUS),
    "virtual dataset": (virtual, "hdf5.virtual", Verdict.SUSPICIOUS),
    "group that holds itself": (circle, "hdf5.cycle", Verdict.SUSPICIOUS),
    "soft links in a circle": (soft, "hdf5.cycle", Verdict.SUSPICIOUS),
}


@pytest.mark.parametrize("library", ["earliest", "latest"])
@pytest.mark.parametrize("name", OUTWARD)
def test_ways_out_of_the_file_are_found(name: str, library: str) -> None:
    fill, fact, verdict = OUTWARD[name]
    assert_found(h5(fill, libver=library), fact, verdict)


def test_external_storage_in_the_folder_is_claimed() -> None:
    found = scan(h5(stored("weights.raw")))
    assert [(each.path, each.at, each.count) for each in found.claims] == [("weights.raw", 0, 10)]


def test_bytes_before_and_behind_are_found() -> None:
    plain_file = h5(plain)
    assert_found(plain_file + b"PK\x03\x04", "hdf5.trailing")
    assert_found(h5(plain, userblock_size=512), "hdf5.userblock")
    moved = bytearray(h5(plain, userblock_size=512))
    moved[:9] = b"#!/bin/sh"
    assert_found(bytes(moved), "hdf5.userblock")


def test_two_datasets_in_one_place_are_found() -> None:
    data = h5(both)
    first, second = data.find(b"\0\0\0\0\0\0\x08\x40" * 4), data.find(b"\0\0\0\0\0\0\x10\x40" * 4)
    assert_found(data.replace(second.to_bytes(8, "little"), (first + 8).to_bytes(8, "little")), "hdf5.overlap")


def both(file: Any) -> None:
    file["p"], file["q"] = np.full(50, 3.0), np.full(50, 4.0)


def test_a_dataset_of_another_size_than_its_block_is_found() -> None:
    data = h5(lambda file: file.create_dataset("w", data=np.arange(77, dtype="u1")))
    shape = data.find((77).to_bytes(8, "little"))
    changed = data[:shape] + (76).to_bytes(8, "little") + data[shape + 8 :]
    assert_found(changed, "hdf5.storage")


def test_a_dataset_that_claims_terabytes_is_found() -> None:
    assert_found(h5(lambda file: file.create_dataset("w", (1 << 40,), "f4", chunks=(1024,))), "hdf5.bomb")


def test_an_unknown_filter_is_found() -> None:
    data = h5(lambda file: file.create_dataset("w", data=np.zeros(100), compression="gzip"))
    at = data.find(b"deflate") - 8
    assert data[at : at + 2] == b"\x01\x00"
    assert_found(data[:at] + (30000).to_bytes(2, "little") + data[at + 2 :], "hdf5.filter")


def test_a_reference_to_nothing_is_found() -> None:
    def fill(file: Any) -> None:
        file["x"] = 1.0
        file["r"] = file["x"].ref

    data = h5(fill)
    with_reference = int(h5py.h5o.get_info(h5py.File(io.BytesIO(data))["x"].id).addr)
    at = data.rfind(with_reference.to_bytes(8, "little"))
    assert_found(data[:at] + (with_reference + 8).to_bytes(8, "little") + data[at + 8 :], "hdf5.reference")


EVIL = text(keras(layer("Lambda", function=["4wEAAAA=", None, None]))).decode()


@pytest.mark.parametrize("library", ["earliest", "latest"])
@pytest.mark.parametrize("others", [0, 20])
@pytest.mark.parametrize("value", [EVIL, np.bytes_(EVIL), EVIL + " " * 70_000], ids=["text", "fixed", "large"])
def test_a_configuration_is_read_wherever_the_attribute_lies(value: Any, others: int, library: str) -> None:
    def fill(file: Any) -> None:
        for number in range(others):
            file.attrs[f"a{number}"] = "x" * 100
        file.attrs["model_config"] = value

    assert_found(h5(fill, libver=library), "keras.lambda", Verdict.MALICIOUS)


def test_a_configuration_that_is_no_text_is_found() -> None:
    assert_found(h5(lambda file: file.attrs.create("model_config", [EVIL.encode(), b"x"])), "hdf5.configuration")


def test_every_truncation_is_noticed() -> None:
    data = h5(kinds)
    for cut in range(9, len(data), 97):
        assert scan(data[:cut]).verdict is not Verdict.CLEAN, cut
