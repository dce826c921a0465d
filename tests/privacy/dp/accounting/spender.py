"""A process that spends what it can of one data set's budget, and says each charge once it is durable."""

from __future__ import annotations

import sys
from pathlib import Path

from casemate.core.errors import SpentError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.privacy.dp.accounting.book import Book
from casemate.privacy.dp.accounting.events import Gaussian

SIGNER = Ed25519Signer("example.org/privacy", bytes(range(32)))
NOISE = 20.0


def main() -> None:
    """Spend until there is nothing left."""
    book = Book(Path(sys.argv[1]), SIGNER)
    charges = 0
    while True:
        try:
            book.charge("patients", Gaussian(NOISE), purpose=sys.argv[2])
        except SpentError:
            return
        charges += 1
        sys.stdout.write(f"{charges}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
