"""The engine over whole files: every parser that takes the bytes, members included, ends with a verdict."""

from __future__ import annotations

import io
import zipfile

from casemate.core.errors import MissingPartError
from casemate.threats.supply_chain.engine import scan_view
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View
from tests.fuzz import fuzz_pickle, fuzz_streams

SETTINGS = Settings(allow=reviewed(), most=1 << 22)
MINUTES = 10


def seeds() -> list[bytes]:
    """Pickles, compressed streams, and archives of them."""
    inner = [*fuzz_pickle.seeds()[::7], *fuzz_streams.seeds()]
    archives = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", method) as archive:
            for at, data in enumerate(inner[:4]):
                archive.writestr(zipfile.ZipInfo(f"m/{at}.pkl"), data)
        archives.append(written.getvalue())
    return [*inner, *archives, b"\x93NUMPY\x01\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"]


def one_input(data: bytes) -> None:
    """Scan these bytes like a file."""
    try:
        found = scan_view(View(data, where="input"), SETTINGS)
    except MissingPartError:
        return
    if found.verdict is Verdict.CLEAN and found.covered != found.size:
        raise AssertionError("clean, and yet bytes are not covered")
