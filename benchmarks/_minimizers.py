"""Runs a peer's minimum-norm attacks on one network, in the peer's own environment: distances and CPU seconds as JSON.

Run as ``.peers/NAME/bin/python benchmarks/_minimizers.py LIBRARY FILE``; FILE is an .npz with the network's name and
weights, x, y and steps, the gradients a sample. One line for each attack; one that fails says so.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from _networks import restored  # found beside this file, whatever environment runs it

ORDERS = {"L0": 0, "L1": 1, "L2": 2, "Linf": np.inf}
ROUNDS = 9


def foolbox(model, x, y, steps):
    """foolbox's, by name and norm."""
    import foolbox

    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attacks = {
        ("DDN", "L2"): foolbox.attacks.DDNAttack(steps=steps),
        ("CW", "L2"): foolbox.attacks.L2CarliniWagnerAttack(
            binary_search_steps=ROUNDS, steps=steps // ROUNDS, stepsize=0.1, initial_const=1.0
        ),
        ("EAD", "L1"): foolbox.attacks.EADAttack(binary_search_steps=ROUNDS, steps=steps // ROUNDS, decision_rule="L1"),
    }
    for norm, name in (("L0", "L0"), ("L1", "L1"), ("L2", "L2"), ("Linf", "LInf")):
        attacks["FMN", norm] = getattr(foolbox.attacks, f"{name}FMNAttack")(steps=steps)
    return {key: lambda attack=attack: attack(wrapped, x, y, epsilons=None)[0] for key, attack in attacks.items()}


def advlib(model, x, y, steps):
    """adv-lib's; it imports visdom and torchvision and needs neither."""
    for name in ("visdom", "torchvision", "torchvision.models", "torchvision.transforms", "torchvision.datasets"):
        sys.modules[name] = MagicMock()
    from adv_lib.attacks.augmented_lagrangian import alma
    from adv_lib.attacks.carlini_wagner.l2 import carlini_wagner_l2
    from adv_lib.attacks.decoupled_direction_norm import ddn
    from adv_lib.attacks.fast_adaptive_boundary import fab
    from adv_lib.attacks.fast_minimum_norm import fmn
    from adv_lib.attacks.sigma_zero import sigma_zero

    inner = {"binary_search_steps": ROUNDS, "max_iterations": steps // ROUNDS, "abort_early": False}
    attacks = {
        ("DDN", "L2"): lambda: ddn(model, x, y, steps=steps, levels=None),
        ("CW", "L2"): lambda: carlini_wagner_l2(model, x, y, learning_rate=0.1, initial_const=1.0, **inner),
        ("sigma-zero", "L0"): lambda: sigma_zero(model, x, y, num_steps=steps),
        ("ALMA", "L1"): lambda: alma(model, x, y, distance="l1", num_steps=steps),
        ("ALMA", "L2"): lambda: alma(model, x, y, distance="l2", num_steps=steps),
    }
    for norm, order in ORDERS.items():
        attacks["FMN", norm] = lambda order=float(order): fmn(model, x, y, norm=order, steps=steps)
        if norm != "L0":  # a step takes a gradient of each of the 10 classes
            attacks["FAB", norm] = lambda order=float(order): fab(model, x, y, norm=order, n_iter=max(1, steps // 10))
    return attacks


def art(model, x, y, steps):
    """ART's."""
    from art.attacks.evasion import CarliniL2Method, ElasticNet
    from art.estimators.classification import PyTorchClassifier

    estimator = PyTorchClassifier(
        model, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    given = {"max_iter": steps // ROUNDS, "binary_search_steps": ROUNDS, "batch_size": len(x), "verbose": False}
    attacks = {
        ("CW", "L2"): CarliniL2Method(estimator, learning_rate=0.1, initial_const=1.0, **given),
        ("EAD", "L1"): ElasticNet(estimator, decision_rule="L1", **given),
    }
    return {
        key: lambda attack=attack: torch.from_numpy(attack.generate(x.numpy(), y.numpy()))
        for key, attack in attacks.items()
    }


def main():
    """Print one line for each attack."""
    torch.set_num_threads(1)
    given = np.load(sys.argv[2])
    weights = {name[2:]: given[name] for name in given.files if name.startswith("w:")}
    model = restored(str(given["network"]), weights)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    x, y = torch.from_numpy(given["x"]), torch.from_numpy(given["y"]).to(torch.int64)
    for (name, norm), run in globals()[sys.argv[1]](model, x, y, int(given["steps"])).items():
        torch.manual_seed(0)
        np.random.seed(0)
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                started = time.process_time()
                moved = run().float().clamp(0, 1)
                seconds = time.process_time() - started
        except Exception as error:
            print(json.dumps({"attack": name, "norm": norm, "failed": f"{type(error).__name__}: {error}"[:200]}))
            continue
        with torch.no_grad():
            wrong = (model(moved).argmax(1) != y).numpy()
        far = np.linalg.norm((moved - x).flatten(1).double().numpy(), ORDERS[norm], axis=1)
        far = [float(each) if held else None for each, held in zip(far, wrong, strict=True)]
        print(json.dumps({"attack": name, "norm": norm, "distance": far, "seconds": seconds}))


if __name__ == "__main__":
    main()
