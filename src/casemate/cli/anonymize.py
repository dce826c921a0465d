"""``casemate anonymize``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from casemate.audit.release import witness
from casemate.cli.anonymize_synthetic import anonymize_by_synthesis
from casemate.cli.anonymize_text import as_text, roles_toml
from casemate.cli.services import open_recipients, open_services
from casemate.cli.terminal import console, watching
from casemate.core.digests import Digest
from casemate.core.errors import StorageError, UsageError
from casemate.custody.envelope import Sealer
from casemate.custody.envelope.publish import Draft
from casemate.keys.files import default_home
from casemate.privacy.tables.document import document, encoded
from casemate.privacy.tables.frames import read_table, write_table
from casemate.privacy.tables.options import AnonymizeSection, Format, read_options
from casemate.privacy.tables.pseudonyms import PseudonymKey
from casemate.privacy.tables.publishing import Publication, publish
from casemate.privacy.tables.roles import infer_roles, shown

KEY = "pseudonyms.json"
EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 2, "NOT_EVIDENCED": 0}


def anonymize(
    table: Path,
    /,
    *,
    out: Path | None = None,
    quasi: list[str] | None = None,
    sensitive: list[str] | None = None,
    drop: list[str] | None = None,
    keep: list[str] | None = None,
    pseudonym: list[str] | None = None,
    shift: list[str] | None = None,
    noise: list[str] | None = None,
    hierarchy: list[str] | None = None,
    k: int | None = None,
    l: float | None = None,  # noqa: E741 the field's name
    diversity: Literal["distinct", "entropy"] | None = None,
    t: float | None = None,
    limit: float | None = None,
    method: Literal["auto", "exact", "mondrian"] | None = None,
    seconds: float | None = None,
    keep_order: bool | None = None,
    person: str | None = None,
    days: int | None = None,
    weeks: bool | None = None,
    context: list[str] | None = None,
    key: Path | None = None,
    key_service: list[str] | None = None,
    lookup: Path | None = None,
    lookup_for: list[str] | None = None,
    attack: bool | None = None,
    errors: float | None = None,
    victims: int | None = None,
    at_most: float | None = None,
    seed: int | None = None,
    synthetic: bool | None = None,
    epsilon: float | None = None,
    delta: float | None = None,
    domain: list[str] | None = None,
    target: str | None = None,
    separator: str | None = None,
    format: Format | None = None,
    config: Path | None = None,
    evidence: Path | None = None,
    plan: bool = False,
    replace: bool = False,
) -> int:
    """Generalize a table until k-anonymity and its kin hold, replace what names people, and attack the result.

    Roles of columns are guessed and shown; what you say wins. Exit code 1: more people can be linked than is tolerated,
    and nothing is written; 2: too few people to tell. How to release is also read from [anonymize] of a configuration
    that is named, and from variables such as CASEMATE_K.

    Examples:
      casemate anonymize patients.csv --plan
      casemate anonymize patients.csv --k 5 --l 2 --sensitive diagnosis --drop name --out released.csv
      casemate anonymize patients.parquet --quasi age --quasi zip --hierarchy zip=zip.csv --t 0.2
      casemate anonymize visits.csv --pseudonym patient --shift visit --weeks --key-service file:models.kek
      casemate anonymize patients.csv --config casemate.toml --format json
      casemate anonymize patients.csv --synthetic --epsilon 1 --delta 1e-6 --domain age=0..119

    Args:
        table: a .csv or .parquet file, one row a person.
        out: where the released table goes, .csv or .parquet; if not given, where [anonymize] says, else beside the
            table as NAME.released.csv.
        quasi: column that others may know about a person (this and others that name columns: several times).
        sensitive: column that nobody should learn about a person; released as it is.
        drop: column that is left out, a name for example.
        keep: column that nobody can know, released as it is.
        pseudonym: column that is replaced by keyed pseudonyms.
        shift: column of dates that are moved, by as much for all dates of one person.
        noise: column of numbers, and the standard deviation of the noise that is added, as NAME=SCALE.
        hierarchy: how a quasi-identifier is generalized: NAME=FILE.csv (value;level 1;level 2;...), or NAME=intervals,
            dates, digits or flat.
        k: rows that agree on all quasi-identifiers, at least (5).
        l: different values of each sensitive column among them, at least.
        diversity: what l counts: distinct values, or exp of their entropy.
        t: how far their sensitive values may be from those of the whole table, 0 to 1.
        limit: share of the rows that may be left out (0.02).
        method: exact search of all ways to generalize, Mondrian for large tables, or auto.
        seconds: for the exact search at most (60).
        keep_order: leave rows in their order, which can tell them apart.
        person: column that says whose dates are shifted; the pseudonym column if there is one.
        days: dates are moved by so many days at most, either way (365).
        weeks: move dates by whole weeks, so that weekdays stay.
        context: what a pseudonym column identifies, as NAME=KIND, so that tables with other names can be joined.
        key: file that keeps the key of pseudonyms; made at first use, in the key home if not given.
        key_service: key that keeps that key: file:PATH, transit:MOUNT/NAME and so on.
        lookup: write the values of pseudonyms to this file, sealed; casemate unseal opens it.
        lookup_for: who can open it, as for casemate seal --encrypt-for; the key services if not given.
        attack: attack the table and its release, and compare; it is unless said otherwise.
        errors: chance that a value which one of the attackers knows is wrong (0.1).
        victims: at most so many people are attacked (3000).
        at_most: linkage rate that is tolerated; 1/k and 2 points if not given.
        seed: of who is attacked.
        synthetic: write rows of nobody, drawn from noisy marginals with differential privacy, and a signed certificate.
        epsilon: of the budget for that (1).
        delta: of the budget, far below 1 / rows; without it epsilon is pure, and the rows are of less use.
        domain: what a column can hold, said beforehand, as NAME=LOW..HIGH (numbers or days) or NAME=A|B|C; otherwise it
            is taken from the rows and assumed to be public.
        target: column that a classifier learns from the synthetic rows; a sensitive one if not given.
        separator: between cells of CSV.
        format: what goes to stdout: text or json.
        config: a TOML file whose section [anonymize] says how to release.
        evidence: folder for a signed ledger: what was asked, recorded before the first attack, and what came of it.
        plan: only show the roles of columns, and as TOML to be mended; nothing is written.
        replace: replace a file that is there already.
    """
    told: dict[str, Any] = {
        "k": k, "l": l, "diversity": diversity, "t": t, "limit": limit, "method": method, "seconds": seconds,
        "keep_order": keep_order, "person": person, "days": days, "weeks": weeks, "key": key and str(key),
        "key_service": key_service, "attack": attack, "errors": errors, "victims": victims, "at_most": at_most,
        "seed": seed, "separator": separator, "synthetic": synthetic, "epsilon": epsilon, "delta": delta,
        "target": target, "domains": _pairs("domain", domain), "format": format, "contexts": _pairs("context", context),
        "hierarchies": _pairs("hierarchy", hierarchy), "noise": _pairs("noise", noise),
    }  # fmt: skip
    named = {
        "quasi": quasi, "sensitive": sensitive, "drop": drop, "keep": keep, "pseudonym": pseudonym, "shift": shift,
        "noise": list(told["noise"] or ()),
    }  # fmt: skip
    section = read_options(config, {**told, "columns": _roles(named)})
    frame = read_table(table, section.separator)
    if plan:
        roles = infer_roles(frame, section.columns)
        console().print(f"{shown(roles)}\n\n{roles_toml(roles)}", soft_wrap=True, markup=False)
        return 0
    kind = "synthetic" if section.synthetic else "released"
    goal = out or (
        Path(section.released) if section.released else table.with_name(f"{table.stem}.{kind}{table.suffix}")
    )
    _check(table, goal, lookup, replace=replace)
    if section.synthetic:
        if lookup is not None or evidence is not None:
            raise UsageError(
                "a synthetic table has no pseudonyms to look up, and its certificate is its evidence",
                next_step="leave --lookup and --evidence out",
            )
        return anonymize_by_synthesis(table, frame, goal, section)
    secret = _key(section)

    def work() -> Publication:
        with watching() as observer:
            return publish(frame, section, secret, observer)

    def handed_out(made: Publication) -> tuple[bytes, dict[str, str]]:
        """Write what may be written; the report, and the digest of the released table."""
        if made.verdict[0] == "FAIL":
            return encoded(document(made, table.name, section.seed, {})).encode(), {}
        content = write_table(made.release.table, goal.suffix, section.separator)
        if lookup is not None:
            _seal(lookup, made, section, lookup_for, replace=replace)
        _write(goal, content, replace=replace)
        names = {"table": goal.name} | ({"lookup": lookup.name} if lookup else {})
        return encoded(document(made, table.name, section.seed, names)).encode(), {goal.name: Digest.of(content).hex}

    command = ""
    if evidence is not None:
        made, command = witness(evidence, table, section, work, handed_out)
    else:
        made = work()
        handed_out(made)
    verdict, said = made.verdict
    names = {} if verdict == "FAIL" else {"table": str(goal)} | ({"lookup": str(lookup)} if lookup else {})
    if section.format == "json":
        console().file.write(encoded(document(made, table.name, section.seed, names)))
    else:
        text = as_text(made, names, verdict, said) + (f"\nproof  {command}" if command else "")
        console().print(text, soft_wrap=True, markup=False)
    return EXIT[verdict]


def _pairs(option: str, given: Sequence[str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    found = {}
    for text in given:
        name, equals, value = text.rpartition("=")
        if not equals or not name or not value:
            raise UsageError(f"--{option} {text[:80]} has no value", next_step=f"write it as --{option} NAME=VALUE")
        found[name] = value
    return found


def _roles(named: dict[str, list[str] | None]) -> dict[str, str]:
    found: dict[str, str] = {}
    for role, names in named.items():
        for name in names or ():
            if found.setdefault(name, role) != role:
                raise UsageError(f"column {name!r} has two roles", next_step="name it once")
    return found


def _check(table: Path, goal: Path, lookup: Path | None, *, replace: bool) -> None:
    """What can be known before anything is done."""
    if goal.suffix not in (".csv", ".parquet"):
        raise UsageError(f"{goal.name} is no name of a table", next_step="end it in .csv or .parquet")
    for path in (goal, lookup):
        if path is None:
            continue
        if path.resolve() == table.resolve():
            raise UsageError(f"{path.name} is the table itself", next_step="choose another name: --out FILE")
        if not replace and os.path.lexists(path):
            raise UsageError(f"{path} exists already", next_step="choose another name, or give --replace")
    if lookup is not None and lookup.resolve() == goal.resolve():
        raise UsageError("the table and its lookup have one name", next_step="choose another for --lookup")


def _key(section: AnonymizeSection) -> PseudonymKey | None:
    if not section.key_service:
        return None
    services = open_services(section.key_service)
    path = Path(section.key) if section.key else default_home() / KEY
    return PseudonymKey.open(path, services) if path.exists() else PseudonymKey.create(path, services)


def _seal(
    path: Path, made: Publication, section: AnonymizeSection, readers: Sequence[str] | None, *, replace: bool
) -> None:
    """The values of pseudonyms, encrypted as they are written: no file ever holds them in the clear."""
    if not made.lookups:
        raise UsageError("there are no pseudonyms to turn back", next_step="leave --lookup out")
    services = open_recipients(readers) if readers else open_services(section.key_service)
    content = msgspec.json.encode({"schema": "casemate.lookup/1", "columns": made.lookups})
    with Sealer(path, services, length=len(content), name=path.stem, overwrite=replace) as sealer:
        sealer.update(content)
        sealer.finish()


def _write(path: Path, content: bytes, *, replace: bool) -> None:
    """All of the file or none of it."""
    with Draft(path, overwrite=replace) as draft:
        try:
            with os.fdopen(os.dup(draft.descriptor), "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise StorageError(f"{path} cannot be written", cause=error.strerror or str(error)) from error
        draft.publish()
