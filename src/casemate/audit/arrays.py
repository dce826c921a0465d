"""Results of tasks as bytes: numpy's npz without pickles, the same bytes for the same arrays."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from casemate.core.errors import UnreadableError
from casemate.training.engagement import Result

EPOCH = (1980, 1, 1, 0, 0, 0)
LIMIT = 1 << 30


def encode(result: Result) -> bytes:
    """Arrays by name as an uncompressed npz whose bytes depend on nothing but the arrays."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(result):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(result[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", EPOCH), member.getvalue())
    return buffer.getvalue()


def decode(content: bytes) -> dict[str, np.ndarray]:
    """The arrays that ``encode`` wrote.

    Raises:
        UnreadableError: the bytes are something else.
    """
    if len(content) > LIMIT:
        raise UnreadableError("a stored result is larger than 1 GiB", next_step="it was not written by casemate")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile, KeyError) as error:
        raise UnreadableError(
            "a stored result cannot be read", cause=str(error), next_step="run the audit again in a new folder"
        ) from error
