"""Formats of networks and their graphs: HDF5, Keras, protocol buffers, flat buffers."""

from __future__ import annotations

from casemate.threats.supply_chain.format import Format, magic
from casemate.threats.supply_chain.formats import sniffs

GRAPHS: tuple[Format, ...] = (
    Format("hdf5", "formats.hdf5", sniffs.looks_like_hdf5),
    Format("keras", "formats.keras", sniffs.looks_like_keras, family="text"),
    Format("onnx", "formats.onnx", sniffs.looks_like_onnx, family="protobuf"),
    Format("onnx-tensor", "formats.onnx_tensor", sniffs.looks_like_tensor, family="protobuf"),
    Format("tensorflow", "formats.tensorflow", sniffs.looks_like_tensorflow, family="protobuf"),
    Format("tensorflow-part", "formats.tensorflow_parts", sniffs.looks_like_tensorflow_part, family="protobuf"),
    Format("tensorflow-checkpoint", "formats.tensorflow_checkpoint", sniffs.looks_like_checkpoint),
    Format("coreml", "formats.coreml", sniffs.looks_like_coreml, family="protobuf"),
    Format("tflite", "formats.tflite", magic(b"TFL3", at=4)),
    Format("executorch", "formats.executorch", magic(b"ET12", at=4)),
)
