"""Takes private training steps when told to, and says what they cost: one worker a library, each in its environment.

A line of JSON asks for a way, a network, a batch size and a number of steps; a line answers with CPU and wall seconds a
step and the share of the gradient's clipped mean that the way disagrees about with gradients made one by one.
"""

import json
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
sys.path[0] = str(Path(__file__).parents[1])

import torch  # noqa: E402
from torch import nn  # noqa: E402

from benchmarks._private_networks import network, samples  # noqa: E402

CLIP, NOISE, RATE = 1.0, 1.1, 0.05


def ours(name, batch, trusted):
    """One forward and one backward pass, then noise: torch's, or the default."""
    from casemate.privacy.dp.noise import SystemEntropy
    from casemate.privacy.dp.sgd.clipping import Clipper
    from casemate.privacy.dp.sgd.release import GradientRelease

    module = network(name)
    clipper, (x, y) = Clipper(module), samples(name, batch)
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE)
    size = sum(each.numel() for each in clipper.trained.values())
    release = GradientRelease(size, CLIP, NOISE, SystemEntropy()) if trusted else None

    def step():
        sums = clipper(x, y, CLIP).sums
        if release is None:
            for key, each in clipper.trained.items():
                each.grad = (sums[key] + torch.normal(0.0, NOISE * CLIP, each.shape)) / batch
        else:
            noisy = release(torch.cat([sums[key].flatten() for key in clipper.trained])) / batch
            at = 0
            for each in clipper.trained.values():
                each.grad = noisy[at : at + each.numel()].reshape(each.shape).to(each.dtype)
                at += each.numel()
        optimizer.step()

    return step


def opacus(name, batch, way):
    """Opacus in one of its modes, with its own noise, which is torch's."""
    from opacus.grad_sample import GradSampleModule
    from opacus.grad_sample.grad_sample_module_fast_gradient_clipping import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizer
    from opacus.optimizers.optimizer_fast_gradient_clipping import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    module, (x, y) = network(name), samples(name, batch)
    given = {"noise_multiplier": NOISE, "max_grad_norm": CLIP, "expected_batch_size": batch}
    if way == "ghost":
        module = GradSampleModuleFastGradientClipping(module, max_grad_norm=CLIP, use_ghost_clipping=True)
        optimizer = DPOptimizerFastGradientClipping(torch.optim.SGD(module.parameters(), lr=RATE), **given)
        criterion = DPLossFastGradientClipping(module, optimizer, nn.CrossEntropyLoss(reduction="mean"), "mean")

        def step():
            optimizer.zero_grad()
            criterion(module(x), y).backward()
            optimizer.step()

        return step
    if way == "hooks":
        module = GradSampleModule(module)
    elif way == "functorch":
        module = GradSampleModule(module, force_functorch=True)
    else:
        from opacus.grad_sample.gsm_exp_weights import GradSampleModuleExpandedWeights

        module = GradSampleModuleExpandedWeights(module)
    optimizer = DPOptimizer(torch.optim.SGD(module.parameters(), lr=RATE), **given)

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimizer.step()

    return step


def plain(name, batch, _):
    """Training that is not private."""
    module, (x, y) = network(name), samples(name, batch)
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE)

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimizer.step()

    return step


def main():
    """Answer until there are no more questions."""
    torch.set_num_threads(1)
    ready = {}
    for line in sys.stdin:
        asked = json.loads(line)
        key = tuple(asked[each] for each in ("way", "network", "batch"))
        try:
            if key not in ready:
                torch.manual_seed(0)
                library, _, way = asked["way"].partition(" ")
                make = {"casemate": ours, "opacus": opacus, "plain": plain}[library]
                ready[key] = make(asked["network"], asked["batch"], way if library == "opacus" else way == "trusted")
                ready[key]()  # first steps make buffers and compile
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(asked["steps"]):
                ready[key]()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            said = {"cpu": cpu / asked["steps"], "wall": wall / asked["steps"]}
        except Exception as error:
            said = {"failed": repr(error)[:200]}
        print(json.dumps(said), flush=True)


main()
