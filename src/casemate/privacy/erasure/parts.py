"""Rows whose subjects are known, and what training one shard on some of them gave."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.privacy.erasure.manifests import Manifest, manifest
from casemate.privacy.erasure.subjects import SubjectKey


class Rows(NamedTuple):
    """Training rows in memory.

    Attributes:
        x: (n, d) array or data frame.
        y: (n,) labels.
        ids: (n,) of subjects.
        commitments: of the subject of each row.
    """

    x: Any
    y: npt.NDArray[Any]
    ids: npt.NDArray[np.object_]
    commitments: tuple[str, ...]

    def take(self, at: npt.NDArray[np.intp]) -> Rows:
        """The rows at these positions."""
        x = self.x.iloc[at] if isinstance(self.x, pd.DataFrame) else self.x[at]
        return Rows(x, self.y[at], self.ids[at], tuple(self.commitments[each] for each in at.tolist()))

    def manifest(self, key: SubjectKey) -> Manifest:
        """What is known of them by digests."""
        return manifest(key, self.x, self.y, self.commitments)


class Part(NamedTuple):
    """One shard.

    Attributes:
        estimator: fitted.
        manifest: of what it was fitted to.
        said: rows, digests of data and model, CPU seconds of training; plain values, which are saved with the model.
    """

    estimator: Any
    manifest: Manifest
    said: dict[str, Any]
