"""What prv-accountant and dp-accounting say of trainings; run by their environment: cases in, a line of JSON a case."""

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")
import dp_accounting  # noqa: E402
from dp_accounting import pld, rdp  # noqa: E402
from prv_accountant import PoissonSubsampledGaussianMechanism, PRVAccountant  # noqa: E402


def timed(ask):
    """An answer and its CPU seconds."""
    started = time.process_time()
    answer = ask()
    return answer, time.process_time() - started


def main() -> None:
    """Answer what stands on standard input."""
    given = json.load(sys.stdin)
    delta = given["delta"]
    for rate, noise, count in given["cases"]:

        def bracket(rate=rate, noise=noise, count=count):
            """The narrowest that it makes in some seconds; its width is an absolute one."""
            found = None
            for error in given["errors"]:
                if found is not None and found[2] - found[0] <= 0.01 * found[0]:
                    break
                mechanism = PoissonSubsampledGaussianMechanism(rate, noise)
                accountant = PRVAccountant(
                    prvs=[mechanism], max_self_compositions=[count], eps_error=error, delta_error=delta / 1000
                )
                found = [float(each) for each in accountant.compute_epsilon(delta, [count])]
            return found

        event = dp_accounting.SelfComposedDpEvent(
            dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise)), count
        )
        said = {}
        for name, ask in (
            ("prv", bracket),
            ("pld", lambda event=event: float(pld.PLDAccountant().compose(event).get_epsilon(delta))),
            ("rdp", lambda event=event: float(rdp.RdpAccountant().compose(event).get_epsilon(delta))),
        ):
            try:
                said[name] = timed(ask)
            except Exception as error:
                said[name] = (None, repr(error)[:200])
        print(json.dumps(said), flush=True)


main()
