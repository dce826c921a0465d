"""A first configuration, written by looking at the model and its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from casemate.audit.initial_network import WEIGHTS, render_networks
from casemate.core.errors import UsageError
from casemate.custody import Loaded, open_model
from casemate.data import Schema, infer_schema, read_frame
from casemate.data.tensors import holds_tensors

TABLES = (".csv", ".parquet", ".npz")
MODELS = (".joblib", ".pkl", ".pickle")
TRAIN_NAMES = ("train", "training", "members")
HOLDOUT_NAMES = ("holdout", "test", "valid", "validation", "nonmembers")
SUBJECT_NAMES = ("id", "sno", "subject", "patient", "patient_id", "user", "user_id", "pidnum", "customer_id")
SENSITIVE_WORDS = ("race", "ethnic", "sex", "gender", "religion", "income", "hiv", "drug", "homo", "disab", "relig")


def write_initial(folder: Path, *, overwrite: bool = False) -> Path:
    """Look at the models and tables below a folder and write a commented ``casemate.toml`` there.

    Raises:
        UsageError: there is nothing to look at, or a configuration is there already.
    """
    goal = folder / "casemate.toml"
    if goal.exists() and not overwrite:
        raise UsageError(f"{goal} exists", next_step="edit it, or give --overwrite")
    models, tables = _below(folder, MODELS), _below(folder, TABLES)
    if tensors := [path for path in tables if holds_tensors(path)]:
        train, holdout = _split(tensors)
        files = _below(folder, (*WEIGHTS, ".py"))
        goal.write_text(render_networks(folder, files, train, holdout), encoding="utf-8")
        return goal
    if not models or not tables:
        raise UsageError(
            f"{folder} has {len(models)} model files and {len(tables)} tables",
            cause="a configuration needs at least one of each",
            next_step=f"put models ({', '.join(MODELS)}) and tables ({', '.join(TABLES)}) there, or name the folder",
        )
    train, holdout = _split(tables)
    loaded = [(path, open_model(path)) for path in models]
    goal.write_text(_render(folder, loaded, train, holdout), encoding="utf-8")
    return goal


def _below(folder: Path, endings: Sequence[str]) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in endings and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _split(paths: Sequence[Path]) -> tuple[Path, Path]:
    """The file that was trained on and the one that was not, as their names say."""
    train = _named(paths, TRAIN_NAMES) or paths[0]
    return train, _named(paths, HOLDOUT_NAMES) or next((path for path in paths if path != train), train)


def _named(paths: Sequence[Path], names: Sequence[str]) -> Path | None:
    return next((path for name in names for path in paths if name in path.stem.lower()), None)


def _render(folder: Path, loaded: Sequence[tuple[Path, Loaded]], train: Path, holdout: Path) -> str:
    frame = read_frame(train)
    target = _target(frame, loaded)
    subject = next((name for name in frame.columns if str(name).lower() in SUBJECT_NAMES), None)
    features = frame.drop(columns=[name for name in (target, subject) if name is not None])
    schema = infer_schema(features)
    sensitive = [name for name in schema.names if any(word in name.lower() for word in SENSITIVE_WORDS)]
    models = "\n".join(
        f'[[model]]\nname = "{path.stem}"\npath = "{path.relative_to(folder).as_posix()}"\n'
        "recipe = true          # its estimator, cloned and fitted on train, is how it came to be\n"
        f"# {type(found.model).__name__}, sha256 {found.digest.short}...\n"
        for path, found in loaded
    )
    subject_line = f'subject = "{subject}"' if subject else '# subject = "column that says whose row it is"'
    return TEMPLATE.format(
        train=train.relative_to(folder).as_posix(),
        holdout=holdout.relative_to(folder).as_posix(),
        target=target,
        subject=subject_line,
        sensitive=", ".join(f'"{name}"' for name in sensitive),
        models=models,
        columns=_columns(schema),
    )


def _target(frame: pd.DataFrame, loaded: Sequence[tuple[Path, Loaded]]) -> str:
    """The column that no model takes as input and that holds its classes."""
    for _, found in loaded:
        used = set(map(str, getattr(found.model, "feature_names_in_", ())))
        classes = set(map(str, getattr(found.model, "classes_", ())))
        for name in frame.columns:
            if used and str(name) not in used and set(frame[name].dropna().astype(str)) == classes:
                return str(name)
    return str(frame.columns[-1])


def _columns(schema: Schema) -> str:
    lines = []
    for column in schema.columns:
        span = f"{column.low:g} to {column.high:g}" if column.low is not None and column.high is not None else ""
        words = span or ", ".join(column.categories[:4]) + (", ..." if len(column.categories) > 4 else "")
        lines.append(f"#   {column.name:<16} {column.type:<9} {words}{'  (may be missing)' if column.missing else ''}")
    return "\n".join(lines)


TEMPLATE = """\
# What casemate audits, and what its owner accepts. Written by `casemate init`; every line is yours to change.
# casemate audit    measures      casemate harden    tries the defenses below and attacks again

system = "our model"          # what the report calls it

[audit]
out = "audit"                 # the audit folder, beside this file
seed = 20260101               # the same seed gives the same figures
effort = "standard"           # quick, standard or thorough
workers = 1                   # processes

[data]
name = "data"
train = "{train}"             # exactly the rows the models were trained on
holdout = "{holdout}"         # people from the same population that they never saw
target = "{target}"           # the column they predict
{subject}
sensitive = [{sensitive}]     # columns whose disclosure does harm

{models}
# The columns as they were inferred. Mend one with a section like:
#   [[column]]
#   name = "age"
#   type = "number"           # number, integer, boolean, category, date
#   low = 0
#   high = 120
#   immutable = true          # an attacker cannot change it
#
{columns}

# What is accepted. Fixed and signed before the first trial; verdicts are decided on the bound, never on the estimate.
[policy]
owner = ""

[[policy.tolerances]]
name = "membership"           # of 100 strangers wrongly called patients' records: how many true ones are found
kind = "attack/membership/*"
metric = "tpr"
at = {{ fpr = 0.01 }}
at_most = 0.03
reason = ""

[[policy.tolerances]]
name = "extraction"           # how often a stolen copy agrees with the model after 1,000 questions
kind = "attack/extraction/*"
metric = "fidelity"
at = {{ queries = 1000 }}
at_most = 0.95
reason = ""

# Defenses that `casemate harden` tries.
[[defense]]
use = "inversion.regularize"

[[defense]]
use = "extraction.rounding"
"""
