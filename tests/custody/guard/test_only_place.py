"""No module of src but the load guard calls anything that loads a model, by whatever name it reaches the loader.

Ruff's banned-api knows names that are imported; this walk also follows ``require("torch")`` and names handed around.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[3] / "src"
GUARD = SRC / "casemate" / "custody" / "guard"

UNPICKLERS = {"pickle", "_pickle", "cloudpickle", "dill", "jsonpickle", "marshal", "shelve"}
"""Modules that nothing but the guard imports."""

WRITERS = {"Pickler"}
"""What may be taken out of pickle: it writes, to digest what a model holds."""

LOADERS = {
    "catboost.CatBoost.load_model", "cloudpickle.load", "cloudpickle.loads", "joblib.load", "keras.models.load_model",
    "keras.saving.load_model", "lightgbm.Booster", "mlflow.pyfunc.load_model", "mlflow.sklearn.load_model",
    "onnx.load",
    "onnx.load_from_string", "onnx.load_model", "onnx.load_model_from_string", "onnxruntime.InferenceSession",
    "onnx.external_data_helper.load_external_data_for_model", "pandas.read_pickle", "safetensors.numpy.load",
    "safetensors.numpy.load_file", "safetensors.safe_open", "safetensors.torch.load", "safetensors.torch.load_file",
    "skops.io.load", "skops.io.loads", "tensorflow.keras.models.load_model", "tensorflow.saved_model.load",
    "torch.hub.load", "torch.jit.load", "torch.load", "torch.package.PackageImporter", "torch.serialization.load",
    "xgboost.Booster", "yaml.full_load", "yaml.load", "yaml.unsafe_load",
}  # fmt: skip
OWN = {"casemate/privacy/text/transformer.py": "onnxruntime.InferenceSession"}
"""Loads one model that casemate names, whose file has the SHA-256 that it had when it was fetched; rooms on that floor
cannot call the guard."""
WITHOUT_PICKLE = {"numpy.load", "numpy.lib.format.read_array"}
"""Allowed where the call itself says ``allow_pickle=False``."""


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """The full name of what an expression names, or ""."""
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value, known)
        return f"{inner}.{node.attr}" if inner else ""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    return required(node)


def required(node: ast.AST) -> str:
    """The module of ``require("x")`` or ``import_module("x")``, or ""."""
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return ""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return str(node.args[0].value) if name in ("require", "import_module", "__import__") else ""


def names(tree: ast.AST) -> dict[str, str]:
    """What each imported or assigned name of a module stands for."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                known[each.asname or each.name.partition(".")[0]] = (
                    each.name if each.asname else each.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            known.update({each.asname or each.name: f"{node.module}.{each.name}" for each in node.names})
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and dotted(node.value, known):
            known[node.targets[0].id] = dotted(node.value, known)
    return known


def loads(source: str) -> Iterator[str]:
    """Every way in which a module reaches a loader."""
    tree = ast.parse(source)
    known = names(tree)
    careful = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and any(
            each.arg == "allow_pickle" and isinstance(each.value, ast.Constant) and each.value.value is False
            for each in node.keywords
        )
    }
    for node in ast.walk(tree):
        modules: list[str] = [required(node)]
        if isinstance(node, ast.Import):
            modules = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and {each.name for each in node.names} - WRITERS:
            modules = [node.module or ""]
        yield from (f"{each} at line {node.lineno}" for each in modules if each.partition(".")[0] in UNPICKLERS)
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            name = dotted(node, known)
            if name in LOADERS or (name in WITHOUT_PICKLE and id(node) not in careful):
                yield f"{name} at line {node.lineno}"


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_only_the_guard_loads_models(path: Path) -> None:
    if GUARD not in path.parents:
        own = OWN.get(path.relative_to(SRC).as_posix(), "nothing")
        assert [each for each in loads(path.read_text(encoding="utf-8")) if not each.startswith(own)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import _pickle as p",
        "from pickle import loads",
        "from pickle import Pickler, Unpickler",
        "import joblib\njoblib.load('m')",
        "import joblib as j\nf = map(j.load, [])",
        "from joblib import load as get\nget('m')",
        "torch = require('torch', extra='torch')\ntorch.load('m', weights_only=True)",
        "require('skops.io', extra='skops').loads(b'')",
        "importlib.import_module('dill')",
        "import numpy as np\nnp.load('m')",
        "import numpy as np\nnp.load('m', allow_pickle=True)",
        "import numpy as np\nnp.load('m', allow_pickle=flag)",
        "import numpy as np\nread = np.load\nread('m')",
        "import keras\nkeras.models.load_model('m')",
        "import torch\njit = torch.jit\njit.load('m')",
        "from onnx import load_model",
    ],
)
def test_the_walk_sees_every_way(source: str) -> None:
    assert list(loads(source + "\nload_model" * source.startswith("from onnx")))


def test_the_walk_accuses_nothing_else() -> None:
    assert list(loads("from pickle import Pickler")) == []
    fine = "import json, numpy as np, tomllib\njson.loads('1')\ntomllib.loads('')\nnp.load('m', allow_pickle=False)\n"
    assert list(loads(fine + "spec.load()\nfrom pathlib import Path\nPath.load")) == []


def test_the_guard_itself_calls_what_the_walk_looks_for() -> None:
    found = {line.partition(" ")[0] for path in GUARD.glob("*.py") for line in loads(path.read_text(encoding="utf-8"))}
    assert {"pickle", "torch.load", "skops.io.loads", "onnxruntime.InferenceSession"} <= found
