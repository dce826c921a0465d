"""``casemate.toml``: what to audit, judged by what. A key nobody knows is an error that names the nearest one."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from casemate.core.errors import UsageError
from casemate.core.policy import Policy, Tolerance
from casemate.data.schema import Column
from casemate.privacy.tables.options import AnonymizeSection
from casemate.privacy.tables.purpose.section import PurposeSection
from casemate.privacy.text.options import RedactSection
from casemate.threats.supply_chain.options import ScanSection


class AuditSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[audit]``: how to run.

    Attributes:
        out: folder of the audit, relative to the configuration file.
        seed: root of all randomness.
        effort: "quick", "standard" or "thorough".
        workers: processes.
        only: ids of assessments to run, or all that fit when empty.
        skip: ids of assessments to leave out.
    """

    out: str = "audit"
    seed: int = 20_260_101
    effort: str = "standard"
    workers: int = 1
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


class DataSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[data]``: what the models were trained on, and what they never saw: tables, or tensors from ``.npz`` files.

    Attributes:
        name: what the report calls the data.
        train, holdout: files, relative to the configuration file.
        target: the column of a table that the models predict.
        subject: the column that says whose row it is, or None.
        sensitive: columns whose disclosure does harm.
        groups: columns that accuracy is compared across.
    """

    train: str
    holdout: str
    target: str = ""
    name: str = "data"
    subject: str | None = None
    sensitive: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class ModelSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[model]]``: one model file.

    Attributes:
        name: what the report calls it.
        path: the file, relative to the configuration file.
        network: of a torch model, the function that makes its module, as "file.py:function"; ``path`` holds weights.
        recipe: whether the file's estimator, cloned and fitted on ``train``, is how the model came to be.
        answers: what the deployed model tells: "scores", "rounded-K" or "top-1".
        certificate: of a private model; the file beside it, NAME.certificate.json, unless given.
    """

    name: str
    path: str
    network: str = ""
    recipe: bool = True
    answers: str = "scores"
    certificate: str = ""


class LoadSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[load]``: what is asked of model files before they are loaded.

    Attributes:
        allow: classes of the user's own that they may name, as "package.module:Class".
        policy: a verification policy that the seal of each must meet, relative to the configuration file; "" for none.
    """

    allow: tuple[str, ...] = ()
    policy: str = ""


class DefenseSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[defense]]``: a defense to try on some models.

    Attributes:
        use: id of the defense, for example "inversion.regularize".
        models: names of models; all when empty.
        options: the defense's own settings.
    """

    use: str
    models: tuple[str, ...] = ()
    options: dict[str, Any] = {}


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. ``folder`` is where it lies; relative paths start there."""

    data: DataSection
    model: tuple[ModelSection, ...]
    system: str = "an AI system"
    audit: AuditSection = AuditSection()
    load: LoadSection = LoadSection()
    policy: Policy = Policy()
    column: tuple[Column, ...] = ()
    assess: dict[str, dict[str, Any]] = {}
    defense: tuple[DefenseSection, ...] = ()
    scan: ScanSection = ScanSection()
    anonymize: AnonymizeSection = AnonymizeSection()
    redact: RedactSection = RedactSection()
    purpose: PurposeSection = PurposeSection()
    folder: str = "."

    def path(self, relative: str) -> Path:
        """A path from the file, made absolute."""
        return Path(self.folder, relative)


def read_config(path: Path, **overrides: Any) -> Config:
    """Read a configuration file.

    Options given by the caller win over ``CASEMATE_*`` variables, and those over the file.

    Args:
        path: the file, or a folder with a ``casemate.toml``.
        **overrides: keys of ``[audit]``; None means not given.

    Raises:
        UsageError: the file is missing, is not TOML, or holds a key or value nobody knows.
    """
    path = path / "casemate.toml" if path.is_dir() else path
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no {path.name} in {path.parent}",
            next_step="write one with `casemate init`, or name another file",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} is not TOML", cause=str(error), next_step="mend that line") from error
    raw.pop("folder", None)
    section = raw.setdefault("audit", {})
    if isinstance(section, dict):
        section.update(_environment())
        section.update({key: value for key, value in overrides.items() if value is not None})
    try:
        config = msgspec.convert(raw, Config, strict=True)
    except (msgspec.ValidationError, ValueError) as error:
        raise UsageError(f"{path.name}: {_explain(str(error))}", next_step="mend that key") from error
    if config.audit.effort not in ("quick", "standard", "thorough"):
        raise UsageError(f"audit.effort is {config.audit.effort!r}", next_step='use "quick", "standard" or "thorough"')
    config = msgspec.structs.replace(config, folder=str(path.parent.resolve()))
    if not config.purpose.stated:
        return config
    assess, policy = config.purpose.options(config.assess), config.purpose.policy(config.policy)
    return msgspec.structs.replace(config, assess=assess, policy=policy)


def _environment() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in AuditSection.__struct_fields__:
        text = os.environ.get(f"CASEMATE_{name.upper()}")
        if text is not None:
            kind = AuditSection.__annotations__[name]
            found[name] = _number(name, text) if kind == "int" else text.split(",") if kind[:5] == "tuple" else text
    return found


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(
            f"CASEMATE_{name.upper()} is {text[:40]!r}", cause="it is no whole number", next_step="mend or unset it"
        ) from error


def _explain(message: str) -> str:
    """Add the nearest known key to msgspec's message about an unknown field."""
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if not unknown:
        return message
    known = {field for struct in _sections() for field in struct.__struct_fields__} - {"folder"}
    near = difflib.get_close_matches(unknown.group(1), sorted(known), n=1)
    return f"{message}; did you mean {near[0]!r}?" if near else message


def _sections() -> tuple[type[msgspec.Struct], ...]:
    return (
        Config,
        AuditSection,
        DataSection,
        ModelSection,
        LoadSection,
        DefenseSection,
        ScanSection,
        AnonymizeSection,
        RedactSection,
        PurposeSection,
        Policy,
        Tolerance,
        Column,
    )
