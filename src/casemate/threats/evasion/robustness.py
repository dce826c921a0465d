"""The assessment behind ``evasion.bracket``: robust accuracy between certificates and attacks that can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from casemate.core.declarations import AssessmentSpec
from casemate.core.errors import UsageError
from casemate.core.exhibit import Exhibit
from casemate.core.measurement import Measurement
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.stats.proportions import clopper_pearson
from casemate.targets.differentiable import TorchClassifier
from casemate.threats.evasion.balls import Linf
from casemate.threats.evasion.bracket import Bracket, Bracketed
from casemate.threats.evasion.declarations import BRACKET
from casemate.threats.evasion.masking import Trust, examine
from casemate.threats.evasion.pictures import drawable, example_exhibit
from casemate.training.engagement import Array, Conclusion, Engagement, Result, Task

BUDGETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {"rows": 100, "queries": 1000, "seconds": 0.0, "trusted": 50},
    "standard": {"rows": 500, "queries": 5000, "seconds": 0.0, "trusted": 100},
    "thorough": {"rows": 1000, "queries": 5000, "seconds": 10.0, "trusted": 200},
}
DEFAULTS: Mapping[str, Any] = {"eps": (0.1,), "bounds": (0.0, 1.0), "levels": 0, "chunk": 100, "shown": 4}
TRUST = "trust"
"""What tasks that examine the attack are called."""
PASSES = 1100
"""Passes a row, beside those of Square, that the attacks of a bracket make at most."""


class BracketEvasion:
    """Bracket the robust accuracy of a network on a random sample of unseen inputs, at every radius asked for.

    Options (``[assess."evasion.bracket"]``): ``eps`` (radii in the largest coordinate, in units of inputs), ``rows``
    (sampled), ``bounds`` (least and greatest value of an input), ``levels`` (values an input can have as deployed, 256
    for 8-bit images; 0 for any), ``queries`` (of the attack by scores), ``seconds`` (for branch and bound, a row),
    ``trusted`` (rows that signs of masking are looked for on), ``chunk`` (rows a task), ``shown`` (examples drawn in
    the report; 0 draws none).
    """

    spec: AssessmentSpec = BRACKET

    def applies(self, engagement: Engagement) -> str:
        """Twenty held-out inputs are needed."""
        return "" if len(engagement.nonmembers) >= 20 else "fewer than 20 held-out inputs"

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One for each radius and chunk of rows, and one for each radius that asks whether attacks can be trusted."""
        options = settings(engagement)
        count, chunk = len(sample(engagement)), int(options["chunk"])
        made = []
        for eps in sorted(options["eps"]):
            for at in range(0, count, chunk):
                stop = min(at + chunk, count)
                asked = (stop - at) * (PASSES + int(options["queries"]))
                where = {"eps": float(eps), "start": at, "stop": stop}
                made.append(Task(f"eps-{eps:g}-rows-{at:05d}", where, asked, seconds=0.15 * (stop - at)))
            trusted = min(int(options["trusted"]), count)
            asked = trusted * (PASSES + 2 * int(options["queries"]))
            made.append(Task(f"eps-{eps:g}-{TRUST}", {"eps": float(eps), "start": 0, "stop": trusted}, asked, 15.0))
        return tuple(made)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Attack and certify one chunk, or examine the attack.

        Returns:
            Of a chunk: "correct", "broken", "certified" (n,) bool; "decided" (n,) names; "adversarial" (n, *shape)
            float32; "answers" (n,) codes of what the model says of them. Of an examination: "names", "values",
            "limits", "raised", "meanings", "remedies" of its signs, and "correct", "robust" (n,) bool.
        """
        options = settings(engagement)
        numbers = sample(engagement)[int(task.parameters["start"]) : int(task.parameters["stop"])]
        data = engagement.nonmembers.take(numbers)
        levels = int(options["levels"]) or None
        target = TorchClassifier(
            engagement.target.model, data.classes, options["bounds"], levels=levels, name=engagement.name
        )
        seed, ball = derive(engagement.seed, BRACKET.id), Linf(float(task.parameters["eps"]))
        if task.id.endswith(TRUST):
            result = _examined(examine(target, data.tensors, data.labels, ball, seed=seed, queries=1000))
        else:
            how = Bracket(ball, seed, "crown", float(options["seconds"]), int(options["queries"]))
            found = how.evaluate(target, data.tensors, data.labels, ids=numbers.tolist())
            result = _attacked(found, target)
        usage = target.usage
        engagement.target.meter.charge(usage.forwards + usage.gradients + usage.confirmations)
        return result

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Attacked and certified accuracy at every radius, and signs of masking, which take the lower bound away."""
        measurements: list[Measurement] = []
        outcomes: dict[int, Array] = {}
        exhibits: list[Exhibit] = []
        for eps in sorted(settings(engagement)["eps"]):
            own = [task for task in self.tasks(engagement) if task.parameters["eps"] == float(eps)]
            parts = [results[task.id] for task in own if not task.id.endswith(TRUST)]
            trust = next(results[task.id] for task in own if task.id.endswith(TRUST))
            robust, certified = (np.concatenate([part[name] for part in parts]) for name in ("robust", "certified"))
            robust[: len(trust["robust"])] &= trust["robust"]  # the least over all evidence
            masked = bool(trust["raised"].any())
            outcomes[len(measurements)] = robust
            measurements.append(self._robust(engagement, float(eps), robust, certified, masked, trust))
            outcomes[len(measurements)] = certified
            measurements.append(self._share(engagement, float(eps), "certified_accuracy", certified))
            measurements.append(self._signs(engagement, float(eps), trust))
            exhibits += self._exhibit(engagement, float(eps), parts)
        return Conclusion(measurements, outcomes, exhibits=exhibits)

    def _robust(
        self, engagement: Engagement, eps: float, robust: Array, certified: Array, masked: bool, trust: Result
    ) -> Measurement:
        """Attacked accuracy; of a masked model only what is certified bounds it from below."""
        made = self._share(engagement, eps, "robust_accuracy", robust)
        if not masked:
            return made
        low = clopper_pearson(int(certified.sum()), len(certified)).low if certified.any() else 0.0
        return msgspec.structs.replace(
            made,
            low=low,
            k=None,
            method="certified to attacked",
            note=f"MASKED: {'; '.join(_meant(trust, 'meanings'))}",
        )

    def _share(self, engagement: Engagement, eps: float, metric: str, held: Array) -> Measurement:
        k, n = int(held.sum()), len(held)
        interval = clopper_pearson(k, n)
        return _measurement(
            engagement, eps, metric, k / n, low=interval.low, high=interval.high, n=n, k=k, method=interval.method
        )

    def _signs(self, engagement: Engagement, eps: float, trust: Result) -> Measurement:
        raised = [str(name) for name, up in zip(trust["names"], trust["raised"], strict=True) if up]
        made = _measurement(
            engagement,
            eps,
            "masking_signs",
            float(len(raised)),
            low=float(len(raised)),
            high=float(len(raised)),
            n=len(trust["names"]),
            k=None,
            method="counted",
        )
        said = f"MASKED: {', '.join(raised)}" if raised else "ATTACKED: no sign that gradients are hidden"
        return msgspec.structs.replace(made, unit="signs", direction="lower", note=said)

    def _exhibit(self, engagement: Engagement, eps: float, parts: Sequence[Result]) -> list[Exhibit]:
        """The first broken inputs of every class, as pictures."""
        options, data = settings(engagement), engagement.nonmembers
        if not drawable(data.shape) or not int(options["shown"]):
            return []
        numbers = sample(engagement)
        broken, adversarial, answers = (
            np.concatenate([part[name] for part in parts]) for name in ("broken", "adversarial", "answers")
        )
        clean, labels = data.take(numbers).tensors, data.labels[numbers]
        chosen: list[int] = []
        for at in np.flatnonzero(broken):  # one of each class first: ten fours turned into nines say no more than one
            if labels[at] not in labels[chosen]:
                chosen.append(int(at))
        shown = [
            (clean[at], adversarial[at], data.classes[labels[at]], data.classes[answers[at]])
            for at in chosen[: int(options["shown"])]
        ]
        title = f"Inputs that a change of at most {eps:g} in every coordinate turns"
        return [example_exhibit(BRACKET.id, engagement.name, title, shown, options["bounds"])] if shown else []


