"""Parts of long measurements, kept on disk under a digest of all they hang on: an interrupted run goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks._models import DATA


def attacking() -> list[Path]:
    """The code of ours that has been imported to attack networks."""
    rooms = ("casemate.threats.evasion", "casemate.targets")
    return sorted(Path(each.__file__) for name, each in sys.modules.items() if name.startswith(rooms) and each.__file__)


def kept(what: str, words: Iterable[str], files: Iterable[Path], measure: Callable[[], Any]) -> Any:
    """What was measured before, or what is measured now.

    Args:
        what: the benchmark and the part, for people.
        words: everything that the part hangs on, beside files.
        files: code whose change makes what is kept worthless.
        measure: gives JSON values.
    """
    code = sha256("\x1f".join([what, *words]).encode())
    for path in files:
        code.update(path.read_bytes())
    path = DATA / "kept" / f"{what.replace(' ', '-')}-{code.hexdigest()[:16]}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(measure()))
        part.replace(path)
    return json.loads(path.read_text())
