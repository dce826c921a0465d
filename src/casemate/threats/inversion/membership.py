"""Who was in the training data? The likelihood-ratio attack on every training record, with its controls.

Tasks: ``answers`` asks the target about every row of the pool; ``moments`` calculates what to expect of logistic
regression, ``shadows-...`` learns it for every other model; ``blind`` and ``control`` try to break the claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.threats.inversion import declarations
from casemate.threats.inversion.answers import answers, by_class
from casemate.threats.inversion.blind import membership_guesses
from casemate.threats.inversion.closed_form import closed_form
from casemate.threats.inversion.learned import learned
from casemate.threats.inversion.measuring import Evidence, measure
from casemate.threats.inversion.moments import Moments, cell_likelihood_ratio, likelihood_ratio
from casemate.threats.inversion.pool import Pool, pool
from casemate.threats.inversion.records import describe
from casemate.threats.inversion.shadows import Design, train
from casemate.threats.inversion.signals import Floats, log_odds, rounding_cell
from casemate.training.engagement import Conclusion, Engagement, Result, Task
from casemate.training.linear import objective, refusal
from casemate.training.recipe import Recipe, SklearnRecipe

SHADOWS = {"quick": 16, "standard": 64, "thorough": 256}
CHUNK = 4


class Membership:
    """The assessment ``inversion.membership``.

    Options: ``method`` ("auto", "closed-form", "shadows") and ``shadows`` (how many).
    """

    spec = declarations.MEMBERSHIP

    def applies(self, engagement: Engagement) -> str:
        """Why membership cannot be assessed here, or ""."""
        if engagement.recipe is None:
            return "without a recipe nothing can be said about models trained on other rows"
        if not engagement.target.backend.gives_scores:
            return "models of this recipe give labels only, and the attack learns from the scores of its own models"
        if len(engagement.nonmembers) < 50 or len(engagement.members) < 50:
            return "fewer than 50 members or nonmembers are known"
        if engagement.settings(self.spec.id).get("method") == "closed-form":
            return closed_form_refusal(engagement)
        return ""

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """Ask the target once about every row; one fit, or shadow models in chunks; two controls."""
        rows = len(engagement.members) + len(engagement.nonmembers)
        tasks = [Task("answers", queries=rows)]
        if self._closed(engagement):
            tasks.append(Task("moments"))
        else:
            count = int(engagement.settings(self.spec.id).get("shadows", SHADOWS[engagement.effort]))
            for first in range(0, count, CHUNK):
                parameters = {"first": first, "count": min(CHUNK, count - first)}
                tasks.append(Task(f"shadows-{first:04d}", parameters, seconds=0.5 * parameters["count"]))
        return [*tasks, Task("blind", seconds=2.0), Task("control")]

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Do one piece; see the module's description."""
        everyone, seed = pool(engagement), derive(engagement.seed, self.spec.id, task.id)
        if task.id == "answers":
            return {"scores": answers(engagement.target, everyone.rows.features)}
        if task.id == "blind":
            member = np.arange(len(everyone.rows)) < everyone.members
            return {"guesses": membership_guesses(everyone.rows, member, seed)}
        recipe = engagement.recipe
        if recipe is None:
            raise UsageError("the assessment needs a recipe", next_step="ask `applies` first")
        if task.id == "moments":
            return _moments(recipe, everyone)
        if task.id == "control":
            half = control_half(engagement, everyone)
            stranger = recipe.fit(everyone.rows.take(half, "control"), seed)
            view = stranger.answering(engagement.target.answers)
            found = answers(view, everyone.rows.features)
            return {"scores": by_class(found, stranger.classes, len(everyone.rows.classes))}
        design = Design(len(everyone.rows), everyone.inclusion, derive(engagement.seed, self.spec.id, "design"))
        first, count = int(task.parameters["first"]), int(task.parameters["count"])
        return {"signals": train(recipe, everyone.rows, design, range(first, first + count))}

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Figures over the counted rows, and a score for every training record."""
        everyone = pool(engagement)
        moments, leverage, how = self._gather(engagement, everyone, results)
        said = np.asarray(results["answers"]["scores"])
        scores = ratios(engagement, everyone, moments, said)
        stranger = ratios(engagement, everyone, moments, np.asarray(results["control"]["scores"]))
        fresh = everyone.counted & ~control_half(engagement, everyone)
        evidence = Evidence(
            spec=self.spec,
            kind=declarations.LIRA,
            attack=everyone.sides(scores),
            blind=everyone.sides(np.asarray(results["blind"]["guesses"])),
            control=everyone.sides(stranger, fresh),
            how=how,
            excluded=everyone.excluded,
        )
        seed = derive(engagement.seed, self.spec.id, "conclude")
        measurements, outcomes = measure(evidence, engagement.name, seed, threat_model(len(everyone.rows)))
        table = describe(everyone, moments, leverage, ratios=scores, answers=said, strangers=evidence.attack[1])
        return Conclusion(measurements, outcomes, table)

    def sides(self, engagement: Engagement, results: Mapping[str, Result]) -> tuple[Floats, Floats]:
        """Log-likelihood ratios of the members and of the nonmembers that are counted, for who only wants these."""
        everyone = pool(engagement)
        moments, _, _ = self._gather(engagement, everyone, results)
        return everyone.sides(ratios(engagement, everyone, moments, np.asarray(results["answers"]["scores"])))

    def _closed(self, engagement: Engagement) -> bool:
        method = engagement.settings(self.spec.id).get("method", "auto")
        return method != "shadows" and closed_form_refusal(engagement) == ""

    def _gather(
        self, engagement: Engagement, everyone: Pool, results: Mapping[str, Result]
    ) -> tuple[Moments, Floats | None, str]:
        if "moments" in results:
            found = results["moments"]
            moments = Moments(found["mean_in"], found["sd_in"], found["mean_out"], found["sd_out"])
            return moments, np.asarray(found["leverage"]), "closed form, one fit"
        names = sorted(name for name in results if name.startswith("shadows-"))
        signals = np.concatenate([results[name]["signals"] for name in names]).astype(np.float64)
        design = Design(len(everyone.rows), everyone.inclusion, derive(engagement.seed, self.spec.id, "design"))
        return learned(signals, design.masks(range(len(signals)))), None, f"{len(signals)} shadow models"


def closed_form_refusal(engagement: Engagement) -> str:
    """Why this model needs shadow models, or "" when one fit is enough."""
    if not isinstance(engagement.recipe, SklearnRecipe):
        return "there is no scikit-learn recipe"
    if len(engagement.members.classes) != 2:
        return "there are more than two classes"
    return refusal(engagement.recipe.estimator)


def threat_model(queries: int) -> ThreatModel:
    """The adversary of every membership assessment."""
    return ThreatModel(
        goal="tell whether a person's record was in the training data",
        knowledge=(
            "the record and its label",
            "how the model was trained",
            "a pool of records that holds the training data, not which of them were used",
        ),
        access=Access.SCORES,
        queries=queries,
    )


def ratios(engagement: Engagement, everyone: Pool, moments: Moments, scores: Floats) -> Floats:
    """(n,) log-likelihood ratios of the pool's rows, given the answers of one model; knows what is held back."""
    if not engagement.target.gives_scores:
        right = scores[np.arange(len(scores)), everyone.rows.labels] > 0.5
        return cell_likelihood_ratio(moments, np.where(right, 0.0, -np.inf), np.where(right, np.inf, 0.0))
    digits = engagement.target.answers.digits
    if digits is None:
        return likelihood_ratio(moments, log_odds(scores, everyone.rows.labels))
    return cell_likelihood_ratio(moments, *rounding_cell(scores, everyone.rows.labels, digits))


def control_half(engagement: Engagement, everyone: Pool) -> npt.NDArray[np.bool_]:
    """(n,) the random half of the nonmembers that the clean control is trained on."""
    rng = np.random.default_rng(derive(engagement.seed, declarations.CONTROL))
    strangers = np.arange(everyone.members, len(everyone.rows))
    half = np.zeros(len(everyone.rows), dtype=np.bool_)
    half[rng.choice(strangers, len(strangers) // 2, replace=False)] = True
    return half


def _moments(recipe: Recipe, everyone: Pool) -> Result:
    if not isinstance(recipe, SklearnRecipe):  # `tasks` asks for moments of scikit-learn's recipes only
        raise UsageError("the closed form needs a scikit-learn recipe", next_step="use the shadow pool")
    problem = objective(recipe.estimator, everyone.rows.features, everyone.rows.labels)
    form = closed_form(problem, everyone.inclusion)
    found = form.moments
    return {
        "mean_in": found.mean_in,
        "sd_in": found.sd_in,
        "mean_out": found.mean_out,
        "sd_out": found.sd_out,
        "leverage": form.leverages,
    }
