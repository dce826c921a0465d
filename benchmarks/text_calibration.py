"""How true the scores of what is found are (row 14), on templates that nobody looked at.

Expected calibration error in ten bins: in presidio-evaluator's odd half and in the odd halves of our own templates in
six languages, of names and of recognizers apart. A span is right if it overlaps one of its type with an intersection
over union of at least .5, or is a part of it. ``--even``: the even halves, and the gap of each source; ``--fills N``,
``--count N``: fewer texts.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from benchmarks._text_peers import ROOT
from benchmarks._text_scores import ABROAD, DRAWS, SEED, calibration, judged
from benchmarks._text_templates import LANGUAGES, Filled
from benchmarks._text_templates import documents as own_documents
from benchmarks._texts import folder
from benchmarks.text_quality import COUNT, FILLS, documents
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.names.detector import SOURCES

MODES = ("balanced", "accurate")
LEAST = 20
"""Spans of a source for its gap to be told."""
Rows = dict[str, list[tuple[str, float, bool]]]
"""By source: template, score, whether it is right."""


def collected(mode: str, parts: Sequence[Filled]) -> Rows:
    """Scores and their truth."""
    analyzer = Analyzer(mode)  # type: ignore[arg-type]
    rows: Rows = defaultdict(list)
    for part in parts:
        for each in analyzer.find(part.text):
            for score, right in judged(part, [(each.score, (each.start, each.end, each.type))], ABROAD):
                rows[each.source].append((part.template, score, right))
    return rows


def error(rows: Sequence[tuple[str, float, bool]]) -> tuple[float, float, float]:
    """Calibration error and its 95 % interval, templates drawn."""
    by = defaultdict(list)
    for template, score, right in rows:
        by[template].append((score, right))
    groups = list(by.values())
    rng = np.random.default_rng(SEED)
    draws = []
    for _ in range(DRAWS):
        drawn = [each for at in rng.integers(0, len(groups), len(groups)) for each in groups[at]]
        draws.append(calibration(drawn))
    low, high = np.quantile(draws, [0.025, 0.975])
    return calibration([each[1:] for each in rows]), float(low), float(high)


def told(where: str, mode: str, of: str, rows: Sequence[tuple[str, float, bool]]) -> None:
    """Print one row of the table."""
    if rows:
        value, low, high = error(rows)
        score, right = np.mean([each[1] for each in rows]), np.mean([each[2] for each in rows])
        print(f"| {where} | {mode} | {of} | {len(rows)} | {score:.3f} | {right:.3f} | **{value:.3f}** ({low:.3f} to "
              f"{high:.3f}) |", flush=True)  # fmt: skip


def bins(rows: Sequence[tuple[str, float, bool]]) -> str:
    """Mean score, share that is right and number in each bin."""
    made = []
    for at in range(10):
        inside = [each for each in rows if min(int(each[1] * 10), 9) == at]
        if inside:
            score, right = (np.mean([each[column] for each in inside]) for column in (1, 2))
            made.append(f"{score:.2f}: {right:.2f} ({len(inside)})")
    return ", ".join(made)


def main() -> None:
    """Print the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--even", action="store_true")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--fills", type=int, default=FILLS)
    given = parser.parse_args()
    half = "even" if given.even else "odd"
    print("## Calibration of scores\n")
    place = folder()
    if place is None or not (ROOT / ".peers" / "presidio-research").exists():
        print("SKIPPED: CASEMATE_BENCH_DATA/text or the environment presidio-research is absent.")
        return
    print(
        "Expected calibration error in ten bins (Naeini, Cooper, Hauskrecht, AAAI 2015) of the scores of all that is "
        f"found in the {half} halves of the templates (see Quality of redaction). Right: a span of the type that "
        "overlaps with an intersection over union of at least .5, or of which this is a part; ages, nationalities and "
        f"titles are left out. Intervals: bootstrap over templates, {DRAWS:,} draws, seed {SEED}; the error of few "
        "spans is biased upward.\n"
    )
    print("| texts | mode | scores of | spans | mean score | right | calibration error (95 %) |\n" + "|---" * 7 + "|")
    texts = {"English": documents(place, half, given.count)}
    texts |= {name: own_documents(code, half, given.fills, SEED) for code, name in LANGUAGES.items()}
    every: dict[str, Rows] = {mode: defaultdict(list) for mode in MODES}
    for mode in MODES:
        for where, parts in texts.items():
            rows = collected(mode, parts)
            for source, some in rows.items():
                every[mode][source] += some
            _told(where, mode, rows)
        _told("all", mode, every[mode])
    for mode in MODES:
        named = [each for source, some in every[mode].items() if source in SOURCES for each in some]
        others = [each for source, some in every[mode].items() if source not in SOURCES for each in some]
        print(f"\nBins, {mode}, mean score: share that is right (number). Names: {bins(named)}. "
              f"Recognizers: {bins(others)}.")  # fmt: skip
        if given.even:
            gaps = {source: (np.mean([each[1] - each[2] for each in some]), len(some))
                    for source, some in every[mode].items() if len(some) >= LEAST}  # fmt: skip
            print("Gap by source (score less share): " + ", ".join(
                f"{source} {gap:+.2f} of {count}" for source, (gap, count) in sorted(
                    gaps.items(), key=lambda each: -abs(each[1][0]) * each[1][1])) + ".")  # fmt: skip
    print("\nGoal: calibration error <= .05.")


def _told(where: str, mode: str, rows: Rows) -> None:
    named = [each for source, some in rows.items() if source in SOURCES for each in some]
    others = [each for source, some in rows.items() if source not in SOURCES for each in some]
    for of, some in (("names", named), ("recognizers", others), ("everything", [*named, *others])):
        told(where, mode, of, some)


if __name__ == "__main__":
    main()
