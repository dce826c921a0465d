"""What ``casemate anonymize`` says to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from casemate.privacy.tables.columns import ColumnReport
from casemate.privacy.tables.publishing import Publication
from casemate.privacy.tables.roles import ColumnRole, shown

TOLD = (
    "alone: rows whose value nobody else has; bits: how much a value narrows down whose row it is; known: sensitive "
    "values that all rows of a class share"
)
ACHIEVED = (
    "linkage: chance to point at the right row; others: right answers, right answers without the table, and what the "
    "table leaks besides, compared with people who are not in it; [95 % intervals]\n"
    "before: the rows as they are; order: who has a list of the people in the order of the rows"
)


def as_text(made: Publication, written: Mapping[str, str], verdict: str, said: str) -> str:
    """The whole report: roles, columns, what holds, attacks, what does not hold, the verdict."""
    release = made.release
    parts = [
        ("Columns", shown(made.roles)),
        ("What each column tells, before -> after", f"{_columns(made.columns)}\n{TOLD}"),
        ("Made", _list([*release.notes, *made.made])),
        ("Holds", _list(release.holds)),
    ]
    if made.attacks is not None:
        parts.append(("Attacked, before and after", f"{made.attacks!r}\n{ACHIEVED}"))
    parts.append(("Does not protect", _list(made.limits)))
    text = "\n\n".join(f"{title}\n{body}" for title, body in parts)
    where = [f"wrote {path}" for path in written.values()] or ["nothing was written"]
    return "\n".join([text, "", f"{verdict}  {said}", *where])


def roles_toml(roles: Sequence[ColumnRole]) -> str:
    """The roles as a section of casemate.toml, to be mended there."""
    lines = [f"{msgspec.json.encode(each.name).decode()} = {msgspec.json.encode(each.role).decode()}" for each in roles]
    return "\n".join(["[anonymize.columns]", *lines])


def _columns(columns: Sequence[ColumnReport]) -> str:
    rows = [("column", "values", "alone", "bits", "known from its class", "values to guess among, at worst")]
    for each in columns:
        after = each.after
        rows.append(
            (
                each.column.name,
                f"{each.before.values} -> {after.values if after else 'left out'}",
                f"{each.before.alone:.1%} -> {after.alone:.1%}" if after else f"{each.before.alone:.1%}",
                f"{each.before.bits:.1f} -> {after.bits:.1f}" if after else f"{each.before.bits:.1f}",
                "" if each.disclosed is None else f"{each.disclosed[0]:.1%} -> {each.disclosed[1]:.1%}",
                "" if each.likeliest is None else f"{each.likeliest[0]:.1f} -> {each.likeliest[1]:.1f}",
            )
        )
    widths = [max(len(row[at]) for row in rows) for at in range(6)]
    return "\n".join("  ".join(row[at].ljust(widths[at]) for at in range(6)).rstrip() for row in rows)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"  - {line}" for line in lines)
