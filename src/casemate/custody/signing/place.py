"""Where the seal of a model lies: inside its folder, or beside its file.

    model/model.sig              the bundle              model.safetensors.sig
    model/attestations/*.json    what is said of it      model.safetensors.attestations/*.json

Bills of materials (``*.cdx.json``, ``*.spdx.json``) lie among the attestations, one of which names each by digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from casemate.core.errors import UnreadableError

BUNDLE: Final = "model.sig"
ATTESTATIONS: Final = "attestations"
DOCUMENTS: Final = (".cdx.json", ".spdx.json")


@dataclass(frozen=True)
class Place:
    """The paths of a model and its seal.

    Attributes:
        model: its file or folder.
        bundle: the bundle's file.
        attestations: the folder of attestations.
        own: names inside the model's folder that are the seal's own, and are never signed.
    """

    model: Path
    bundle: Path
    attestations: Path
    own: tuple[str, ...]

    @property
    def sealed(self) -> bool:
        """Whether a bundle is there."""
        return self.bundle.is_file()


def place_of(model: Path) -> Place:
    """The place of a model's seal.

    Raises:
        UnreadableError: there is no such file or folder.
    """
    if model.is_dir():
        return Place(model, model / BUNDLE, model / ATTESTATIONS, (BUNDLE, ATTESTATIONS))
    if not model.is_file():
        raise UnreadableError(f"{model} is neither a file nor a folder", next_step="give the model's file or folder")
    return Place(model, model.with_name(model.name + ".sig"), model.with_name(f"{model.name}.{ATTESTATIONS}"), ())


def is_document(name: str) -> bool:
    """Whether a file among the attestations is a bill of materials."""
    return name.endswith(DOCUMENTS)
