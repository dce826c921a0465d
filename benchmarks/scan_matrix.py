"""What scanners catch and whom they accuse: public samples, our own, and honest models, every peer in the same run.

Rows 1, 2, 3 and 14 of the supply-chain issue. A payload is caught when the verdict is at least suspicious ("soft" for
peers). Our figures are given twice, the second time with every deny list off: then nothing is known to be bad, and only
what is reviewed is trusted. Nothing is ever loaded.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.threats.supply_chain.samples import SAMPLES

from benchmarks._corpus import Sample, corpus
from benchmarks._corpus import folder as data_folder
from benchmarks._peers import Said, ask, present
from casemate.stats import clopper_pearson
from casemate.threats.supply_chain.files import scan_paths
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Settings

SECONDS = 600
"""What a peer may take for everything; files it did not get to count as errors."""

WORDS = {"malicious": "flag", "suspicious": "soft", "clean": "clean", "unreadable": "error"}


def ours(files: Sequence[Path], folders: Iterable[Path], *, deny: bool = True) -> dict[Path, Said]:
    """Our verdicts, with the peers' words. Folders are scanned as such, since their files speak of each other."""
    settings, wanted = Settings(allow=reviewed(), deny=deny), set(files)
    found = {}
    for artifact in scan_paths([*folders], settings):
        if Path(artifact.path) in wanted:
            notes = "; ".join(f"{each.rule} {each.message}" for each in artifact.findings) or artifact.reason
            found[Path(artifact.path)] = Said(WORDS[artifact.verdict], notes, 0.0, 0.0)
    return found


def table(
    title: str, files: Mapping[str, list[Path]], said: Mapping[str, Mapping[Path, Said]], *, caught: bool
) -> None:
    """One table: a line a scanner, a column a group of files."""
    print(f"### {title}\n")
    print("| scanner | " + " | ".join(f"{group} ({len(paths)})" for group, paths in files.items()) + " | 95 % |")
    print("|---|" + "---|" * (len(files) + 1))
    every = [path for paths in files.values() for path in paths]
    for scanner, verdicts in said.items():
        cells = []
        for paths in files.values():
            counts = Counter(verdicts[path].verdict for path in paths)
            words = ("flag", "soft", "error", "clean") if caught else ("clean", "error", "soft", "flag")
            cells.append(", ".join(f"{counts[word]} {word}" for word in words if counts[word]))
        good = ("flag", "soft") if caught else ("clean",)
        hits = sum(verdicts[path].verdict in good for path in every)
        bounds = clopper_pearson(hits, len(every))
        cells.append(f"{hits} of {len(every)}: {100 * bounds.low:.1f} to {100 * bounds.high:.1f} %")
        print(f"| {scanner} | " + " | ".join(cells) + " |")
    print()


def listed(title: str, paths: Iterable[Path], verdicts: Mapping[Path, Said]) -> None:
    """Files that are not as they should be, with our reason."""
    paths = list(paths)
    if paths:
        print(f"{title}:\n")
        for path in paths[:40]:
            print(f"- `{path.name}`: {verdicts[path].verdict}: {verdicts[path].said[:200]}")
        print()


def grouped(samples: Iterable[Sample], by: str) -> dict[str, list[Path]]:
    """Paths by an attribute of their samples."""
    found: dict[str, list[Path]] = defaultdict(list)
    for each in samples:
        found[getattr(each, by)].append(each.path)
    return dict(sorted(found.items()))


def main() -> None:
    """Print the section."""
    samples, honest, absent = corpus()
    print("## What scanners catch, and whom they accuse\n")
    base = data_folder()
    if base is None or not samples or not honest:
        print("SKIPPED: CASEMATE_BENCH_DATA does not hold the corpora listed in benchmarks/data.")
        sys.exit(0)
    print(
        f"{len(samples)} public samples and {len(honest)} honest files; {absent} listed files are absent. Our rules "
        "were written with the samples and the seen half at hand, and mended after a first look at the unseen half; "
        "peers have the optional parts that benchmarks/peers lists (their errors are files that they do not read), "
        f"and get {SECONDS} s each.\n"
    )
    peers = present()
    with tempfile.TemporaryDirectory() as folder:
        own = {}
        for name, (family, data) in SAMPLES.items():
            path = Path(folder) / name
            path.write_bytes(data)
            own[path] = family
        every = [*(each.path for each in samples), *own, *(each.path for each in honest)]
        folders = (base, Path(folder))
        said = {"casemate": ours(every, folders), "casemate, no deny list": ours(every, folders, deny=False)}
        said |= {peer: ask(peer, every, seconds=SECONDS) for peer in peers}
        pickles = [each for each in samples if each.kind == "pickle"]
        others = [each for each in samples if each.kind != "pickle"]
        table(
            "Pickle payloads of the peers' suites",
            grouped((e for e in pickles if e.label == "payload"), "source"),
            said,
            caught=True,
        )
        rest = [each for each in pickles if each.label in ("frame", "data")]
        table("Malformed frames, and payloads that nothing calls", grouped(rest, "label"), said, caught=True)
        table(
            "Payloads that are no pickles",
            grouped((e for e in others if e.label == "payload"), "source"),
            said,
            caught=True,
        )
        table(
            "Our own samples",
            {f: [p for p in own if own[p] == f] for f in sorted(set(own.values()))},
            said,
            caught=True,
        )
        table("Honest models", grouped(honest, "kind"), said, caught=False)
        bad = ("clean", "error")
        mine = said["casemate"]
        listed("Missed by us", (e.path for e in samples if e.label == "payload" and mine[e.path].verdict in bad), mine)
        listed("Our own samples missed by us", (path for path in own if mine[path].verdict in bad), mine)
        listed("Accused or not read by us", (e.path for e in honest if mine[e.path].verdict != "clean"), mine)


if __name__ == "__main__":
    main()
