"""Formats of networks and their graphs: HDF5, Keras, protocol buffers, flat buffers."""

from __future__ import annotations

from casemate.threats.supply_chain.format import Format, Magic
from casemate.threats.supply_chain.formats import sniffs
from casemate.threats.supply_chain.formats.outline import Message

GRAPHS: tuple[Format, ...] = (
    Format("hdf5", "formats.hdf5", sniffs.looks_like_hdf5),
    Format("keras", "formats.keras", sniffs.looks_like_keras, family="text", first=sniffs.MARKS + b"{"),
    Format("onnx", "formats.onnx", Message(sniffs.looks_like_onnx), family="protobuf"),
    Format("onnx-tensor", "formats.onnx_tensor", Message(sniffs.looks_like_tensor), family="protobuf"),
    Format("tensorflow", "formats.tensorflow", Message(sniffs.looks_like_tensorflow), family="protobuf"),
    Format(
        "tensorflow-part", "formats.tensorflow_parts", Message(sniffs.looks_like_tensorflow_part), family="protobuf"
    ),
    Format("tensorflow-checkpoint", "formats.tensorflow_checkpoint", sniffs.looks_like_checkpoint),
    Format("coreml", "formats.coreml", Message(sniffs.looks_like_coreml), family="protobuf"),
    Format("tflite", "formats.tflite", Magic(b"TFL3", at=4)),
    Format("executorch", "formats.executorch", Magic(b"ET12", at=4)),
)
