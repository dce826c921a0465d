"""diffprivlib's logistic regression on arrays in a file, run by its environment: a line of JSON a strength C.

Rows, labels and seeds come from an .npz file; the answer says accuracy and AUC of every seed.
"""

import json
import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")
from diffprivlib.models import LogisticRegression  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402


def main() -> None:
    """Answer for all strengths."""
    given = np.load(sys.argv[1])
    asked = json.loads(sys.argv[2])
    for strength in asked["strengths"]:
        started, found = time.process_time(), []
        for seed in asked["seeds"]:
            model = LogisticRegression(epsilon=asked["epsilon"], data_norm=1.0, C=strength, random_state=seed)
            model.fit(given["x"], given["y"])
            scores = model.decision_function(given["test"])
            found.append((float(((scores > 0) == given["truth"]).mean()), float(roc_auc_score(given["truth"], scores))))
        seconds = (time.process_time() - started) / len(asked["seeds"])
        print(json.dumps({"strength": strength, "found": found, "seconds": seconds}), flush=True)


main()
