"""Speed (row 1) and latency (row 8) of redaction beside Presidio with spaCy's small pipeline.

Long prose is wikigold's articles as one document, dense short texts are presidio-research's 1,500 synthetic documents,
read in batches by everybody (``find_all``, Presidio's ``BatchAnalyzerEngine``), and then one call each. Each mode and
the peer take their turn in every round; bytes of UTF-8 by CPU time of one core, one thread, the middle one of the
rounds, since other guests of the host make some slow for whoever has his turn. Latencies are of messages
of 1 kB, made of those documents (about twelve of them) or of the prose, by the wall clock, so they hold what else the
machine does; expressions are compiled when they are first needed, so all messages are read once before.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from benchmarks._text_peers import Peer, present
from benchmarks._texts import folder, people, synthetic
from casemate.privacy.text.analyzer import Analyzer

MODES = ("fast", "balanced", "accurate")
ROUNDS, PASSES = 5, 5
PROSE = 1_000_000
LEAST = {"fast": 1.0, "balanced": 1.0, "accurate": 0.04, "presidio": 0.04}
"""Share of the prose that each reads in a round; speeds do not depend on it, patience does."""
GOALS = {
    "fast": ">= 8 MB/s, >= 100x", "balanced": ">= 1 MB/s on prose, >= 200 KB/s and >= 20x on short texts",
    "accurate": ">= 30 KB/s, >= 3x", "presidio": "",
}  # fmt: skip
MESSAGES, KILOBYTE = 400, 1_000


def percentiles(analyzer: Analyzer, texts: list[str]) -> tuple[float, float]:
    """Milliseconds of the middle and of the slowest of a hundred: of the middle one of some passes, after a first."""
    for text in texts:
        analyzer.find(text)
    passes = []
    for _ in range(PASSES):
        took = []
        for text in texts:
            start = time.perf_counter()
            analyzer.find(text)
            took.append(1e3 * (time.perf_counter() - start))
        passes.append((statistics.median(took), float(np.quantile(took, 0.99))))
    middle, slow = zip(*passes, strict=True)
    return statistics.median(middle), statistics.median(slow)


def timed(analyzer: Analyzer, texts: list[str], together: bool) -> float:
    """CPU seconds."""
    start = time.process_time()
    if together:
        analyzer.find_all(texts)
    else:
        for text in texts:
            analyzer.find(text)
    return time.process_time() - start


def main() -> None:
    """Print the section."""
    print("## Speed of redaction\n")
    place = folder()
    if place is None or not present("presidio"):
        print("SKIPPED: CASEMATE_BENCH_DATA/text or the environment of presidio is absent.")
        return
    sentences = [each.text for each in people(place / "wikigold.conll")]
    prose = "\n".join(" ".join(sentences[at : at + 8]) for at in range(0, len(sentences), 8))
    prose = "\n\n".join([prose] * (PROSE // len(prose) + 1))[:PROSE]
    short = [each.text for each in synthetic(place)]
    analyzers = {mode: Analyzer(mode) for mode in MODES}
    peer = Peer("presidio")
    peer.ask(["Warm up in London."])
    spent: dict[str, list[list[float]]] = {name: [[], [], []] for name in (*MODES, "presidio")}
    read = {name: [0, 0, 0] for name in spent}
    for mode in MODES:  # what is made at first use is made, the peer's too
        timed(analyzers[mode], [*short, prose[: int(LEAST[mode] * PROSE)]], True)
    peer.ask([*short, prose[: int(LEAST["presidio"] * PROSE)]])
    for _ in range(ROUNDS):
        for name, seconds in spent.items():
            for kind, texts in enumerate(([prose[: int(LEAST[name] * PROSE)]], short, short)):
                if name == "presidio":
                    took = peer.ask(texts)[0] if kind < 2 else sum(peer.ask([text])[0] for text in texts)
                else:
                    took = timed(analyzers[name], texts, kind == 1)
                seconds[kind].append(took)
                read[name][kind] = sum(len(text.encode()) for text in texts)
    peer.close()
    rate = {name: [size / 1e3 / statistics.median(took) for size, took in zip(read[name], spent[name], strict=True)]
            for name in spent}  # fmt: skip
    head = ("system", "long prose, KB/s", "to Presidio", "short dense texts in batches, KB/s", "to Presidio",
            "one call each, KB/s", "to Presidio", "goal")  # fmt: skip
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for name, speeds in rate.items():
        cells = [
            f"**{mine:,.1f}** | {mine / theirs:.1f}x" for mine, theirs in zip(speeds, rate["presidio"], strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} | {GOALS[name]} |")
    whole = " ".join(each.text for each in synthetic(place))
    messages = [whole[at : at + KILOBYTE] for at in range(0, len(whole) - KILOBYTE, KILOBYTE)]
    messages = (messages * (MESSAGES // len(messages) + 1))[:MESSAGES]
    print("\n| mode | message of 1 kB, p50 ms | p99 ms | goal |\n|---|---|---|---|")
    plain = [prose[at : at + KILOBYTE] for at in range(0, MESSAGES * KILOBYTE, KILOBYTE)]
    for mode, goal in (("fast", "p99 < 1"), ("balanced", "p50 < 3, p99 < 30")):
        for kind, some in (("dense", messages), ("prose", plain)):
            middle, slow = percentiles(analyzers[mode], some)
            print(f"| {mode}, {kind} | **{middle:.2f}** | **{slow:.2f}** | {goal} |")


if __name__ == "__main__":
    main()
