"""Issue 5, row 5: noise that can be trusted, beside OpenDP's exact samplers for integers and torch's for floats.

CPU nanoseconds a sample, alternating; OpenDP is asked for vectors of Python integers, which is what it takes.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import time

import torch

from benchmarks._peers import ROOT, python
from casemate.privacy.dp.noise import DISTANCE, SystemEntropy, gaussian, laplace

SCALES = (10.0, 1000.0, 2.0**22)
ROUNDS, OURS, THEIRS = 5, 1_000_000, 10_000
DRAWS = {"gaussian": gaussian, "laplace": laplace}


def ours(name: str, scale: float) -> float:
    """CPU seconds a sample."""
    entropy = SystemEntropy()
    started = time.process_time()
    DRAWS[name](scale, OURS, entropy)
    return (time.process_time() - started) / OURS


def theirs(name: str, scale: float) -> float:
    """The same of OpenDP."""
    given = json.dumps({"name": name, "scale": scale, "count": THEIRS})
    done = subprocess.run(
        [str(python("opendp")), str(ROOT / "benchmarks" / "_opendp_noise.py"), given],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    """Print the section."""
    torch.set_num_threads(1)
    print("## Noise that can be trusted\n")
    if not python("opendp").exists():
        print("SKIPPED: the peer's environment is missing: make peers\n")
        return
    distance = round(math.log2(DISTANCE))
    print(
        f"CPU nanoseconds a sample, median of {ROUNDS}; ours in vectors of {OURS:,}, OpenDP's exact integer sampler in "
        f"vectors of {THEIRS:,}. A sample of ours is within 2^{distance} of its distribution "
        "in total variation.\n\n"
        "| noise | scale | casemate | OpenDP, exact | ratio | goal |\n|---|---|---|---|---|---|"
    )
    for name in DRAWS:
        for scale in SCALES:
            both = [(ours(name, scale), theirs(name, scale)) for _ in range(ROUNDS)]
            mine, other = (1e9 * statistics.median(each) for each in zip(*both, strict=True))
            print(
                f"| {name} | {scale:g} | **{mine:.0f}** | {other:,.0f} | **{other / mine:.0f}x** | 100x |", flush=True
            )
    started = time.process_time()
    for _ in range(ROUNDS):
        torch.randn(OURS)
    print(
        f"\ntorch.randn, whose noise anyone can undo: {1e9 * (time.process_time() - started) / ROUNDS / OURS:.0f} ns.\n"
    )


if __name__ == "__main__":
    main()
