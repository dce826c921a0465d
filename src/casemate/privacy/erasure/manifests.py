"""Digests of rows, of what a shard was trained on, and of fitted models: what evidence of a removal is made of."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pickle import Pickler
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from casemate.privacy.erasure.subjects import SubjectKey

EXACT: Final = 1 << 53
"""Whole numbers below this are exact as floats."""


@dataclass(frozen=True)
class Manifest:
    """What a shard was trained on, in order.

    Attributes:
        commitments: of the subject of each row.
        tags: of each row's values and label, keyed: 64 hexadecimal characters.
    """

    commitments: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of both, in hexadecimal."""
        state = hashlib.sha256()
        for commitment, tag in zip(self.commitments, self.tags, strict=True):
            state.update(bytes.fromhex(commitment + tag))
        return state.hexdigest()


def manifest(key: SubjectKey, x: Any, y: Any, commitments: Sequence[str]) -> Manifest:
    """The manifest of (n, d) rows and their (n,) labels, taken from the very arrays that an estimator is fitted to."""
    values = x.to_numpy(dtype=object).tolist() if isinstance(x, pd.DataFrame) else np.asarray(x).tolist()
    labels = np.asarray(y).tolist()
    encode = msgspec.json.Encoder(enc_hook=_plain).encode
    tags = tuple(
        key.mac("row", encode([[_same(each) for each in row], label])).hex()
        for row, label in zip(values, labels, strict=True)
    )
    return Manifest(tuple(commitments), tags)


def left_in(removed: Manifest, before: Sequence[Manifest], after: Sequence[Manifest]) -> int:
    """How many of the removed rows are still in some shard.

    A row may be there for another subject whose row is equal: as many of those are expected as there were before.
    """
    gone = set(removed.commitments)
    theirs = sum(commitment in gone for each in after for commitment in each.commitments)
    expected, found = _others(before, gone), Counter(tag for each in after for tag in each.tags)
    extra = sum(max(found[tag] - expected[tag], 0) for tag in set(removed.tags))
    return max(theirs, extra)


def shared(removed: Manifest, before: Sequence[Manifest]) -> int:
    """How many rows of other subjects equal a removed one; they stay."""
    expected = _others(before, set(removed.commitments))
    return sum(expected[tag] for tag in set(removed.tags))


def _others(manifests: Sequence[Manifest], gone: set[str]) -> Counter[str]:
    """Tags of rows of everybody else."""
    pairs = (pair for each in manifests for pair in zip(each.commitments, each.tags, strict=True))
    return Counter(tag for commitment, tag in pairs if commitment not in gone)


def _same(value: object) -> object:
    """Whole numbers as they are written in a column where others are missing or have fractions."""
    return float(value) if type(value) is int and abs(value) < EXACT else value


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)


def fingerprint(model: object) -> str:
    """SHA-256, in hexadecimal, of everything a fitted estimator holds; equal models have equal ones in any process.

    It is taken of a pickle without memo, in which equal things are written equally, and in which arrays of records are
    written field by field: the bytes between the fields of scikit-learn's tree nodes are whatever memory held.
    """
    stream = io.BytesIO()
    pickler = _Plain(stream, protocol=4)
    pickler.fast = True  # no memo: whether two equal strings are one object is nothing about the model
    pickler.dump(model)
    return hashlib.sha256(stream.getbuffer()).hexdigest()


class _Plain(Pickler):
    """Writes arrays by their content."""

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return NotImplemented
        shape = value.shape
        if value.dtype.names is not None:
            return dict, ([(name, np.ascontiguousarray(value[name])) for name in value.dtype.names] + [("", shape)],)
        if value.dtype == object:
            return list, ([shape, *value.ravel().tolist()],)
        return list, ([value.dtype.str, shape, value.tobytes()],)
