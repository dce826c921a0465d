"""Run in the environment ``anonymeter``: its singling out and inference on tables; JSON in, JSON out."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
import polars as pl
from anonymeter.evaluators import InferenceEvaluator, SinglingOutEvaluator
from anonymeter.evaluators.singling_out_evaluator import _evaluate_queries as fitting
from anonymeter.evaluators.singling_out_evaluator import _generate_singling_out_queries as made
from anonymeter.evaluators.singling_out_evaluator import _safe_column_names

warnings.simplefilter("ignore")
given = json.load(sys.stdin)
mine, released, others = (pd.DataFrame(given[name]) for name in ("mine", "released", "others"))
np.random.seed(1)
started = time.process_time()
single = SinglingOutEvaluator(
    ori=mine, syn=released, control=others, n_attacks=given["attacks"], n_cols=given["columns"], seed=1,
    max_attempts=20 * given["attacks"],
)  # fmt: skip
# It judges descriptions on tables without duplicates, where whoever looks like others is isolated: here on all rows.
queries = made(
    df=single._syn, n_attacks=given["attacks"], n_cols=given["columns"], mode="multivariate",
    max_attempts=20 * given["attacks"], rng=single._rng,
)  # fmt: skip
isolated = [
    sum(count == 1 for count in fitting(df=pl.DataFrame(_safe_column_names(each)), queries=queries))
    for each in (mine, others)
]
seconds = time.process_time() - started
started = time.process_time()
guess = InferenceEvaluator(
    ori=mine, syn=released, control=others, aux_cols=given["quasi"], secret=given["of"], n_attacks=given["attacks"]
)
guess.evaluate(n_jobs=1)
told = guess.results()
json.dump(
    {
        "singling": [*(each / given["attacks"] for each in isolated), seconds],
        "attribute": [
            told.n_success / told.n_attacks_ori,
            told.n_control / told.n_attacks_control,
            time.process_time() - started,
        ],
    },
    sys.stdout,
)
