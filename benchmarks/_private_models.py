"""Run in a peer's environment: one model on many splits; answers for the test rows, as an .npz.

Run as ``.peers/diffprivlib/bin/python benchmarks/_private_models.py GIVEN ANSWER``; GIVEN is an .npz with the model's
module and name, its arguments as JSON, x, y, and (splits, rows) places of training and test rows.
"""

import importlib
import json
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def main():
    given = np.load(sys.argv[1])
    x, y, name = given["x"], given["y"], str(given["model"])
    make = getattr(importlib.import_module(str(given["module"])), name)
    arguments = json.loads(str(given["arguments"]))
    for key in ("bounds", "bounds_X"):
        if key in arguments:
            arguments[key] = tuple(np.array(each, dtype=float) for each in arguments[key])
    if "bounds_y" in arguments:
        arguments["bounds_y"] = tuple(arguments["bounds_y"])
    if "classes" in arguments:
        arguments["classes"] = np.array(arguments["classes"])
    if "privacy_bounds" in arguments:
        arguments["privacy_bounds"] = np.array(arguments["privacy_bounds"], dtype=float)
    found, started = [], time.process_time()
    for seed, (train, test) in enumerate(zip(given["train"], given["test"])):  # noqa: B905 - as old as the peer may be
        model = make(random_state=seed, **arguments).fit(x[train], y[train])
        if name == "KMeans":
            found.append(model.cluster_centers_)
        elif name == "PCA":
            found.append(model.components_)
        else:
            found.append(model.predict(x[test]))
    np.savez(sys.argv[2], found=np.array(found), seconds=time.process_time() - started)


main()
