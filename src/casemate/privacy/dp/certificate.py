"""What a private model was made with: everything that its guarantee rests on, to be signed and to be attacked."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, Literal

import msgspec

from casemate import __version__

CURVE: Final = (0.5, 0.75, 1.0, 1.5, 2.0)
"""Multiples of epsilon at which a certificate gives its curve."""
Relation = Literal["zero_out", "add_remove", "replace_one"]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The guarantee of one release, and its reasons.

    Attributes:
        mechanism: what was computed, in the field's words.
        relation: which data sets count as neighbors. ``zero_out``: one record's contribution becomes nothing, and the
            number of records is public.
        epsilon: the budget.
        delta: 0 for pure epsilon.
        curve: pairs of epsilon and the delta that goes with it; empty for pure epsilon.
        sensitivity: largest L2 norm of one record's contribution to one release (L1 for Laplace noise), in grid steps.
        noise: scale of the noise of one release, in grid steps.
        releases: how many there were.
        grid: size of a grid step in the units of the query.
        sampler: which records went into a release.
        entropy: where noise came from.
        trusted: whether nobody can repeat the noise.
        distance: total variation distance of all noise from its distribution, already part of delta; of a pure budget,
            the chance that it does not hold.
        assumed: what was taken from the data though it must be public.
        settings: every hyper-parameter.
    """

    mechanism: str
    relation: Relation
    epsilon: float
    delta: float
    curve: tuple[tuple[float, float], ...]
    sensitivity: float
    noise: float
    releases: int
    grid: float
    sampler: str
    entropy: str
    trusted: bool
    distance: float
    assumed: tuple[str, ...] = ()
    settings: dict[str, float | int | str | bool] = msgspec.field(default_factory=dict)

    def spent(self, epsilon: float, delta: float | None = None, mechanism: str = "") -> Certificate:
        """The same for a whole budget, of which these releases were a part."""
        return msgspec.structs.replace(
            self,
            epsilon=epsilon,
            delta=self.delta if delta is None else delta,
            mechanism=mechanism or self.mechanism,
        )

    def __str__(self) -> str:
        budget = f"epsilon {self.epsilon:g}" + (f", delta {self.delta:g}" if self.delta else ", pure")
        public = f"; assumed to be public: {', '.join(self.assumed)}" if self.assumed else ""
        trust = "" if self.trusted else "; NOT PRIVATE, its noise can be repeated"
        return f"{budget} ({self.relation}) by {self.mechanism}, {self.releases} releases{public}{trust}"


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """What made a private model.

    Attributes:
        casemate: version.
        sha256: of the source files of `casemate.privacy.dp`, names and content in order; in hexadecimal.
    """

    casemate: str
    sha256: str


@cache
def code() -> Code:
    """The code of this room as it is installed here."""
    state = hashlib.sha256()
    for name, content in _sources(files("casemate.privacy.dp"), ""):
        state.update(f"{name} {len(content)}\n".encode())
        state.update(content)
    return Code(casemate=__version__, sha256=state.hexdigest())


def _sources(folder: Traversable, above: str) -> list[tuple[str, bytes]]:
    """Source files below a folder, by name."""
    found: list[tuple[str, bytes]] = []
    for each in sorted(folder.iterdir(), key=lambda one: one.name):
        if each.is_dir():
            found += _sources(each, f"{above}{each.name}/")
        elif each.name.endswith(".py"):
            found.append((above + each.name, each.read_bytes()))
    return found
