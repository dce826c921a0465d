"""The report's budget: bytes and CPU time with 3,000 controls. `--schema` writes the JSON Schema of results.json.

No peer renders controls, so there is none beside it; the budget itself is the claim (2 MB, one second).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.assurance.builder import clinical, generated

from casemate.assurance import Dossier
from casemate.assurance.report import html, junit, markdown, results, results_schema, sarif

SCHEMA = Path(__file__).parents[1] / "docs" / "reference" / "results.schema.json"
REPEATS = 5


def timed(make: Callable[[], bytes]) -> tuple[float, int]:
    """Median CPU seconds of a few runs, and the size of what was made."""
    make()  # templates are compiled once a process
    seconds = []
    size = 0
    for _ in range(REPEATS):
        before = time.process_time()
        size = len(make())
        seconds.append(time.process_time() - before)
    return statistics.median(seconds), size


def main() -> None:
    print("## Report\n\nCPU seconds, median of five; bytes. The clinical audit has 209 controls and 3 defenses.\n")
    print("| format | clinical | | 3,000 controls, 500 figures more | |\n|---|--:|--:|--:|--:|")
    before = time.process_time()
    large = generated()
    judging = time.process_time() - before
    audits: tuple[Dossier, Dossier] = (clinical(), large)
    for write in (html, results, sarif, junit, markdown):
        cells = []
        for dossier in audits:
            seconds, size = timed(lambda write=write, dossier=dossier: write(dossier))
            cells.append(f"{seconds:.3f} s | {size:,}")
        print(f"| {write.__name__} | {' | '.join(cells)} |")
    print(f"\nDrawing and judging the large audit took {judging:.2f} s. Budget: 2,000,000 bytes and 1 s for html.")


if __name__ == "__main__":
    if "--schema" in sys.argv:
        SCHEMA.write_bytes(results_schema())
    else:
        main()
