"""SHA-256 digests that nothing can confuse with other strings, and canonical JSON to take them of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from casemate.core.errors import UnreadableError

CHUNK = 1 << 20


class Digest(msgspec.Struct, frozen=True, order=True):
    """A SHA-256 digest, as 64 lower-case hexadecimal characters.

    Example:
        >>> str(Digest.of(b""))[:23]
        'sha256:e3b0c44298fc1c14'
    """

    hex: str

    def __post_init__(self) -> None:
        if len(self.hex) != 64 or not set(self.hex) <= set("0123456789abcdef"):
            raise ValueError(f"not a SHA-256 digest in hexadecimal: {self.hex[:80]!r}")

    def __str__(self) -> str:
        return f"sha256:{self.hex}"

    @property
    def short(self) -> str:
        """The first twelve characters, for people; never for comparison."""
        return self.hex[:12]

    @classmethod
    def of(cls, data: bytes | memoryview) -> Digest:
        """The digest of these bytes."""
        return cls(hashlib.sha256(data).hexdigest())

    @classmethod
    def of_file(cls, path: Path) -> Digest:
        """The digest of a file's content, read in 1 MiB pieces."""
        state = hashlib.sha256()
        with path.open("rb") as stream:
            while piece := stream.read(CHUNK):
                state.update(piece)
        return cls(state.hexdigest())

    @classmethod
    def of_value(cls, value: object) -> Digest:
        """The digest of a value's canonical JSON."""
        return cls.of(canonical_json(value))


def canonical_json(value: object) -> bytes:
    """Encode a value as JSON with sorted keys and no spaces; floats in their shortest exact form.

    Two equal values give equal bytes on every platform, so digests of values can be compared.

    Raises:
        UnreadableError: a text in it is half of a surrogate pair, which JSON can escape and UTF-8 cannot hold.
    """
    try:
        return msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError as error:
        raise UnreadableError(
            "a text in it is not Unicode", cause="half of a surrogate pair", next_step="mend who wrote it"
        ) from error
