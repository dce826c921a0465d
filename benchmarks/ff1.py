"""Issue 6, row 10: format-preserving encryption beside fastfpe, on the same values, with the same results.

CPU seconds, one core, alternating. Both get values of one length; ours takes them all at once, and one by one.
"""

from __future__ import annotations

import json
import random
import statistics
import string
import subprocess
import time
from collections.abc import Callable

from benchmarks._peers import ROOT, python
from casemate.privacy.text.ff1 import FF1, tweak

ROUNDS, MANY, FEW, SEED = 5, 100_000, 5_000, 20261127
KEY, TWEAK = bytes(range(32)), tweak("CREDIT_CARD", "card", "shop")
CASES = {"16 digits": (10, 16), "9 digits": (10, 9), "19 digits": (10, 19), "12 letters and digits": (36, 12)}


def rate(work: Callable[[], object], values: int) -> float:
    """Values a CPU second."""
    started = time.process_time()
    work()
    return values / (time.process_time() - started)


def theirs(alphabet: str, values: list[str]) -> tuple[float, list[str]]:
    """Values a CPU second of fastfpe, and what it made of them."""
    given = json.dumps({"key": KEY.hex(), "tweak": TWEAK.hex(), "alphabet": alphabet, "values": values})
    command = [str(python("fastfpe")), str(ROOT / "benchmarks" / "_fastfpe.py")]
    done = json.loads(subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout)
    return len(values) / done["seconds"], done["made"]


def main() -> None:
    """Print the section."""
    print("## Format-preserving encryption\n")
    if not python("fastfpe").exists():
        print("SKIPPED: the peer's environment is missing: make peers\n")
        return
    draw, letters = random.Random(SEED), string.digits + string.ascii_lowercase
    print(
        f"FF1 of NIST SP 800-38G with AES-256: values a CPU second, median of {ROUNDS}; {MANY:,} values at once, "
        f"{FEW:,} one by one. fastfpe is a compiled library.\n\n"
        "| values | casemate, at once | one by one | fastfpe | ratio | goal | same results |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, (radix, length) in CASES.items():
        alphabet = letters[:radix]
        values = ["".join(draw.choices(alphabet, k=length)) for _ in range(MANY)]
        cipher = FF1(KEY, radix, TWEAK)
        cipher.encrypt(values[0])
        rows = []
        for _ in range(ROUNDS):
            many = rate(lambda: cipher.encrypt_many(values), MANY)  # noqa: B023
            few = rate(lambda: [cipher.encrypt(each) for each in values[:FEW]], FEW)  # noqa: B023
            rows.append((many, few, theirs(alphabet, values)[0]))
        many, few, other = (statistics.median(each) for each in zip(*rows, strict=True))
        same = theirs(alphabet, values)[1] == cipher.encrypt_many(values)
        print(
            f"| {name} | **{many:,.0f}** | {few:,.0f} | {other:,.0f} | **{many / other:.1f}x** | 100,000 | "
            f"{'yes' if same else 'NO'} |",
            flush=True,
        )
    print()


if __name__ == "__main__":
    main()
