"""The parser of HDF5: any bytes end in a report or a stop."""

from __future__ import annotations

from typing import Any

from casemate.threats.supply_chain.formats import hdf5 as parser
from tests.threats.supply_chain.formats.networks import h5, keras, layer, survive, text
from tests.threats.supply_chain.formats.test_hdf5 import circle, kinds, linked, plain, soft, stored, virtual

MINUTES = 10


def _small(file: Any) -> None:
    file.create_dataset("grown", (3,), "f4", maxshape=(None,), chunks=(1,))[:] = 1
    file.create_dataset("fixed", (4, 2), "u1", chunks=(2, 2), compression="gzip")[:] = 1
    file.attrs["model_config"] = text(keras(layer("Dense"))).decode()


def _dense(file: Any) -> None:
    for number in range(12):
        file[f"k{number}"] = number
        file.attrs[f"a{number}"] = "x"


def seeds() -> list[bytes]:
    """Small files of both generations of the format, with everything that the parser follows."""
    fills = (plain, kinds, circle, soft, virtual, linked("/x"), stored("x"), _small, _dense)
    return [h5(fill, libver=library) for fill in fills for library in ("earliest", "latest")]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(data, parser)
