"""What Opacus releases in one step on 20 or 19 records: a line of JSON; run by its environment.

The noise of a step is divided by the whole number below the expected batch, which one record changes (its issue 819,
2026), and thousands of parameters whose gradients are 0 show that number.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import torch  # noqa: E402
from opacus import PrivacyEngine  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

DELTA = 1e-5


def released(records, seed):
    """Length of a private gradient, and the engine that claims something of it."""
    torch.manual_seed(seed)
    data = TensorDataset(torch.zeros(records, 2000), torch.zeros(records, dtype=torch.long))
    module = nn.Linear(2000, 2, bias=False)
    engine = PrivacyEngine()
    module, optimizer, loader = engine.make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        data_loader=DataLoader(data, batch_size=10),
        noise_multiplier=2.0,
        max_grad_norm=1.0,
    )
    x, y = next(iter(loader))
    optimizer.zero_grad()
    nn.functional.cross_entropy(module(x), y).backward()
    optimizer.step()
    return float(next(module.parameters()).grad.norm()), engine


def main():
    """As often as is asked, half of the time with the record."""
    coins = [bool(seed % 2) for seed in range(int(sys.argv[1]))]
    found = [released(20 if coin else 19, seed) for seed, coin in enumerate(coins)]
    claim = max(engine.get_epsilon(DELTA) for _, engine in found[:2])
    # the record makes the divisor larger, and so what is released shorter
    print(json.dumps({"scores": [-length for length, _ in found], "there": coins, "curve": [[claim, DELTA]]}))


main()
