"""Run in the environment ``tables``: pycanon's levels and anjana's k-anonymity of a table; JSON in, JSON out."""

import contextlib
import io
import json
import sys
import time

import numpy as np
import pandas as pd
from anjana.anonymity._k_anonymity import k_anonymity_inner
from pycanon import anonymity


def timed(ask):
    started = time.process_time()
    said = ask()
    return said, time.process_time() - started


def levels(table, quasi, of):
    asked = {
        "k": lambda: int(anonymity.k_anonymity(table, quasi)),
        "distinct": lambda: int(anonymity.l_diversity(table, quasi, [of])),
        "entropy": lambda: int(anonymity.entropy_l_diversity(table, quasi, [of])),
        "t": lambda: float(anonymity.t_closeness(table, quasi, [of])),
        "beta": lambda: float(anonymity.basic_beta_likeness(table, quasi, [of])),
    }
    return {name: timed(ask) for name, ask in asked.items()}


def generalize(table, quasi, trees, k, limit):
    hierarchies = {name: {level: np.array(each) for level, each in enumerate(tree)} for name, tree in trees.items()}
    with contextlib.redirect_stdout(io.StringIO()):
        (made, lost, node), seconds = timed(lambda: k_anonymity_inner(table, [], quasi, k, limit * 100, hierarchies))
    return {"rows": len(made), "lost": int(lost), "node": [int(node[name]) for name in quasi], "seconds": seconds}


given = json.load(sys.stdin)
frame = pd.DataFrame(given["table"])
if given["what"] == "levels":
    said = levels(frame, given["quasi"], given["of"])
else:
    said = [generalize(frame, given["quasi"], given["trees"], k, limit) for k, limit in given["cases"]]
json.dump(said, sys.stdout)
