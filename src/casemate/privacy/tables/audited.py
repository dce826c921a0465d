"""The training rows of a model as a table about people: what each column is to privacy, and what was handed out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from casemate.core.digests import Digest
from casemate.core.errors import DataError, UnreadableError
from casemate.data.dataset import Dataset
from casemate.privacy.tables.attacks.published import Published
from casemate.privacy.tables.attacks.recovered import recovered
from casemate.privacy.tables.cells import Cells
from casemate.privacy.tables.frames import read_table, typed
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.inference import in_order, infer
from casemate.privacy.tables.publishing import how
from casemate.privacy.tables.roles import ColumnRole, infer_roles
from casemate.training.engagement import Engagement, HandedOut


@dataclass(frozen=True)
class Audited:
    """A table under attack.

    Attributes:
        people: (n, columns) the training rows, features and label; one row a person where it is known whose they are.
        strangers: (m, columns) people of the same population who are not in it.
        roles: of the columns.
        handed_out: the file that the rows were handed out as, or None.
    """

    people: pd.DataFrame
    strangers: pd.DataFrame
    roles: tuple[ColumnRole, ...]
    handed_out: HandedOut | None

    @property
    def quasi(self) -> list[str]:
        """Columns that others may know."""
        return [each.name for each in self.roles if each.role == "quasi"]

    @property
    def sensitive(self) -> list[str]:
        """Columns that nobody should learn."""
        return [each.name for each in self.roles if each.role == "sensitive"]

    @property
    def beyond(self) -> list[str]:
        """Columns that are no quasi-identifiers, and that stay as they are."""
        return [each.name for each in self.roles if each.role in ("sensitive", "keep")]

    @property
    def said(self) -> str:
        """The quasi-identifiers for people, those that were guessed as such."""
        given = [each.name for each in self.roles if each.role == "quasi" and each.reason == "given"]
        guessed = [name for name in self.quasi if name not in given]
        parts = [f"declared: {', '.join(given)}"] * bool(given) + [f"inferred: {', '.join(guessed)}"] * bool(guessed)
        return f"quasi-identifiers, {'; '.join(parts)}"

    @cached_property
    def before(self) -> Published:
        """The table as it is, or the rows of it that were handed out."""
        if self.after is not None:
            return self.after.before()
        return as_it_is(self.people, self.strangers, self.quasi)

    @cached_property
    def after(self) -> Published | None:
        """What was handed out, or None.

        Raises:
            UnreadableError: the file is not the one that the plan named.
            DataError: it is no table, or not of these people.
        """
        if self.handed_out is None:
            return None
        out = self.handed_out
        if _digest(out.path) != out.sha256:
            raise UnreadableError(f"{out.path.name} was changed after the audit began", next_step="run the audit again")
        table = read_table(out.path, out.separator)
        there = [name for name in self.quasi if name in table]
        if not there:
            raise DataError(
                f"{out.path.name} has no quasi-identifier",
                cause=f"none of {', '.join(self.quasi)} is a column of it",
                next_step="name the file that was released of this table, or its columns in [anonymize.columns]",
            )
        trees: dict[str, Hierarchy] = {}
        for name in there:
            wanted = how(out.hierarchies.get(name))
            trees[name] = wanted if isinstance(wanted, Hierarchy) else infer(self.people[name], wanted)
        return recovered(table, self.people, trees, [name for name in self.beyond if name in table])

    @property
    def current(self) -> Published:
        """What others have, or would have."""
        return self.after or self.before


def as_it_is(people: pd.DataFrame, strangers: pd.DataFrame, quasi: list[str]) -> Published:
    """A table whose rows are handed out as they are.

    Args:
        people: whose rows they are.
        strangers: others, whose values are known too.
        quasi: columns that others may know.
    """
    both = pd.concat([people[quasi], strangers[quasi]], ignore_index=True)
    trees = {name: in_order(both[name]) for name in quasi}
    return Published(people, Cells.of(people, trees, raw=True), people, np.arange(len(people)))


def audited(engagement: Engagement, assessment: str) -> Audited:
    """The table behind a model.

    Args:
        engagement: the model and its data.
        assessment: whose settings say what columns are: ``target``, and ``columns`` with a role each.

    Raises:
        UsageError: a role is unknown.
    """
    settings = engagement.settings(assessment)
    target = str(settings.get("target") or "label")
    people, strangers = (_table(each, target) for each in (engagement.members, engagement.nonmembers))
    subjects = engagement.members.subjects
    if subjects is not None and engagement.handed_out is None:
        people = people[~pd.Series(subjects).duplicated().to_numpy()].reset_index(drop=True)
    told = {name: role for name, role in settings.get("columns", {}).items() if name in people}
    roles = infer_roles(people, told)
    if engagement.handed_out is None:  # else they are those that the release was made with
        marked = {each.name: "marked sensitive" for each in engagement.members.schema.columns if each.sensitive}
        marked |= {target: "it is what the model predicts"}
        roles = tuple(
            replace(each, role="sensitive", reason=marked[each.name])
            if each.name in marked and each.name not in told and each.role == "quasi"
            else each
            for each in roles
        )
    return Audited(people, strangers, roles, engagement.handed_out)


def handed_out(path: Path, separator: str, hierarchies: Mapping[str, str]) -> tuple[HandedOut, dict[str, Any]]:
    """A file as what training rows were handed out as; and digests of all it is read by, for the settings.

    Args:
        path: the file.
        separator: between cells of CSV.
        hierarchies: of a column, a ``.csv`` file, or the kind of generalization.

    Raises:
        DataError: a file cannot be read.
    """
    trees = {name: _digest(Path(told)) if told.endswith(".csv") else told for name, told in hierarchies.items()}
    found = HandedOut(path, _digest(path), separator, dict(hierarchies))
    return found, {"released": found.sha256, "hierarchies": trees}


def _digest(path: Path) -> str:
    try:
        return Digest.of_file(path).hex
    except OSError as error:
        raise DataError(
            f"{path.name}, which [anonymize] names, cannot be read",
            cause=type(error).__name__,
            next_step="write what was released with casemate anonymize, or mend that key",
        ) from error


def _table(data: Dataset, target: str) -> pd.DataFrame:
    table = data.features.reset_index(drop=True)
    table.columns = [str(name) for name in table.columns]
    name = target if target not in table else f"{target} (label)"
    labels = typed(pd.Series(np.array(data.classes, dtype=object)[data.labels]))
    return table.assign(**{name: labels})
