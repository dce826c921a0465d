"""Persons in real text (row 3) beside spaCy's small pipeline, which is what finds names in Presidio.

Three test parts on which nothing was trained or tuned. Words are joined by spaces for everybody; a person is found if a
span of that type overlaps it with an intersection over union of at least a half; accounts after an @ are none. Each
sentence is a document, and a hundred are asked about together (of spaCy by ``pipe``). Rounds alternate; the CPU time of
all rounds counts. Intervals are of a bootstrap over sentences.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from benchmarks._text_peers import Peer, present
from benchmarks._texts import Found, Labelled, covered, f1, folder, real, same
from casemate.privacy.text.analyzer import Analyzer

GOALS = {"WNUT17 test": 0.50, "wikigold, first 1,200": 0.72, "BTC h": 0.50}
BATCH = 100
DRAWS, SEED = 1_000, 0
MODES = ("tagger", "balanced", "accurate")


def score(truth: Sequence[Labelled], found: Sequence[Sequence[Found]]) -> tuple[float, float, float]:
    """F1 and its 95 % interval."""
    table = np.array(
        [
            (sum(any(same(a, b) for b in mine) for a in part.spans), len(mine), len(part.spans))
            for part, mine in zip(truth, found, strict=True)
        ]
    )
    rng = np.random.default_rng(SEED)
    draws = [f1(*table[rng.integers(0, len(table), len(table))].sum(axis=0)) for _ in range(DRAWS)]
    return (f1(*table.sum(axis=0)), *np.quantile(draws, [0.025, 0.975]))


def ours(mode: str, texts: list[str], analyzers: dict[str, Analyzer]) -> tuple[float, list[list[Found]]]:
    """CPU seconds, and persons found in each text."""
    start = time.process_time()
    found = analyzers[mode].find_all(texts)
    seconds = time.process_time() - start
    return seconds, [[(each.start, each.end, each.type) for each in one] for one in found]


def main() -> None:
    """Print the section."""
    print("## Names in real text\n")
    place = folder()
    if place is None or not present("spacy"):
        print("SKIPPED: CASEMATE_BENCH_DATA/text or the environment of presidio is absent.")
        return
    analyzers = {mode: Analyzer("balanced" if mode == "tagger" else mode) for mode in MODES}
    for detector in analyzers["tagger"].detectors:
        if hasattr(detector, "transformer"):
            detector.transformer = None
    peer = Peer("spacy")
    peer.ask(["Warm up in London."])
    for mode in MODES:
        ours(mode, ["Warm up in London."], analyzers)
    print("| corpus | system | F1 of PERSON | 95 % | recall of letters | KB/s | goal |\n|---|---|---|---|---|---|---|")
    for name, parts in real(place).items():
        texts = [each.text for each in parts]
        seconds: dict[str, float] = dict.fromkeys((*MODES, "spaCy small"), 0.0)
        found: dict[str, list[list[Found]]] = {each: [] for each in seconds}
        for at in range(0, len(texts), BATCH):
            for system in seconds:
                batch = texts[at : at + BATCH]
                took, said = peer.ask(batch) if system == "spaCy small" else ours(system, batch, analyzers)
                seconds[system] += took
                found[system] += [[each for each in one if each[2] == "PERSON"] for one in said]
        size = sum(len(text.encode()) for text in texts) / 1e3
        for system, took in seconds.items():
            value, low, high = score(parts, found[system])
            goal = {"balanced": ">= spaCy, >= 200 KB/s", "accurate": f">= {GOALS[name]:.2f}"}.get(system, "")
            letters = covered(parts, found[system])
            print(f"| {name} | {system} | **{value:.3f}** | {low:.3f} to {high:.3f} | {letters:.3f} | "
                  f"{size / took:.0f} | {goal} |")  # fmt: skip
    peer.close()


if __name__ == "__main__":
    main()
