"""CPU seconds a sample of OpenDP's exact integer noise; run by its environment."""

import json
import sys
import time

import opendp.prelude as dp


def main():
    """Measure."""
    dp.enable_features("contrib")
    asked = json.loads(sys.argv[1])
    domain = dp.vector_domain(dp.atom_domain(T=int))
    if asked["name"] == "gaussian":
        release = dp.m.make_gaussian(domain, dp.l2_distance(T=float), scale=asked["scale"])
    else:
        release = dp.m.make_laplace(domain, dp.l1_distance(T=int), scale=asked["scale"])
    release([0] * 100)
    zeros = [0] * asked["count"]
    started = time.process_time()
    release(zeros)
    print((time.process_time() - started) / asked["count"])


main()
