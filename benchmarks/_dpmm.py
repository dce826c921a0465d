"""Run in the environment ``dpmm``: its AIM or MST on a table of codes, as often as asked; npz in, npz out."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from dpmm.models.aim import AIMGM
from dpmm.models.mst import MSTGM

warnings.simplefilter("ignore")
asked = json.loads(sys.argv[1])
given = np.load(sys.argv[2])
names = [str(each) for each in range(len(given["sizes"]))]
table = pd.DataFrame(given["codes"], columns=names)
drawn, seconds = [], []
for seed in range(asked["seeds"]):
    started = time.process_time()
    if asked["method"] == "aim":
        model = AIMGM(
            epsilon=asked["epsilon"], delta=asked["delta"], degree=3, max_cells=asked["cells"],
            max_model_size=asked["cells"] * 8 / 2**20, n_iters=asked["steps"], n_jobs=1,
        )  # fmt: skip
    else:
        model = MSTGM(epsilon=asked["epsilon"], delta=asked["delta"], n_iters=asked["steps"], n_jobs=1)
    model.set_domain({name: int(size) for name, size in zip(names, given["sizes"], strict=True)})
    model.set_random_state(np.random.RandomState(seed))
    model.fit(table.copy())
    drawn.append(model.generate(n_records=len(table))[names].to_numpy().astype(np.int64))
    seconds.append(time.process_time() - started)
np.savez(sys.argv[3], drawn=np.array(drawn), seconds=np.array(seconds))
