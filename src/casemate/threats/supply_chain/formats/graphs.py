"""Formats of networks and their graphs: HDF5, Keras, protocol buffers, flat buffers."""

from __future__ import annotations

from casemate.threats.supply_chain.format import Format
from casemate.threats.supply_chain.formats.sniffs import looks_like_hdf5, looks_like_keras, looks_like_onnx, looks_like_tensor

GRAPHS: tuple[Format, ...] = (
    Format("hdf5", "formats.hdf5", looks_like_hdf5),
    Format("keras", "formats.keras", looks_like_keras, family="text"),
    Format("onnx", "formats.onnx", looks_like_onnx, family="protobuf"),
    Format("onnx-tensor", "formats.onnx_tensor", looks_like_tensor, family="protobuf"),
)
