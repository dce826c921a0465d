"""A process that appends numbered records and says which are acknowledged, until it is killed: FOLDER SEED."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from casemate.ledger import writer as module
from casemate.ledger.ledger import Ledger
from tests.ledger.folder import SIGNER


def record(index: int) -> bytes:
    """What record ``index`` says, whoever writes it."""
    return b"record %d " % index + random.Random(index).randbytes(index % 300)


def main() -> None:
    folder, rng = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
    module.JOURNAL_LIMIT = 1 << 16
    ledger = Ledger.open(folder, [SIGNER]) if (folder / "journal").exists() else Ledger.create(folder, [SIGNER])
    os.write(1, b"%d\n" % ledger.size)
    while True:
        size, count = ledger.size, rng.choice([1, 1, 2, 5, 30, 256])
        ledger.append_many([record(size + number) for number in range(count)])
        os.write(1, b"%d\n" % ledger.size)


if __name__ == "__main__":
    main()
