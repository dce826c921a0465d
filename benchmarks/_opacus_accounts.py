"""What Opacus' accountants say of trainings; run by its environment: cases in, a line of JSON a case."""

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")
from opacus.accountants import create_accountant  # noqa: E402


def main() -> None:
    """Answer what stands on standard input."""
    given = json.load(sys.stdin)
    for rate, noise, count in given["cases"]:
        said = {}
        for name in ("prv", "gdp"):
            started = time.process_time()
            accountant = create_accountant(name)
            accountant.history = [(noise, rate, count)]
            try:
                epsilon = float(accountant.get_epsilon(given["delta"]))
            except Exception as error:
                said[name] = (None, repr(error)[:200])
            else:
                said[name] = (epsilon, time.process_time() - started)
        print(json.dumps(said), flush=True)


main()
