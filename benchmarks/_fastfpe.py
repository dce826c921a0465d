"""fastfpe's FF1, in its own environment: encrypts what standard input names, and says how long it took."""

from __future__ import annotations

import json
import sys
import time

from fastfpe import ff1


def main() -> None:
    """Standard input: key and tweak in hexadecimal, alphabet, values. Output: CPU seconds, and the values encrypted."""
    given = json.load(sys.stdin)
    started = time.process_time()
    made = [ff1.encrypt(given["key"], given["tweak"], given["alphabet"], each) for each in given["values"]]
    print(json.dumps({"seconds": time.process_time() - started, "made": made}))


if __name__ == "__main__":
    main()
