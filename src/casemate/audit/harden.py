"""Apply defenses, attack again with attacks that know them, and keep the pairs.

A defended model is a subject of its own, "model + defense". Its figures stand in pairs, never alone; the changed model
is written beside the original, and a defense of answers becomes a ``[serve]`` section for the gateway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import msgspec
import numpy as np

from casemate.audit.audit import chosen, opened_or_refused, record_claims, record_exhibits, record_measurements
from casemate.audit.config import Config, DefenseSection
from casemate.audit.executor import executor, one_thread
from casemate.audit.notebook import Notebook, said
from casemate.audit.output import Outcome, write, write_outcome
from casemate.audit.pair import costs, pairs
from casemate.audit.plan import IDENTITY, identity, make_plan
from casemate.audit.registry import registry
from casemate.audit.run import Concluded, run, scopes
from casemate.core.declarations import DefenseSpec
from casemate.core.digests import Digest
from casemate.core.errors import UsageError
from casemate.core.observer import Observer, Silent
from casemate.core.policy import Verdict
from casemate.targets.network import NetworkBackend, weights_of
from casemate.targets.target import Target
from casemate.training.engagement import Conclusion, Defense, Engagement, Proposal

QUALITY = ("quality.model", "quality.scores")


@dataclass(frozen=True)
class Defended:
    """A defense applied to one model."""

    base: str
    spec: DefenseSpec
    proposal: Proposal

    @property
    def engagement(self) -> Engagement:
        """The defended engagement."""
        return self.proposal.engagement


@dataclass(frozen=True)
class Hardening:
    """What ``harden`` did.

    Attributes:
        outcome: the audit folder with pairs in it.
        defended: the defenses applied, with their settings.
        written: changed models and the ``[serve]`` section, beside the originals.
    """

    outcome: Outcome
    defended: Sequence[Defended]
    written: Sequence[Path]

    @property
    def exit_code(self) -> int:
        """0 when every tolerance is met by the model itself or by one of its defended versions."""
        answers: dict[tuple[str, str], set[Verdict]] = {}
        for judgment in self.outcome.judgments:
            if judgment.tolerance is not None:
                base = judgment.subject.partition(" + ")[0]
                answers.setdefault((base, judgment.tolerance.name), set()).add(judgment.verdict)
        if all(Verdict.PASS in found for found in answers.values()):
            return 0
        unmet = [found for found in answers.values() if Verdict.PASS not in found]
        return 1 if any(Verdict.FAIL in found for found in unmet) else 2


def harden(
    config: Config, *, against: str = "", observer: Observer | None = None, home: Path | None = None
) -> Hardening:
    """Audit the models as they are (repeating nothing), apply defenses, attack again, keep the pairs.

    Args:
        config: what to audit, and which defenses to try on which models.
        against: a room of threats, such as "evasion": only its defenses are tried, all of them if none is configured.
        observer: hears about progress.
        home: where keys lie, instead of the user's key home.

    Raises:
        UsageError: no defense is configured, or one is unknown; no defense belongs to the room.
        CasemateError: as ``audit``.
    """
    observer = observer or Silent()
    config = facing(config, against) if against else config
    if not config.defense:
        raise UsageError("the configuration names no defense", next_step="add a [[defense]] section")
    opened = opened_or_refused(config, observer, home)
    defended = list(apply(config, opened.engagements, observer))
    specs = chosen(config)
    before = scopes(opened.engagements.values(), specs)
    after = [
        scope
        for each in defended
        for scope in scopes([each.engagement], [s for s in specs if s.id in (*each.spec.judged_by, *QUALITY)])
    ]
    everyone = {**opened.engagements, **{each.engagement.name: each.engagement for each in defended}}
    with Notebook(config.path(config.audit.out), home) as book:
        todo = [*before, *after]
        book.begin(make_plan(config, everyone, todo), todo, opened.evidence)
        record_claims(book, opened)
        found = run(todo, book, executor(config.audit.workers), observer)
        record_measurements(book, found[: len(before)])
        for done in found[len(before) :]:
            record_exhibits(book, done)
        concluded = {(each.scope.engagement.name, each.scope.spec.id): each for each in found}
        for each in defended:
            record_pairs(book, each, concluded)
        written = list(write_defended(config, defended))
        return Hardening(write_outcome(book), defended, written)


def facing(config: Config, room: str) -> Config:
    """The configuration with the defenses against one threat, those configured or else all with their defaults.

    Args:
        config: the whole one.
        room: of threats, such as "inversion", or an attack by which defenses are judged, such as "membership".

    Raises:
        UsageError: there is no such defense.
    """
    faced = {
        name: {part for each in (name, *spec.judged_by) for part in (each, *each.split("."))}
        for name, spec in registry().defenses.items()
    }
    known = sorted(name for name, words in faced.items() if room in words)
    if not known:
        rooms = sorted({each.partition(".")[0] for spec in registry().defenses.values() for each in spec.judged_by})
        raise UsageError(f"there is no defense against {room!r}", next_step=f"use one of: {', '.join(rooms)}")
    chosen = tuple(section for section in config.defense if section.use in known)
    return msgspec.structs.replace(config, defense=chosen or tuple(DefenseSection(use=name) for name in known))


def apply(config: Config, engagements: Mapping[str, Engagement], observer: Observer) -> Iterator[Defended]:
    """Build every defended engagement; those that do not apply are noted and left out."""
    total = sum(len(section.models or engagements) for section in config.defense)
    observer.begin("building defenses", total)
    for section in config.defense:
        spec = registry().defense(section.use)
        defense: Defense = spec.load()(**section.options)
        for name in section.models or tuple(engagements):
            if name not in engagements:
                raise UsageError(
                    f"defense {section.use!r} names an unknown model {name!r}", next_step="check [[model]]"
                )
            reason = defense.applies(engagements[name])
            if reason:
                observer.note(f"{spec.id} does not apply to {name}: {reason}")
            else:
                with one_thread():
                    proposal = defense.propose(engagements[name], config.policy)
                yield _defended(engagements[name], section, spec, proposal)
            observer.advance("building defenses")
    observer.end("building defenses")


def record_pairs(book: Notebook, defended: Defended, concluded: Mapping[tuple[str, str], Concluded]) -> None:
    """Keep a pair for every figure that was measured both before and after a defense."""
    after_name = defended.engagement.name
    quality = [_both(concluded, defended.base, after_name, assessment) for assessment in QUALITY]
    cost = tuple(each for found in quality if found for each in costs(*found))
    subject = {after_name: book.plan.predicate["subjects"][after_name]}
    for assessment in defended.spec.judged_by:
        found = _both(concluded, defended.base, after_name, assessment)
        if found is None:
            continue
        made = pairs(
            defended.spec.id,
            *found,
            adaptive=True,  # the attacks in judged_by are handed the defended engagement, whose ``defense`` they know
            quality=cost,
            predicted=defended.proposal.predicted,
            conclusion=defended.proposal.note,
        )
        book.record("pair", [({"pair": said(p), "plan": book.plan.digest}, subject) for p in made])


def write_defended(config: Config, defended: Sequence[Defended]) -> Iterator[Path]:
    """Write changed models beside the originals, and defenses of answers as a ``[serve]`` section."""
    served: list[str] = []
    paths = {model.name: config.path(model.path) for model in config.model}
    for each in defended:
        if each.spec.changes == "answers":
            served.append(f'[[serve]]\nmodel = "{each.base}"\nanswers = "{each.engagement.target.answers.name}"\n')
            continue
        yield write_model(paths[each.base], each.spec.id, each.engagement.target)
    if served:
        path = config.path(config.audit.out).parent / "casemate.serve.toml"
        head = "# Defenses of answers that `casemate harden` applied and attacked; the gateway enforces them.\n\n"
        write(path, (head + "\n".join(served)).encode())
        yield path


def write_model(original: Path, what: str, target: Target) -> Path:
    """Write a changed model beside the original, and say where."""
    backend = target.backend
    ending = "npz" if isinstance(backend, NetworkBackend) else "joblib"
    path = original.with_name(f"{original.stem}.{what}.{ending}")
    part = path.with_name(f".part.{path.name}")  # savez adds an ending to names that have none of its own
    if isinstance(backend, NetworkBackend):
        np.savez(part, allow_pickle=False, **weights_of(backend.model))
    else:
        joblib.dump(backend.model, part)
    part.replace(path)
    return path


def _defended(base: Engagement, section: DefenseSection, spec: DefenseSpec, proposal: Proposal) -> Defended:
    settings = dict(proposal.settings)
    digest = Digest.of_value([identity(base), spec.id, section.options, settings]).hex
    name = f"{base.name} + {spec.id}"
    options = {**proposal.engagement.options, IDENTITY: {"sha256": digest}}
    engagement = proposal.engagement.changed(name=name, options=options, defense=spec.id, artifact=None, claim=None)
    return Defended(base.name, spec, replace(proposal, engagement=engagement))


def _both(
    concluded: Mapping[tuple[str, str], Concluded], base: str, after: str, assessment: str
) -> tuple[Conclusion, Conclusion] | None:
    first, second = concluded.get((base, assessment)), concluded.get((after, assessment))
    if first is None or second is None or first.conclusion is None or second.conclusion is None:
        return None
    return first.conclusion, second.conclusion
