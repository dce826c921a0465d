"""ONNX models and their external data, as bytes for onnxruntime or for onnx; neither opens a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from casemate.core.errors import MissingPartError
from casemate.core.optional import require
from casemate.custody.guard.sealed import Sealed


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A scanned ONNX model, in memory.

    Attributes:
        content: the model's bytes.
        external: the bytes of each file of external data, by the path that the model gives.
    """

    content: bytes
    external: Mapping[str, bytes]

    def session(self, **options: Any) -> Any:
        """An ``onnxruntime.InferenceSession`` over these bytes; no file is opened.

        Args:
            options: passed on, such as ``providers``; ``sess_options`` is made if it is not given.

        Raises:
            MissingPartError: onnxruntime is not installed.
        """
        runtime = require("onnxruntime", extra="onnx")
        settings = options.pop("sess_options", None) or runtime.SessionOptions()
        names = list(self.external)
        if names:
            buffers = [self.external[name] for name in names]
            settings.add_external_initializers_from_files_in_memory(names, buffers, [len(each) for each in buffers])
        options.setdefault("providers", ["CPUExecutionProvider"])
        return runtime.InferenceSession(self.content, settings, **options)

    def proto(self) -> Any:
        """An ``onnx.ModelProto`` whose external tensors hold their bytes.

        Raises:
            MissingPartError: onnx is not installed.
        """
        onnx = require("onnx", extra="onnx")
        model = onnx.ModelProto.FromString(self.content)
        for tensor in require("onnx.external_data_helper", extra="onnx")._get_all_tensors(model):
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                _internalize(onnx, tensor, self.external)
        return model


def _internalize(onnx: ModuleType, tensor: Any, external: Mapping[str, bytes]) -> None:
    fields = {entry.key: entry.value for entry in tensor.external_data}
    data, at = external[fields["location"]], int(fields.get("offset", 0))
    count = int(fields["length"]) if "length" in fields else len(data) - at
    if at < 0 or count < 0 or at + count > len(data):
        raise ValueError(f"the tensor {tensor.name[:80]!r} lies outside {fields['location']}")
    tensor.raw_data = data[at : at + count]
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.DEFAULT


def onnx_model(sealed: Sealed, external: Mapping[str, Sealed]) -> Any:
    """An inference session where onnxruntime is installed, else an ``OnnxModel``."""
    model = OnnxModel(bytes(sealed.data[:]), {name: bytes(each.data[:]) for name, each in external.items()})
    try:
        return model.session()
    except MissingPartError:
        return model
