"""Acceptance of the text room: what is told, per MB, in texts that hold next to no personal data and no secrets.

Texts: the source of Python's standard library (without its tests), license texts and documentation of the installed
packages, and logs that programs of this machine write when this script runs them. Some of what is told is true: authors
of the standard library give their e-mail addresses, licenses their firms' sites. So e-mail addresses and URLs are
counted apart; everything else, and every secret, is taken for a false alarm. Both sides read the same pieces of at most
20 KB, on one core; Presidio runs in its own environment (``.peers/presidio``), with the recognizers it loads by default
and the spaCy model that is installed there, and is not allowed on the network (`tldextract` would fetch a list).
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import distributions, version
from pathlib import Path
from typing import NamedTuple

from benchmarks import _tables
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.secrets import SECRET

PIECE = 20_000
OURS_BYTES = 4_000_000
PEER_BYTES = 600_000
LEAST = 0.5
OFTEN_TRUE = ("EMAIL_ADDRESS", "URL")
PROGRAMS = (
    ("-m", "pip", "list", "-v"),
    ("-v", "-c", "import json, logging, asyncio, email, xml.dom.minidom, unittest"),
    ("-X", "importtime", "-c", "import asyncio, email, http.client, sqlite3"),
    ("-m", "sysconfig"),
    ("-m", "site"),
    ("-m", "compileall", "-f", "-q", "-v"),
    ("-m", "timeit", "-v", "-n", "100", "sum(range(100))"),
    ("-c", "import logging as l; l.basicConfig(level=10, format='%(asctime)s %(process)d %(thread)d %(levelname)s "
           "%(name)s %(message)s'); [l.getLogger('app.worker').info('job %d of %d took %.3f ms, id %032x', i, 2000, "
           "i * 1.7, i * 7919 ** 9 % 2 ** 128) for i in range(2000)]"),
)  # fmt: skip
PRESIDIO = """
import json, sys, time
import tldextract.tldextract as tld
tld.TLD_EXTRACTOR = tld.TLDExtract(suffix_list_urls=())
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
import spacy
named = {"lang_code": "en", "model_name": sorted(spacy.util.get_installed_models())[0]}
setting = {"nlp_engine_name": "spacy", "models": [named]}
engine = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=setting).create_engine())
engine.analyze("warm up", language="en")
began = time.process_time()
for line in sys.stdin:
    found = engine.analyze(json.loads(line), language="en", score_threshold=float(sys.argv[1]))
    print(json.dumps([each.entity_type for each in found]))
print(json.dumps({"seconds": time.process_time() - began, "model": named["model_name"]}))
"""
FROM_MODEL = ("PERSON", "LOCATION", "NRP", "ORGANIZATION", "DATE_TIME")
"""Of Presidio: types that its model for names finds (times, too), which ``fast`` does not look for."""


class Told(NamedTuple):
    """What one side said about one kind of text."""

    types: Counter[str]
    size: int
    seconds: float


def sources() -> Iterator[str]:
    """Python's standard library."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if not {"site-packages", "test", "tests", "idle_test", "dist-packages"} & set(path.parts):
            yield path.read_text(encoding="utf-8", errors="replace")


def prose() -> Iterator[str]:
    """Licenses, readmes and notes of the installed packages, each once."""
    seen = set()
    for package in sorted(distributions(), key=lambda each: each.metadata["Name"].lower()):
        for file in package.files or ():
            if file.suffix.lower() in (".md", ".rst", ".txt") or file.name.upper().startswith(
                ("LICEN", "NOTICE", "COPYING")
            ):
                path = Path(str(package.locate_file(file)))
                if path.is_file() and (text := path.read_text(encoding="utf-8", errors="replace")) not in seen:
                    seen.add(text)
                    yield text


