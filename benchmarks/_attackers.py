"""Runs one attack of a peer on one network, in the peer's own environment: robust samples and CPU seconds as JSON.

Run as ``.peers/NAME/bin/python benchmarks/_attackers.py PEER FILE``; FILE is an .npz with the network's name and
weights, x, y, eps, and what the attack needs. ``frozen`` says whether parameters want gradients, as they do where users
do not think of it. The clean pass that finds samples to attack is not timed, imports and a warm-up pass neither.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from _networks import restored  # found beside this file, whatever environment runs it

STEP = 0.01


def autoattack(model, x, y, eps, given):
    """fra31's AutoAttack, version standard."""
    from pyautoattack.autoattack import AutoAttack

    attack = AutoAttack(model, norm="Linf", eps=eps, version="standard", seed=int(given["seed"]), device="cpu")
    return attack.run_standard_evaluation(x, y, batch_size=250)[0]


def art_autoattack(model, x, y, eps, given):
    """ART's class of the same name, with its defaults."""
    from art.attacks.evasion import AutoAttack

    attack = AutoAttack(_art(model), eps=eps, eps_step=eps / 4, batch_size=250)
    return torch.from_numpy(attack.generate(x.numpy(), y.numpy()))


def _art(model):
    from art.estimators.classification import PyTorchClassifier

    return PyTorchClassifier(
        model, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )


def art_pgd(model, x, y, eps, given):
    """ART's PGD for torch."""
    from art.attacks.evasion import ProjectedGradientDescent

    attack = ProjectedGradientDescent(
        _art(model),
        eps=eps,
        eps_step=STEP,
        max_iter=int(given["steps"]),
        num_random_init=1,
        batch_size=250,
        verbose=False,
    )
    return torch.from_numpy(attack.generate(x.numpy(), y.numpy()))


def foolbox_pgd(model, x, y, eps, given):
    """foolbox's LinfPGD."""
    import foolbox

    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=STEP, steps=int(given["steps"]))
    parts = [attack(wrapped, each, label, epsilons=eps)[1] for each, label in zip(x.split(250), y.split(250))]
    return torch.cat(parts)


def torchattacks_pgd(model, x, y, eps, given):
    """torchattacks' PGD."""
    library = torch.library.Library("torchvision", "DEF")  # noqa: F841 - torchvision is the CUDA build: never imported
    import torchattacks

    attack = torchattacks.PGD(model, eps=eps, alpha=STEP, steps=int(given["steps"]))
    return torch.cat([attack(each, label) for each, label in zip(x.split(250), y.split(250))])


def main():
    """Print one line."""
    torch.set_num_threads(1)
    given = np.load(sys.argv[2])
    torch.manual_seed(int(given["seed"]))
    np.random.seed(int(given["seed"]))
    weights = {name[2:]: given[name] for name in given.files if name.startswith("w:")}
    model = restored(str(given["network"]), weights)
    for parameter in model.parameters():
        parameter.requires_grad_(not bool(given["frozen"]))
    x, y, eps = torch.from_numpy(given["x"]), torch.from_numpy(given["y"]), float(given["eps"])
    attack = globals()[sys.argv[1]]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        attack(model, x[:4], y[:4], 1e-3, {**{name: given[name] for name in ("seed", "steps")}, "steps": 2})
        started = time.process_time()
        moved = attack(model, x, y, eps, given)
        seconds = time.process_time() - started
    with torch.no_grad():
        robust = model(moved).argmax(1) == y
    far = float((moved - x).abs().max())
    print(json.dumps({"robust": robust.tolist(), "seconds": seconds, "far": far}))


if __name__ == "__main__":
    main()
