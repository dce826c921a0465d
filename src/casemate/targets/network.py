"""Networks whose weights lie in one file and whose code lies in another: what a practitioner has after training.

The weights come through the load guard; the code is the user's own, named in the configuration, and is run as it is.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.digests import Digest
from casemate.core.errors import TargetError, UsageError
from casemate.core.optional import require
from casemate.targets.target import Target
from casemate.targets.torch import TorchBackend

Weights = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Network:
    """A function without arguments that makes an untrained module, in a file of the user's.

    Attributes:
        path: the Python file.
        function: its name.
    """

    path: Path
    function: str

    @classmethod
    def named(cls, text: str, folder: Path) -> Network:
        """From "file.py:function", relative to a folder.

        Raises:
            UsageError: the text has another form, or there is no such file.
        """
        file, _, function = text.rpartition(":")
        path = folder / file
        if not file or not function.isidentifier() or not path.is_file():
            raise UsageError(
                f"network = {text!r} names no function in a file",
                cause="" if not file or path.is_file() else f"there is no file {file}",
                next_step='write network = "network.py:build", relative to casemate.toml',
            )
        return cls(path, function)

    @property
    def digest(self) -> Digest:
        """Digest of the file."""
        return Digest.of_file(self.path)

    def build(self, weights: Weights) -> Any:
        """The module with these weights, in evaluation mode.

        Raises:
            TargetError: the file or the function raised, it made no module, or the weights are not the module's.
        """
        torch = require("torch", extra="torch")
        try:
            spec = importlib.util.spec_from_file_location(f"casemate_network_{self.digest.hex[:16]}", self.path)
            if spec is None or spec.loader is None:
                raise ImportError(f"{self.path.name} is no Python file")
            code = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(code)
            module = getattr(code, self.function)()
        except Exception as error:  # the user's own code may raise anything
            raise TargetError(
                f"{self.path.name}:{self.function} raised {type(error).__name__}",
                cause=str(error).splitlines()[0][:200] if str(error) else "",
                next_step="run that function by itself",
            ) from error
        if not isinstance(module, torch.nn.Module):
            raise TargetError(
                f"{self.path.name}:{self.function} returned {type(module).__name__}",
                next_step="return a torch.nn.Module that maps inputs to logits",
            )
        try:
            module.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in weights.items()})
        except RuntimeError as error:
            raise TargetError(
                f"the weights are not those of {self.path.name}:{self.function}",
                cause=" ".join(str(error).split())[:300],
                next_step="name the function that made the network these weights were trained in",
            ) from error
        return module.eval()


class NetworkBackend(TorchBackend):
    """A network as a backend. It travels to other processes as its code's place and its weights.

    Args:
        network: the code.
        weights: by parameter.
        classes: names, in the order of the logits.
        shape: of one input.
    """

    def __init__(self, network: Network, weights: Weights, classes: tuple[str, ...], shape: tuple[int, ...]) -> None:
        super().__init__(network.build(weights), classes, Unflattened(shape))
        object.__setattr__(self, "network", network)
        object.__setattr__(self, "shape", shape)

    network: Network
    shape: tuple[int, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        """A module of a class in the user's file cannot be found by another process; it is built there again."""
        return NetworkBackend, (self.network, weights_of(self.model), self.classes, self.shape)

    def trained(self, module: Any) -> NetworkBackend:
        """The same network with the weights of this module."""
        return NetworkBackend(self.network, weights_of(module), self.classes, self.shape)


@dataclass(frozen=True)
class Unflattened:
    """Rows of a frame as tensors of one shape."""

    shape: tuple[int, ...]

    def __call__(self, rows: pd.DataFrame) -> npt.NDArray[np.float32]:
        """(n, *shape) float32."""
        return rows.to_numpy(dtype=np.float32).reshape(len(rows), *self.shape)


def weights_of(module: Any) -> dict[str, npt.NDArray[Any]]:
    """Parameters and buffers of a module, by name."""
    return {name: values.detach().cpu().numpy() for name, values in module.state_dict().items()}


def network_classifier(
    network: Network, weights: Weights, classes: tuple[str, ...], shape: tuple[int, ...], name: str = "model"
) -> Target:
    """A network with weights, as a target that answers rows of flattened inputs.

    Raises:
        TargetError: see `Network.build`.
    """
    return Target(name, NetworkBackend(network, weights, classes, shape))
