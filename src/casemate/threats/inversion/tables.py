"""Tables as numbers for the adversary's own models."""

from __future__ import annotations

import numpy as np
import pandas as pd

from casemate.threats.inversion.signals import Floats


def encode(features: pd.DataFrame) -> Floats:
    """(n, d) numbers for trees: numeric columns as they are, others by rank of their value; missing stays NaN.

    Example:
        >>> encode(pd.DataFrame({"age": [40, 50], "sex": ["male", "female"]})).tolist()
        [[40.0, 1.0], [50.0, 0.0]]
    """
    columns = []
    for name in features.columns:
        column = features[name]
        if pd.api.types.is_numeric_dtype(column):
            columns.append(column.to_numpy(dtype=np.float64, na_value=np.nan))
        else:
            codes = pd.factorize(column.astype("string"), sort=True)[0].astype(np.float64)
            columns.append(np.where(codes < 0, np.nan, codes))
    return np.column_stack(columns) if columns else np.empty((len(features), 0))
