"""Quality of redaction (rows 2 and 14) beside Presidio and DataFog, on templates that nobody looked at.

presidio-evaluator's templates are halved by the parity of their SHA-256; the odd half, filled by its own generator, is
scored here and was never read. A span is right if one of the same type overlaps it with an intersection over union
of at least a half; neighbors of one type count as one. Everybody's types are mapped to those of ``TYPES``;
titles, ages and nationalities are not scored as types. Recall of letters counts every letter and digit of what is
labelled, but titles, and any span that covers it. ``--even``: the half for development.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks._text_peers import ROOT, Peer, present
from benchmarks._texts import Found, Labelled, counts, covered, f1, folder, merged, same
from casemate.privacy.text.analyzer import Analyzer

TYPES = {
    **{each: each for each in ("PERSON", "ORGANIZATION", "LOCATION", "CREDIT_CARD", "DATE_TIME", "PHONE_NUMBER",
                               "EMAIL_ADDRESS", "URL", "IBAN_CODE", "US_SSN", "IP_ADDRESS")},
    "STREET_ADDRESS": "LOCATION", "ADDRESS": "LOCATION", "GPE": "LOCATION", "ZIP_CODE": "LOCATION",
    "UK_POSTCODE": "LOCATION", "CA_POSTAL_CODE": "LOCATION", "DOMAIN_NAME": "URL", "DATE_OF_BIRTH": "DATE_TIME",
    "EMAIL": "EMAIL_ADDRESS", "PHONE": "PHONE_NUMBER", "SSN": "US_SSN", "DOB": "DATE_TIME", "DATE": "DATE_TIME",
    "ZIP": "LOCATION",
}  # fmt: skip
STRUCTURED = frozenset({"CREDIT_CARD", "PHONE_NUMBER", "EMAIL_ADDRESS", "URL", "IBAN_CODE", "US_SSN", "IP_ADDRESS"})
COUNT, SEED, BATCH = 1_500, 20_261_126, 50
MODES = ("fast", "balanced", "accurate")
PEERS = ("presidio", "datafog")


def documents(place: Path, half: str) -> list[Labelled]:
    """Filled by presidio-evaluator's generator in its environment."""
    python = ROOT / ".peers" / "presidio-research" / "bin" / "python"
    command = [python, ROOT / "benchmarks" / "_text_generator.py", place / "presidio", half, str(COUNT), str(SEED)]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [Labelled(row["text"], [(a, b, kind) for a, b, kind in row["spans"] if kind != "TITLE"]) for row in rows]


def mapped(text: str, spans: Sequence[Found], only: frozenset[str] | None = None) -> list[Found]:
    """In the types that are scored, neighbors joined."""
    made = [(a, b, TYPES[kind]) for a, b, kind in spans if kind in TYPES]
    return merged(text, [each for each in made if only is None or each[2] in only])


def retained(truth: Sequence[Labelled], found: Sequence[Sequence[Found]]) -> float:
    """Share of letters and digits outside of what is labelled that no span covers."""
    kept = total = 0
    for part, mine in zip(truth, found, strict=True):
        state = bytearray(part.text.__len__())
        for start, end, _ in mine:
            state[start:end] = b"\1" * (end - start)
        for start, end, _ in part.spans:
            state[start:end] = b"\2" * (end - start)
        outside = [state[at] for at, letter in enumerate(part.text) if letter.isalnum() and state[at] != 2]
        total, kept = total + len(outside), kept + outside.count(0)
    return kept / max(total, 1)


def calibration(truth: Sequence[Labelled], scored: Sequence[Sequence[tuple[float, Found]]]) -> float:
    """Expected calibration error in ten bins (Naeini, Cooper, Hauskrecht, AAAI 2015)."""
    score, right = [], []
    for part, mine in zip(truth, scored, strict=True):
        want = mapped(part.text, part.spans)
        for value, each in mine:
            if each[2] in TYPES:
                score.append(value)
                # parts of one address are right if they lie in it
                right.append(any(kind == TYPES[each[2]] and _meets(each, (a, b, kind)) for a, b, kind in want))
    bins = np.minimum((np.array(score) * 10).astype(int), 9)
    gaps = [abs(np.mean(np.array(score)[bins == at]) - np.mean(np.array(right)[bins == at])) * np.mean(bins == at)
            for at in set(bins.tolist())]  # fmt: skip
    return float(sum(gaps))


def _meets(one: Found, two: Found) -> bool:
    """The same, or a part of it, as the number of a house is of an address."""
    return same((*one[:2], ""), (*two[:2], "")) or two[0] <= one[0] < one[1] <= two[1]


def main() -> None:
    """Print the section."""
    print("## Quality of redaction\n")
    place = folder()
    half = "even" if "--even" in sys.argv else "odd"
    if place is None or not present(*PEERS) or not (ROOT / ".peers" / "presidio-research").exists():
        print("SKIPPED: CASEMATE_BENCH_DATA/text or the environments of the peers are absent.")
        return
    parts = documents(place, half)
    texts = [each.text for each in parts]
    analyzers = {mode: Analyzer(mode) for mode in MODES}
    peers = {name: Peer(name) for name in PEERS}
    found: dict[str, list[list[Found]]] = {each: [] for each in (*MODES, *PEERS)}
    seconds = dict.fromkeys(found, 0.0)
    errors: dict[str, list[list[tuple[float, Found]]]] = {mode: [] for mode in MODES}
    for at in range(0, len(texts), BATCH):
        batch = texts[at : at + BATCH]
        for name, analyzer in analyzers.items():
            start = time.process_time()
            said = [analyzer.find(text) for text in batch]
            seconds[name] += time.process_time() - start
            found[name] += [[(each.start, each.end, each.type) for each in one] for one in said]
            errors[name] += [[(each.score, (each.start, each.end, each.type)) for each in one] for one in said]
        for name, peer in peers.items():
            took, theirs = peer.ask(batch)
            seconds[name] += took
            found[name] += theirs
    size = sum(len(text.encode()) for text in texts) / 1e3
    print(f"{len(texts)} documents of the {half} half, {size:.0f} KB, seed {SEED}.\n")
    print("| system | recall of letters | retention | micro F1 | micro F2 | structured F1 | PERSON | LOCATION | "
          "ORGANIZATION | calibration error | KB/s |\n" + "|---" * 11 + "|")  # fmt: skip
    for name, mine in found.items():
        columns = []
        for only in (None, STRUCTURED, *(frozenset({each}) for each in ("PERSON", "LOCATION", "ORGANIZATION"))):
            truth = [Labelled(each.text, mapped(each.text, each.spans, only)) for each in parts]
            right, said, true = counts(truth, [mapped(t, each, only) for t, each in zip(texts, mine, strict=True)])
            columns.append(f"{f1(right, said, true):.3f}")
            if only is None:
                columns.append(f"{5 * right / max(4 * true + said, 1):.3f}")
        error = f"{calibration(parts, errors[name]):.3f}" if name in errors else ""
        print(f"| {name} | **{covered(parts, mine):.3f}** | {retained(parts, mine):.3f} | **{columns[0]}** | "
              f"{' | '.join(columns[1:])} | {error} | {size / seconds[name]:.1f} |")  # fmt: skip
    print("\nGoals: recall of letters balanced >= Presidio + .25, accurate >= .88; micro F1 >= .68 and .75; structured "
          "F1 >= .97; retention >= .95; calibration error <= .05.")  # fmt: skip
    for peer in peers.values():
        peer.close()


if __name__ == "__main__":
    main()
