"""Attack a guarded network twice: as somebody who does not know of the guard, and as somebody who does.

The first figure says nothing about the guard: it attacks another function than the one deployed. It is measured because
it is the one that is usually printed. Only the second is evidence.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.core.seeds import derive
from casemate.targets.differentiable import Differentiable, TorchClassifier
from casemate.targets.drawn import Drawn
from casemate.threats.evasion.balls import Linf
from casemate.threats.evasion.criteria import Criterion, Misclassified, Unnoticed
from casemate.threats.evasion.evaluation import Evaluation, Stage, evaluate
from casemate.threats.evasion.evaluation import classes as codes
from casemate.threats.evasion.gradients.apgd import AutoDescent, LossName
from casemate.threats.evasion.guards.detector import Detected
from casemate.threats.evasion.guards.preprocess import Preprocessed
from casemate.threats.evasion.guards.result import Judged
from casemate.threats.evasion.guards.walks import Given, Onward, Twofold
from casemate.threats.evasion.losses import cross_entropy
from casemate.threats.evasion.scores.square import Squares

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")

Guarded: TypeAlias = Preprocessed | Detected

WEIGHTS = (0.1, 1.0, 10.0)
"""Of the detector in the joint loss."""


def judge(
    guarded: Guarded,
    inputs: Tensor | npt.ArrayLike,
    labels: Tensor | npt.ArrayLike,
    ball: Linf,
    *,
    classes: int = 10,
    steps: int = 40,
    queries: int = 1000,
    draws: int = 8,
    votes: int = 40,
    seed: int = 0,
    bare: Evaluation | None = None,
) -> Judged:
    """The success of an adversary who does not know of the guard, and of one who does, on the same inputs.

    The naive one attacks the network inside, by PGD that stops at its first success and by PGD that goes on to the last
    step, and sends what it has through the guard. The adaptive one looks at those examples too, goes on from them, and
    then attacks through each way of differentiating the guard and by scores; both are believed only where the deployed
    module is fooled. A guard that draws at random is attacked in expectation, and fooled only where the majority of its
    answers is wrong beyond doubt.

    Args:
        guarded: the deployed module.
        inputs: (n, channels, height, width) in [0, 1].
        labels: (n,) right classes.
        ball: the adversary's reach.
        classes: of the network inside.
        steps: gradient steps a walk.
        queries: of the attack by scores, over all draws.
        draws: for a gradient, of a guard that draws at random.
        votes: for a confirmation of one.
        seed: of all that is random.
        bare: what `attack_bare` found on the same inputs with the same settings, if it is known already.

    Raises:
        UsageError: neither `Preprocessed` nor `Detected`.
        DataError: inputs or labels that cannot be used.
        TargetError: a module raised, or answered something else than logits.
    """
    if not isinstance(guarded, Preprocessed | Detected):
        raise UsageError(
            f"{type(guarded).__name__} is no guarded network", next_step="wrap it in Preprocessed or Detected"
        )
    started = time.process_time()
    detects = isinstance(guarded, Detected)
    random = _random(guarded)
    criterion: Criterion = Unnoticed() if detects else Misclassified()
    count = classes + detects
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "guards.judge"))
        inside = TorchClassifier(_inside(guarded), classes, name="network")
        x = inside.tensor(inputs)
        y = codes(labels, len(x), classes)
        plain = bare or attack_bare(inside, x, y, ball, steps=steps, queries=queries, seed=seed)
        kept = naive_examples(inside, x, y, ball, steps=steps, seed=seed)
        deployed = _target(guarded, count, random, (draws, votes))
        looks: list[Stage] = [("naive", Given(deployed, criterion, each)) for each in kept]
        naive = evaluate("naive", looks, deployed, x, y, ball, criterion)
        stages = list(looks)
        for name, module in guarded.ways().items():
            target = _target(module, count, random, (draws, votes))
            for stage, walk in _walks(target, ball, criterion, steps, kept[-1], seed):
                stages.append((f"{stage}, {name}" if name else stage, walk))
        asked = max(1, queries // draws) if random else queries
        stages.append(("Square", Squares(deployed, ball, criterion, asked, 0.8, seed)))
        adaptive = evaluate("adaptive", stages, deployed, x, y, ball, criterion)
        rejected = torch.zeros(len(x), dtype=torch.bool)
        if detects:
            rejected = deployed.confirm(x).argmax(1) == classes
    return Judged(
        guard=_name(guarded),
        ball=ball,
        bare_correct=plain.correct,
        bare_broken=plain.broken,
        # what counts is fixed by one clean pass; a guard that draws may answer the second differently
        correct=naive.correct,
        rejected=rejected,
        naive=naive.broken & naive.correct,
        adaptive=adaptive.broken & naive.correct,
        adversarial=adaptive.adversarial,
        by=adaptive.by,
        random=random,
        seconds=time.process_time() - started,
        notes=deployed.notes,
    )


def attack_bare(
    target: TorchClassifier,
    inputs: Tensor,
    labels: Tensor,
    ball: Linf,
    *,
    steps: int = 40,
    queries: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """The network without its guard, attacked with the same walks and budgets as behind it."""
    criterion = Misclassified()
    stages = [*_walks(target, ball, criterion, steps, None, seed)]
    stages.append(("Square", Squares(target, ball, criterion, queries, 0.8, seed)))
    return evaluate("bare", stages, target, inputs, labels, ball, criterion)


def naive_examples(
    target: TorchClassifier, inputs: Tensor, labels: Tensor, ball: Linf, *, steps: int = 40, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """What an adversary who knows the network alone sends: the first success of PGD, and where it ends up later.

    The second goes on raising the loss after its success. It transfers better, and is what most tools return.
    """
    step = 2.5 * ball.eps / steps
    first = Onward(target, ball, Misclassified(), steps, step, seed=seed)
    early = evaluate("PGD", [("PGD", first)], target, inputs, labels, ball, Misclassified()).adversarial
    late = first.begin(inputs, labels, torch.arange(len(inputs)))["current"]
    for _ in range(steps):
        parts = zip(torch.split(late, target.batch), torch.split(labels, target.batch), strict=True)
        slope = torch.cat([_climb(target, part, right) for part, right in parts])
        late = ball.project(late + step * ball.ascent(slope), inputs, target.bounds)
    return early, late


def _climb(target: Differentiable, part: Tensor, right: Tensor) -> Tensor:
    return target.gradient(part, lambda logits: cross_entropy(logits, right))[2]


def _walks(
    target: Differentiable, ball: Linf, criterion: Criterion, steps: int, points: Tensor | None, seed: int
) -> Sequence[Stage]:
    """The walks with gradients, cheap ones first."""
    step = 2.5 * ball.eps / steps

    def auto(loss: LossName, rank: int = 2) -> AutoDescent:
        return AutoDescent(target, ball, criterion, loss, steps, rank, seed)

    if isinstance(criterion, Unnoticed):
        made: list[Stage] = [("one aim at a time", Twofold(target, ball, criterion, steps))]
        made.append(("APGD on both", auto("lead")))
        made.append(("orthogonal", Twofold(target, ball, criterion, steps, orthogonal=True)))
        made.extend(
            (f"weight {weight:g}", Twofold(target, ball, criterion, steps, weight=weight)) for weight in WEIGHTS
        )
        if points is not None:
            made.append(("on from the naive", Twofold(target, ball, criterion, steps, points=points)))
        return made
    made = []
    if points is not None:
        made.append(("on from the naive", Onward(target, ball, criterion, steps, step, seed=seed, points=points)))
    made.append(("PGD", Onward(target, ball, criterion, steps, step, seed=seed)))
    made.append(("APGD-DLR", auto("dlr")))
    made.extend(("APGD-T", auto("targeted-dlr", rank)) for rank in range(2, min(5, target.classes + 1)))
    return made


def _target(module: nn.Module, count: int, random: bool, fair: tuple[int, int]) -> Differentiable:
    made = TorchClassifier(module, count, name="guarded network")
    return Drawn(made, *fair) if random else made


def _inside(guarded: nn.Module) -> nn.Module:
    """The network itself. Ends: each turn takes off one wrapping."""
    while isinstance(guarded, Preprocessed | Detected):
        guarded = guarded.module
    return guarded


def _random(guarded: nn.Module) -> bool:
    while isinstance(guarded, Preprocessed | Detected):
        if isinstance(guarded, Preprocessed) and guarded.preprocessor.random:
            return True
        guarded = guarded.module
    return False


def _name(guarded: nn.Module) -> str:
    names = []
    while isinstance(guarded, Preprocessed | Detected):
        names.append(type(guarded.preprocessor if isinstance(guarded, Preprocessed) else guarded.detector).__name__)
        guarded = guarded.module
    return " + ".join(names)


def renamed(judged: Judged, guard: str) -> Judged:
    """The same under a name that says its settings."""
    return replace(judged, guard=guard)
