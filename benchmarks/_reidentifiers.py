"""Run in the environment ``anonymeter``: its singling out and inference on tables; JSON in, JSON out."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from anonymeter.evaluators import InferenceEvaluator, SinglingOutEvaluator

warnings.simplefilter("ignore")
given = json.load(sys.stdin)
mine, released, others = (pd.DataFrame(given[name]) for name in ("mine", "released", "others"))
np.random.seed(1)
started = time.process_time()
single = SinglingOutEvaluator(
    ori=mine, syn=released, control=others, n_attacks=given["attacks"], n_cols=given["columns"], seed=1,
    max_attempts=20 * given["attacks"],
)  # fmt: skip
single.evaluate(mode="multivariate")
found = single.results()
seconds = time.process_time() - started
started = time.process_time()
guess = InferenceEvaluator(
    ori=mine, syn=released, control=others, aux_cols=given["quasi"], secret=given["of"], n_attacks=given["attacks"]
)
guess.evaluate(n_jobs=1)
told = guess.results()
json.dump(
    {
        "singling": [found.n_success / found.n_attacks_ori, found.n_control / found.n_attacks_control, seconds],
        "attribute": [
            told.n_success / told.n_attacks_ori,
            told.n_control / told.n_attacks_control,
            time.process_time() - started,
        ],
    },
    sys.stdout,
)
