"""Runs one scanner over the files named on stdin: a JSON line each, in the peer's own environment.

Run as ``.peers/NAME/bin/python benchmarks/_scanners.py NAME``. Nothing is loaded: a scanner reads files. What a peer
says is folded into four words: ``flag`` (it would stop it), ``soft`` (it warns), ``clean``, ``error`` (it gave up,
skipped the file, or does not know it). pickle's loaders are taken away first, so that a peer that unpickled would fail.
"""

from __future__ import annotations

import io
import json
import logging
import pickle
import sys
import time
import zipfile
from contextlib import redirect_stderr, redirect_stdout


def trapped(*_args, **_kwargs):
    """In place of every loader."""
    raise RuntimeError("a scanner tried to unpickle")


def casemate(*, hashed=False):
    """Ours."""
    from casemate.threats.supply_chain.files import scan_file
    from casemate.threats.supply_chain.pickles.allowlist import reviewed
    from casemate.threats.supply_chain.report import Settings

    settings = Settings(allow=reviewed())
    words = {"malicious": "flag", "suspicious": "soft", "clean": "clean", "unreadable": "error"}
    return lambda path: words[scan_file(path, settings, hashed=hashed).verdict]


def picklescan():
    """picklescan.scanner.scan_file_path."""
    from picklescan.scanner import SafetyLevel, scan_file_path

    def one(path):
        found = scan_file_path(path)
        levels = {each.safety for each in found.globals}
        if found.issues_count or SafetyLevel.Dangerous in levels:
            return "flag"
        if SafetyLevel.Suspicious in levels or found.suspicious_count:
            return "soft"
        return "error" if found.scan_err or not found.scanned_files else "clean"

    return one


def modelscan():
    """modelscan.modelscan.ModelScan."""
    from modelscan.issues import IssueSeverity
    from modelscan.modelscan import ModelScan

    def one(path):
        tool = ModelScan()
        tool.scan(path)
        issues = tool.issues.all_issues
        if any(each.severity in (IssueSeverity.CRITICAL, IssueSeverity.HIGH) for each in issues):
            return "flag"
        if issues:
            return "soft"
        return "clean" if tool.scanned and not tool.errors else "error"

    return one


def fickling():
    """fickling.analysis.check_safety on the file, or on the pickles of a well-formed zip."""
    from fickling.analysis import Severity, check_safety
    from fickling.fickle import StackedPickle

    def streams(path):
        data = open(path, "rb").read()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return [archive.read(name) for name in archive.namelist() if name.endswith((".pkl", ".pickle"))]
        return [data]

    def one(path):
        worst = Severity.LIKELY_SAFE
        found = streams(path)
        for data in found:
            for pickled in StackedPickle.load(io.BytesIO(data)):
                worst = max(worst, check_safety(pickled).severity)
        if not found:
            return "error"
        return "flag" if worst > Severity.SUSPICIOUS else "soft" if worst > Severity.LIKELY_SAFE else "clean"

    return one


def modelaudit():
    """modelaudit.core.scan_file, caching off."""
    from modelaudit.core import scan_model_directory_or_file

    def one(path):
        found = scan_model_directory_or_file(path, cache_enabled=False)
        levels = {getattr(each.severity, "value", str(each.severity)) for each in found.issues}
        if "critical" in levels:
            return "flag"
        if "warning" in levels:
            return "soft"
        return "clean" if found.files_scanned and found.success else "error"

    return one


def aisbom():
    """The aisbom command's scanner, default mode."""
    from aisbom.scanner import DeepScanner

    def one(path):
        import pathlib
        import shutil
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(path, pathlib.Path(folder) / pathlib.Path(path).name)
            found = DeepScanner(folder).scan()
        said = json.dumps(found, default=str).upper()
        if "CRITICAL" in said:
            return "flag"
        if "MEDIUM" in said or "HIGH" in said:
            return "soft"
        return "clean" if found.get("artifacts") else "error"

    return one


def main() -> None:
    """Scan every file named on stdin, one a line."""
    logging.disable(logging.CRITICAL)
    if not sys.argv[1].startswith("casemate"):  # ours speaks to its own children in pickles
        pickle.load = pickle.loads = trapped  # noqa: TID251 - taken away
    made = {
        "casemate": casemate,
        "casemate-hashed": lambda: casemate(hashed=True),
        "picklescan": picklescan,
        "modelscan": modelscan,
        "fickling": fickling,
        "modelaudit": modelaudit,
        "aisbom": aisbom,
    }
    one = made[sys.argv[1]]()
    paths = [line.rstrip("\n") for line in sys.stdin]
    first = dict.fromkeys(paths) if "--twice" in sys.argv else {}  # the second time, everything is imported
    for path in (*first, *paths):
        wall, cpu = time.perf_counter(), time.process_time()
        said = ""
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                verdict = one(path)
            except BaseException as error:
                verdict, said = "error", f"{type(error).__name__}: {error}"[:200]
        if path in first:
            del first[path]
            continue
        row = {
            "path": path,
            "verdict": verdict,
            "said": said,
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - cpu,
        }
        sys.__stdout__.write(json.dumps(row) + "\n")
        sys.__stdout__.flush()


if __name__ == "__main__":
    main()
