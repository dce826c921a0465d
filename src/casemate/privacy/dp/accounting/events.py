"""What was done to private data, as a tree of immutable records: what accountants read and certificates hold."""

from __future__ import annotations

import math
from typing import Union

import msgspec

from casemate.core.errors import UsageError
from casemate.privacy.dp.checks import check_delta, check_epsilon


class _Event(msgspec.Struct, frozen=True, tag_field="event", forbid_unknown_fields=True):
    """What all events share: they can be written down, and told apart."""


class Gaussian(_Event, frozen=True, tag="gaussian"):
    """A release of sensitivity 1 in L2 with Gaussian noise.

    Attributes:
        noise_multiplier: standard deviation of the noise over the sensitivity.
    """

    noise_multiplier: float

    def __post_init__(self) -> None:
        _positive(self.noise_multiplier, "noise multiplier")


class Laplace(_Event, frozen=True, tag="laplace"):
    """A release of sensitivity 1 in L1 with Laplace noise.

    Attributes:
        noise_multiplier: scale of the noise over the sensitivity.
    """

    noise_multiplier: float

    def __post_init__(self) -> None:
        _positive(self.noise_multiplier, "noise multiplier")


class Approximate(_Event, frozen=True, tag="approximate"):
    """Anything that is (epsilon, delta)-private, of which no more is known; pure where delta is 0."""

    epsilon: float
    delta: float = 0.0

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon, spent=True)
        check_delta(self.delta, pure=True)


class Poisson(_Event, frozen=True, tag="poisson"):
    """A release of records each of which takes part with probability ``rate``, by itself (Poisson sampling).

    Attributes:
        rate: between 0 and 1.
        release: what is done with those that take part.
    """

    rate: float
    release: Gaussian | Laplace

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise UsageError(
                f"sample rate {self.rate} lies not between 0 and 1", next_step="give the share of records in a batch"
            )


class Repeated(_Event, frozen=True, tag="repeated"):
    """The same again and again, each with fresh noise and, where there is sampling, a fresh sample."""

    release: Gaussian | Laplace | Poisson | Approximate
    count: int

    def __post_init__(self) -> None:
        if self.count < 0:
            raise UsageError(f"{self.count} releases cannot be", next_step="give 0 or more")


Single = Union[Gaussian, Laplace, Poisson, Approximate]  # noqa: UP007 - msgspec reads it at run time
Event = Union[Single, Repeated]  # noqa: UP007 - as above


def counted(events: list[Event] | tuple[Event, ...]) -> dict[Single, int]:
    """How often each release was made, in the order of their first appearance.

    Example:
        >>> counted([Gaussian(1.0), Repeated(Gaussian(1.0), 3)])
        {Gaussian(noise_multiplier=1.0): 4}
    """
    found: dict[Single, int] = {}
    for event in events:
        single, count = (event.release, event.count) if isinstance(event, Repeated) else (event, 1)
        if count:
            found[single] = found.get(single, 0) + count
    return found


def _positive(value: float, what: str) -> None:
    if not 0 < value < math.inf:
        raise UsageError(f"{what} {value} is not a positive number", next_step="give one above 0")
