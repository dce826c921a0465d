"""Coefficients of diffprivlib's linear regression with and without one record: a line of JSON; run by its environment.

Sums of squares get no noise where the lower bound is 0 (its issue 104: the bound is used twice), so that one long
record among short ones shows in the slope.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
from diffprivlib.models import LinearRegression  # noqa: E402


def released(there, seed):
    """The slope's size, smaller where the record is there."""
    x, y = np.full((50, 1), 0.02), np.full(50, 0.5)
    if there:
        x[0] = 1.0
    options = {"epsilon": 1.0, "bounds_X": (0.0, 1.0), "bounds_y": (0.0, 1.0), "fit_intercept": False}
    return -abs(float(LinearRegression(**options, random_state=seed).fit(x, y).coef_[0]))


def main():
    """As often as is asked, half of the time with the record."""
    coins = [bool(seed % 2) for seed in range(int(sys.argv[1]))]
    scores = [released(coin, seed) for seed, coin in enumerate(coins)]
    print(json.dumps({"scores": scores, "there": coins, "curve": [[1.0, 0.0]]}))


main()
