"""The whole main job: open, plan, run, judge, report. ``audit`` measures; ``harden`` defends and attacks again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from casemate.audit.claims.statement import evidence
from casemate.audit.config import Config
from casemate.audit.engage import Opened, open_engagements
from casemate.audit.executor import executor
from casemate.audit.notebook import Notebook, said
from casemate.audit.output import Outcome, write_outcome
from casemate.audit.plan import make_plan
from casemate.audit.registry import registry
from casemate.audit.run import Concluded, run, scopes
from casemate.core.declarations import AssessmentSpec
from casemate.core.observer import Observer, Silent
from casemate.custody import RefusedArtifactError


def audit(config: Config, *, observer: Observer | None = None, home: Path | None = None) -> Outcome:
    """Run every assessment that fits the configured models, judge the figures, write the audit folder.

    Run again after an interruption, it repeats no finished trial.

    Args:
        config: what to audit (``read_config``).
        observer: hears about progress.
        home: where keys lie, instead of the user's key home.

    Returns:
        The verdicts, the folder, and the command that verifies it.

    Raises:
        CasemateError: see ``open_engagements``; also when the disk is full, or another run holds the ledger.
    """
    observer = observer or Silent()
    opened = opened_or_refused(config, observer, home)
    todo = scopes(opened.engagements.values(), chosen(config))
    with Notebook(config.path(config.audit.out), home) as book:
        book.begin(make_plan(config, opened.engagements, todo), todo, opened.evidence)
        record_claims(book, opened)
        found = run(todo, book, executor(config.audit.workers), observer)
        record_measurements(book, found)
        return write_outcome(book)


def opened_or_refused(config: Config, observer: Observer, home: Path | None) -> Opened:
    """Open models and data; a model that the load guard refuses leaves its findings in the ledger.

    Raises:
        RefusedArtifactError: after the refusal was recorded.
    """
    try:
        return open_engagements(config, observer, home)
    except RefusedArtifactError as refused:
        with Notebook(config.path(config.audit.out), home) as book:
            book.record("load", [(refused.record, {str(refused.record["path"]): str(refused.record["sha256"])})])
        raise


def chosen(config: Config) -> tuple[AssessmentSpec, ...]:
    """The assessments that the configuration asks for, all by default."""
    known = registry()
    only = [known.assessment(name) for name in config.audit.only] or list(known.assessments.values())
    left_out = {known.assessment(name).id for name in config.audit.skip}
    return tuple(spec for spec in only if spec.id not in left_out)


def record_claims(book: Notebook, opened: Opened) -> None:
    """Keep every certificate of privacy that lies beside a model, with what was found about it."""
    for name, each in opened.engagements.items():
        if each.claim is not None:
            book.record("certificate", [(evidence(each.claim), {name: book.plan.predicate["subjects"][name]})])


def record_measurements(book: Notebook, found: Iterable[Concluded]) -> None:
    """Keep every figure, with the trials it rests on."""
    for each in found:
        if each.conclusion is None:
            continue
        subject = {each.scope.engagement.name: book.plan.predicate["subjects"][each.scope.engagement.name]}
        trials = book.trials(each.scope)
        book.record(
            "measurement",
            [
                ({"measurement": said(m), "plan": book.plan.digest, "trials": trials}, subject)
                for m in each.conclusion.measurements
            ],
        )
        book.record("pair", [({"pair": said(p), "plan": book.plan.digest}, subject) for p in each.conclusion.pairs])
        record_exhibits(book, each)


def record_exhibits(book: Notebook, each: Concluded) -> None:
    """Keep the pictures that stand for what was found."""
    if each.conclusion is None or not each.conclusion.exhibits:
        return
    subject = {each.scope.engagement.name: book.plan.predicate["subjects"][each.scope.engagement.name]}
    trials = book.trials(each.scope)
    book.record(
        "exhibit",
        [({"exhibit": said(e), "plan": book.plan.digest, "trials": trials}, subject) for e in each.conclusion.exhibits],
    )
