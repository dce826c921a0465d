"""Acceptance row 15: a hundred planted cases, false alarms on real trees, and the speed of the pass over all patterns.

Real trees are folders in ``CASEMATE_BENCH_DATA/trees`` (repositories, unpacked source distributions); without them that
part is SKIPPED. Every finding of medium severity and worse on them is listed for a reader to judge: they are taken to
be free of malice, not of keys that their tests are made with.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import _tables
from benchmarks._planted import Case, advisories, cases
from casemate.core.findings import Finding
from casemate.patterns.engine import secrets_scanner
from casemate.threats.supply_chain.dependencies.database import Database, open_database
from casemate.threats.supply_chain.dependencies.scan import scan_dependencies
from casemate.threats.supply_chain.secrets.scan import scan_secrets
from casemate.threats.supply_chain.tree import Walk, read

MEDIUM = 2
SPEED_BYTES = 64 << 20
PEER_BYTES = 600 << 10


def planted() -> tuple[Counter[str], Counter[str], list[Case]]:
    """Cases found and there by kind, and those that were missed."""
    hit: Counter[str] = Counter()
    total: Counter[str] = Counter()
    missed = []
    with tempfile.TemporaryDirectory() as scratch:
        osv = Path(scratch) / "osv"
        write(osv, advisories())
        database = open_database(osv, Path(scratch) / "cache")
        for number, case in enumerate(cases()):
            folder = Path(scratch) / f"case-{number}"
            write(folder, case.files)
            found = {finding.rule for finding in both(folder, database)}
            total[case.kind] += 1
            hit[case.kind] += bool(found & set(case.rules))
            if not found & set(case.rules):
                missed.append(case)
    return hit, total, missed


def both(folder: Path, database: Database | None) -> list[Finding]:
    """The findings of both doors."""
    return [*scan_dependencies(folder, database).findings, *scan_secrets(folder).findings]


def write(folder: Path, files: object) -> None:
    """Write files by name."""
    for name, text in dict(files).items():  # type: ignore[call-overload]
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def trees() -> list[Path]:
    """The folders of real trees."""
    folder = _tables.folder() / "trees"
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def alarms(found: list[Path]) -> None:
    """False alarms tree by tree."""
    print("\n| tree | files | MB | CPU s | medium and worse | low and info |\n|---|---|---|---|---|---|")
    listed: Counter[tuple[str, str, str, str]] = Counter()
    totals: Counter[str] = Counter()
    for tree in found:
        clock = time.process_time()
        secrets = scan_secrets(tree)
        findings = [*scan_dependencies(tree).findings, *secrets.findings]
        seconds = time.process_time() - clock
        bad = [each for each in findings if each.severity.rank <= MEDIUM]
        totals.update(bad=len(bad), trees=bool(bad), files=secrets.searched)
        listed.update(
            (tree.name, each.rule, re.sub(r", secret \d+$", "", each.message), each.location.partition(" ")[0])
            for each in bad
        )
        print(
            f"| {tree.name} | {secrets.searched} | {secrets.size / 1e6:.1f} | {seconds:.1f} | {len(bad)} | {len(findings) - len(bad)} |"  # noqa: E501
        )
    print(
        f"\n{totals['bad']} alarms of medium severity and worse in {totals['trees']} of {len(found)} trees, {totals['files']} files:\n"  # noqa: E501
    )
    print("| tree | rule | what | file | times |\n|---|---|---|---|---|")
    for (tree, rule, message, file), count in sorted(listed.items()):
        print(f"| {tree} | {rule} | {message.replace('|', ' ')[:90]} | {file} | {count} |")


def speed(found: list[Path]) -> None:
    """MB/s of one pass with everything behind it, and of Python's re with the same expressions, one by one."""
    blocks, left = [], SPEED_BYTES
    for tree in found:
        for entry in Walk(tree):
            data = read(entry, 1 << 20)
            if left > 0 and b"\0" not in data[:8192]:
                blocks.append(data)
                left -= len(data)
    scanner = secrets_scanner()
    size = sum(map(len, blocks)) / 1e6
    clock = time.process_time()
    count = sum(len(scanner.bytes(block)) for block in blocks)
    ours = size / (time.process_time() - clock)
    joined = b"\n".join(blocks)[: 8 << 20]
    clock = time.process_time()
    list(scanner.judged(joined))
    whole = len(joined) / 1e6 / (time.process_time() - clock)
    part = joined[: 1 << 18]
    clock = time.process_time()
    for pattern in scanner.patterns:
        for _ in re.finditer(pattern.expression.encode(), part):
            pass
    naive = len(part) / 1e6 / (time.process_time() - clock)
    print(
        f"\nSpeed, CPU time, one core, {len(scanner.patterns)} patterns, {scanner.engine}: {ours:.0f} MB/s over {len(blocks)} "  # noqa: E501
        f"files of {size:.0f} MB ({count} matches), {whole:.0f} MB/s in one block of 8 MiB, stages included. Python's re, one "  # noqa: E501
        f"expression after the other: {naive:.3f} MB/s."
    )