def logs() -> Iterator[str]:
    """What programs write when they are asked to talk."""
    with tempfile.TemporaryDirectory() as scratch:
        for arguments in PROGRAMS:
            more = [sysconfig.get_path("stdlib") + "/email"] if "compileall" in arguments else []
            environment = {"PYTHONPYCACHEPREFIX": scratch, "PATH": "/usr/bin:/bin", "HOME": scratch}
            done = subprocess.run(
                [sys.executable, *arguments, *more], capture_output=True, check=False, cwd=scratch, env=environment
            )
            yield (done.stdout + done.stderr).decode("utf-8", "replace")


def pieces(texts: Iterator[str], most: int) -> list[str]:
    """At most so many bytes, taken evenly from all the texts."""
    cut = [text[at : at + PIECE] for text in texts for at in range(0, len(text), PIECE)]
    total = sum(len(each.encode()) for each in cut)
    every = max(1, round(total / most))
    return cut[::every]


def ours(analyzer: Analyzer, texts: list[str]) -> tuple[Told, Counter[str]]:
    """What casemate said, and by which recognizers."""
    began = time.process_time()
    spans = [span for text in texts for span in analyzer.find(text)]
    seconds = time.process_time() - began
    by = Counter(span.source for span in spans if span.type not in OFTEN_TRUE)
    return Told(Counter(span.type for span in spans), size(texts), seconds), by


def theirs(python: Path, texts: list[str]) -> tuple[Told, str]:
    """What Presidio said, and with which model."""
    done = subprocess.run(
        [str(python), "-c", PRESIDIO, str(LEAST)],
        input="".join(json.dumps(text) + "\n" for text in texts),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    *answers, last = map(json.loads, done.stdout.splitlines())
    return Told(Counter(each for types in answers for each in types), size(texts), last["seconds"]), last["model"]


def size(texts: list[str]) -> int:
    """Bytes."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def row(side: str, kind: str, told: Told) -> list[str]:
    """Rates per MB and the types behind them."""
    apart = {*OFTEN_TRUE, *FROM_MODEL, SECRET}
    false = {name: count for name, count in told.types.items() if name not in apart}
    groups = (OFTEN_TRUE, FROM_MODEL, (SECRET,), tuple(false))
    rates = [f"{sum(told.types[name] for name in names) / told.size * 1e6:.1f}" for names in groups]
    common = ", ".join(f"{name} {count}" for name, count in Counter(false).most_common(4))
    speed = told.size / 1e6 / told.seconds
    return [kind, side, f"{told.size / 1e6:.2f}", *rates, common or "none", f"{speed:.3f}"]


def main() -> None:
    """Print the section."""
    analyzer = Analyzer("fast", threshold=LEAST)
    analyzer.find("warm up")
    python = _tables.peer("presidio")
    rows, reasons, model = [], Counter[str](), ""
    for kind, texts in (("source code", sources), ("licenses and documentation", prose), ("logs", logs)):
        held = list(texts())
        told, by = ours(analyzer, pieces(iter(held), OURS_BYTES))
        reasons += by
        rows.append(row("casemate fast", kind, told))
        if python is not None:
            small = pieces(iter(held), PEER_BYTES)
            rows.append(row("casemate fast, the same pieces", kind, ours(analyzer, small)[0]))
            told, model = theirs(python, small)
            rows.append(row("Presidio", kind, told))
    print("## False alarms of the text room\n")
    head = ["text", "who", "MB", "e-mail and URL / MB", "names and times / MB", "secrets / MB", "others / MB",
            "most of the others", "MB/s"]  # fmt: skip
    for cells in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(cells)} |")
    print("\nBy recognizer, without e-mail and URL: " + ", ".join(f"{k} {n}" for k, n in reasons.most_common(15)) + ".")
    print(
        f"\npython-stdnum {version('python-stdnum')}; scores of {LEAST} and above; "
        + (f"Presidio with {model}." if model else "SKIPPED: Presidio's environment is not installed.")
    )


if __name__ == "__main__":
    main()