def settings(engagement: Engagement) -> dict[str, Any]:
    """The budgets of this effort with the user's options over them.

    Raises:
        UsageError: an option that does not exist, or a value that makes no sense.
    """
    given = engagement.settings(BRACKET.id)
    known = {*DEFAULTS, *BUDGETS["standard"]}
    options = {**DEFAULTS, **BUDGETS[engagement.effort], **given}
    unknown = sorted(set(given) - known)
    bounds = tuple(map(float, options["bounds"]))
    if unknown or len(bounds) != 2 or not bounds[0] < bounds[1] or not options["eps"] or min(options["eps"]) <= 0:
        raise UsageError(
            f"the options of {BRACKET.id} cannot be used",
            cause=f"unknown: {', '.join(unknown)}" if unknown else "bounds are a low and a high value; eps are above 0",
            next_step=f"use: {', '.join(sorted(known))}",
        )
    return {**options, "bounds": bounds}


def sample(engagement: Engagement) -> npt.NDArray[np.int64]:
    """Numbers of the inputs under attack."""
    order = np.random.default_rng(derive(engagement.seed, BRACKET.id, "sample")).permutation(len(engagement.nonmembers))
    return np.sort(order[: int(settings(engagement)["rows"])]).astype(np.int64)


def _attacked(found: Bracketed, target: TorchClassifier) -> Result:
    return {
        "correct": found.correct.numpy(),
        "broken": found.broken.numpy(),
        "robust": found.robust.numpy(),
        "certified": found.certified.numpy(),
        "decided": np.array(found.decided, dtype="U24"),
        "adversarial": found.adversarial.numpy(),
        "answers": target.confirm(found.adversarial).argmax(1).numpy(),
    }


