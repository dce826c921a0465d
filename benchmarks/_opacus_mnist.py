"""Opacus on arrays in a file, run by its environment: accuracy, CPU seconds and epsilon of each seed."""

import json
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
sys.path[0] = str(Path(__file__).parents[1])

import numpy as np  # noqa: E402
import torch  # noqa: E402
from opacus import PrivacyEngine  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from benchmarks._private_networks import network  # noqa: E402


def main():
    """Train and score."""
    torch.set_num_threads(1)
    given, asked = np.load(sys.argv[1]), json.loads(sys.argv[2])
    x, y = torch.from_numpy(given["x"]), torch.from_numpy(given["y"]).long()
    for seed in range(asked["seeds"]):
        torch.manual_seed(seed)
        module = network("tanh CNN")
        started = time.process_time()
        optimizer = torch.optim.SGD(module.parameters(), lr=asked["rate"], momentum=asked["momentum"])
        engine = PrivacyEngine()
        module, optimizer, loader = engine.make_private(
            module=module,
            optimizer=optimizer,
            data_loader=DataLoader(TensorDataset(x, y), batch_size=asked["batch"]),
            noise_multiplier=asked["noise"],
            max_grad_norm=asked["clip_norm"],
        )
        for _ in range(round(asked["epochs"])):
            for part, labels in loader:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(part), labels).backward()
                optimizer.step()
        seconds = time.process_time() - started
        with torch.no_grad():
            right = (module(torch.from_numpy(given["test"])).argmax(1).numpy() == given["truth"]).mean()
        print(json.dumps([float(right), seconds, engine.get_epsilon(asked["delta"])]), flush=True)


main()
