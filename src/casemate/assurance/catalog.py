"""The control catalog: controls of laws, standards and taxonomies, each with the query that asks for its evidence.

Loading checks every query against the declared kinds and metrics, so that a renamed metric breaks the build and not the
audit. A query outside the grammar leaves the control to a person (HUMAN); a kind that no room registers leaves it
NOT_EVIDENCED; an unknown metric of a registered kind is an error.
"""

from __future__ import annotations

import csv
import difflib
import importlib.resources
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from casemate.assurance.facts import FACTS
from casemate.assurance.grammar import GrammarError, Query, parse
from casemate.assurance.judging import ControlId
from casemate.assurance.kinds import covers
from casemate.core.declarations import AssessmentSpec, DefenseSpec
from casemate.core.errors import UsageError

CHANGES = frozenset({"improvement"})
"""Metrics that every pair has: by how much the attack's figure changed in the owner's favor."""


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """One control and how its evidence is found.

    Attributes:
        id: framework, edition and id.
        title, summary: what it asks for, in our own words.
        text: the evidence query as written.
        query: the parsed query, or None when it is outside the grammar.
        problem: why it is outside the grammar, or "".
        unregistered: the kinds asked for that no room registers.
        strength: how far a measurement settles it: "full", "partial" or "supporting"; never legal compliance.
        stage: the stage of the lifecycle it belongs to.
        applies_from: since when, or in what force.
    """

    id: ControlId
    title: str
    summary: str
    text: str
    query: Query | None
    strength: str
    stage: str
    applies_from: str
    problem: str = ""
    unregistered: tuple[str, ...] = ()


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """All controls, with the registry they were checked against."""

    controls: tuple[Control, ...]
    assessments: tuple[AssessmentSpec, ...]
    defenses: tuple[DefenseSpec, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many controls can be judged, how many wait for a person, how many for a room."""
        found = Counter(
            "human" if c.query is None else "unregistered" if c.unregistered else "judged" for c in self.controls
        )
        return {word: found[word] for word in ("judged", "unregistered", "human")}


def load_catalog(
    assessments: Sequence[AssessmentSpec], defenses: Sequence[DefenseSpec] = (), text: str | None = None
) -> Catalog:
    """Load the control map and check it against the registry.

    Args:
        assessments: every declared assessment; what a ledger shows by itself (plan, chain, loads) is added here.
        defenses: every declared defense; each gives a kind "defense/<room>/<name>".
        text: another map in the same CSV columns; None loads the one that ships with casemate.

    Raises:
        UsageError: the map is malformed, or asks a registered kind for a metric it does not report; all such rows are
            named at once.
    """
    if text is None:
        text = (importlib.resources.files("casemate") / "catalogs" / "controls.csv").read_text(encoding="utf-8")
    specs = (*assessments, *(spec for spec in FACTS if spec.id not in {a.id for a in assessments}))
    metrics = registered(specs, defenses)
    controls: list[Control] = []
    wrong: list[str] = []
    for row in rows(text):
        control = _control(row, metrics)
        controls.append(control)
        wrong += _unknown_metrics(control, metrics)
    if wrong:
        raise UsageError(
            f"{len(wrong)} queries of the control map ask for a metric that no assessment reports",
            cause="; ".join(wrong),
            next_step="mend the row in catalogs/controls.csv, or declare the metric",
        )
    return Catalog(controls=tuple(controls), assessments=tuple(specs), defenses=tuple(defenses))


COLUMNS = ("framework", "version", "id", "title", "summary", "evidence_query", "strength", "stage", "applies_from")


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a control map; lines that start with "#" are its header.

    Raises:
        UsageError: other columns, a row of another length, or the same control twice.
    """
    reader = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UsageError("the control map has other columns", next_step=f"give exactly: {','.join(COLUMNS)}")
    found: list[dict[str, str]] = []
    seen: set[tuple[str, str, str]] = set()
    for row in reader:
        key = (row["framework"], row["version"], row["id"])
        if None in row or None in row.values() or key in seen:
            raise UsageError(f"the control map's row {'/'.join(map(str, key))} is malformed or given twice")
        seen.add(key)
        found.append(row)
    return found


def registered(assessments: Iterable[AssessmentSpec], defenses: Iterable[DefenseSpec]) -> dict[str, set[str]]:
    """Every registered kind with the metrics it reports; a defense reports what its judges report, and its cost."""
    specs = {spec.id: spec for spec in assessments}
    kinds: dict[str, set[str]] = {}
    for spec in specs.values():
        for kind in spec.kinds:
            kinds.setdefault(kind, set()).update(metric.name for metric in spec.metrics)
    losses = {f"{name}_loss" for kind, names in kinds.items() if kind.startswith("model/") for name in names}
    for defense in defenses:
        judges = (specs[name] for name in defense.judged_by if name in specs)
        reported = {metric.name for judge in judges for metric in judge.metrics}
        kinds[defense_kind(defense.id)] = reported | losses | CHANGES
    return kinds


def defense_kind(defense: str) -> str:
    """The evidence kind of a defense's pairs.

    Example:
        >>> defense_kind("inversion.regularize")
        'defense/inversion/regularize'
    """
    return "defense/" + defense.replace(".", "/").replace("_", "-")


def _control(row: dict[str, str], metrics: dict[str, set[str]]) -> Control:
    query, problem = None, ""
    try:
        query = parse(row["evidence_query"])
    except GrammarError as error:
        problem = str(error)
    known = [kind for kind in (query.kinds if query else ()) if any(covers(kind, k) for k in metrics)]
    return Control(
        id=ControlId(row["framework"], row["version"], row["id"]),
        title=row["title"],
        summary=row["summary"],
        text=row["evidence_query"],
        query=query,
        problem=problem,
        unregistered=tuple(kind for kind in (query.kinds if query else ()) if kind not in known),
        strength=row["strength"],
        stage=row["stage"],
        applies_from=row["applies_from"],
    )


def _unknown_metrics(control: Control, metrics: dict[str, set[str]]) -> list[str]:
    """With every kind registered, each atom's metric has to be one that some of them reports."""
    if control.query is None or control.unregistered:
        return []
    kinds = control.query.kinds
    known = {name for kind, names in metrics.items() if any(covers(k, kind) for k in kinds) for name in names}
    wrong = []
    for atom in control.query.atoms:
        cost = control.query.conditions.pair and atom.metric.endswith("_loss")
        if atom.metric not in known and not cost:
            near = difflib.get_close_matches(atom.metric, sorted(known), n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else f" (reported: {', '.join(sorted(known))})"
            wrong.append(f"{control.id}: {' , '.join(kinds)} has no metric {atom.metric!r}{hint}")
    return wrong