def _examined(trust: Trust) -> Result:
    return {
        "names": np.array([sign.name for sign in trust.signs], dtype="U24"),
        "values": np.array([sign.value for sign in trust.signs]),
        "limits": np.array([sign.limit for sign in trust.signs]),
        "raised": np.array([sign.raised for sign in trust.signs]),
        "meanings": np.array([sign.meaning for sign in trust.signs], dtype="U160"),
        "remedies": np.array([sign.remedy for sign in trust.signs], dtype="U160"),
        "correct": trust.correct.numpy(),
        "robust": trust.robust.numpy(),
    }


def _meant(trust: Result, what: str) -> list[str]:
    return [str(text) for text, up in zip(trust[what], trust["raised"], strict=True) if up]


def _measurement(
    engagement: Engagement,
    eps: float,
    metric: str,
    estimate: float,
    *,
    low: float,
    high: float,
    n: int,
    k: int | None,
    method: str,
) -> Measurement:
    knowledge = ("the network and its weights", *([f"the defense {engagement.defense}"] if engagement.defense else []))
    return Measurement(
        assessment=BRACKET.id,
        kind=BRACKET.kinds[1] if metric == "masking_signs" else BRACKET.kinds[0],
        metric=metric,
        subject=engagement.name,
        estimate=estimate,
        low=low,
        high=high,
        n=n,
        k=k,
        method=method,
        threat_model=ThreatModel(
            goal=f"turn the answer by changing no coordinate by more than {eps:g}",
            knowledge=knowledge,
            access=Access.WEIGHTS,
        ),
        seed=engagement.seed,
        at={"eps": eps, "norm": "Linf"},
        direction="higher",
    )
