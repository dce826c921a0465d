"""AIM of private-pgm's authors, in its own environment: a coded table from stdin, synthetic ones to stdout.

PyPI's ``mbi`` holds the inference and no mechanism, and in version 2 has another interface than mechanisms call. So
both are read from a checkout, which is named and never part of this repository; the environment holds what they need.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def main() -> None:
    """Fit and draw, once a seed."""
    given: dict[str, Any] = json.load(sys.stdin)
    checkout = Path(given["checkout"])
    sys.path[:0] = [str(checkout / "mechanisms"), str(checkout / "src")]
    aim, mbi = (importlib.import_module(name) for name in ("aim", "mbi"))

    names = given["names"]
    domain = mbi.Domain(names, given["sizes"])
    rows = np.array(given["rows"])
    data = mbi.Dataset(pd.DataFrame(rows, columns=names), domain)
    workload = [(pair, 1.0) for pair in itertools.combinations(names, 2)]
    found = []
    for seed in given["seeds"]:
        start = time.process_time()
        with contextlib.redirect_stdout(sys.stderr):
            made = aim.AIM(
                given["epsilon"],
                given["delta"],
                prng=np.random.default_rng(seed),
                rounds=given["rounds"],
                max_model_size=given["megabytes"],
                max_iters=given["iterations"],
            )
            _, drawn = made.run(data, workload, num_synth_rows=len(rows))
        columns = [np.asarray(drawn.df[name]) for name in names]
        found.append({"rows": np.stack(columns, axis=1).tolist(), "seconds": time.process_time() - start})
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
