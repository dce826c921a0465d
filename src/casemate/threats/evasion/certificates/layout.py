"""All rectifiers of a network as one vector, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.threats.evasion.certificates.graph import Graph, Shape

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


@dataclass(frozen=True)
class Layout:
    """Where the rectifiers of each node lie in the vector.

    Attributes:
        shapes: by place of a node that goes into a rectifier.
    """

    shapes: dict[int, Shape]

    @classmethod
    def of(cls, graph: Graph) -> Layout:
        """The layout of a graph's rectifiers."""
        return cls({place: graph.nodes[place].shape for place in graph.rectified})

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def pack(self, values: Mapping[int, Tensor]) -> Tensor:
        """(r, size) from (r, *shape) a place."""
        return torch.cat([values[place].flatten(1) for place in self.shapes], dim=1)

    def unpack(self, vectors: Tensor) -> dict[int, Tensor]:
        """(r, *shape) a place from (r, size)."""
        parts = torch.split(vectors, [math.prod(shape) for shape in self.shapes.values()], dim=1)
        return {
            place: part.reshape(len(vectors), *shape)
            for (place, shape), part in zip(self.shapes.items(), parts, strict=True)
        }