def compare(found: list[Path]) -> None:
    """detect-secrets on the planted secrets, and on the first small trees, beside ours: recall, alarms, CPU seconds."""
    python = _tables.peer("detect-secrets")
    if python is None:
        print("\nSKIPPED: detect-secrets is not there (make peers).")
        return
    print("\n| secrets only | planted found | alarms on trees | CPU s on trees |\n|---|---|---|---|")
    planted_here = [case for case in cases() if case.kind == "secret"]
    small = [tree for tree in found if sum(entry.size for entry in Walk(tree)) < PEER_BYTES][:3]
    with tempfile.TemporaryDirectory() as scratch:
        for number, case in enumerate(planted_here):
            write(Path(scratch) / str(number), case.files)
        theirs = {path.split("/")[0] for path in _peer(python, Path(scratch))[0]}
        ours = sum(bool(scan_secrets(Path(scratch) / str(n)).findings) for n in range(len(planted_here)))
    answers = [_peer(python, tree) for tree in small]
    clock = time.process_time()
    every = [finding for tree in small for finding in scan_secrets(tree).findings]
    seconds = time.process_time() - clock
    bad = sum(finding.severity.rank <= MEDIUM for finding in every)
    print(f"| casemate | {ours} of {len(planted_here)} | {bad} ({len(every)} with low) | {seconds:.1f} |")
    alarms_there = sum(sum(counts.values()) for counts, _ in answers)
    print(
        f"| detect-secrets | {len(theirs)} of {len(planted_here)} | {alarms_there} | {sum(s for _, s in answers):.1f} |"
    )
    print(f"\nTrees: {len(small)} of less than {PEER_BYTES >> 10} KiB. The peer's seconds include its start.")


def _peer(python: Path, folder: Path) -> tuple[dict[str, int], float]:
    """Alarms by file, and CPU seconds."""
    before = os.times()
    command = [str(python), "-m", "detect_secrets", "-c", "1", "scan", "--all-files", "--no-verify", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {name: len(each) for name, each in json.loads(done.stdout)["results"].items()}, used


def main() -> None:
    """Print the section."""
    print("## Dependencies, look-alike names, install hooks, secrets\n")
    hit, total, missed = planted()
    print("| planted | found | of | recall |\n|---|---|---|---|")
    for kind in total:
        print(f"| {kind} | {hit[kind]} | {total[kind]} | {hit[kind] / total[kind]:.0%} |")
    print(f"| all | {hit.total()} | {total.total()} | {hit.total() / total.total():.1%} |")
    print("\nMissed: " + ("; ".join(f"{case.kind}: {case.name}" for case in missed) or "none") + ".")
    found = trees()
    if not found:
        print("\nSKIPPED: false alarms and speed: there is no folder `trees` in CASEMATE_BENCH_DATA.")
        return
    alarms(found)
    speed(found)
    compare(found)


if __name__ == "__main__":
    main()
