"""How to redact, as data: the ``[redact]`` section of a configuration and the variables ``CASEMATE_*``."""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from casemate.core.errors import UsageError
from casemate.keys.files import LIMIT, open_private_file
from casemate.privacy.text.analyzer import Analyzer, Mode
from casemate.privacy.text.choice import operators, wanted
from casemate.privacy.text.corrections import Correction, read_corrections
from casemate.privacy.text.recognizer import Recognizer, built_in, parse
from casemate.privacy.text.redactor import Redactor

Format = Literal["auto", "text", "json", "jsonl", "csv", "parquet", "html", "mail", "pdf", "docx"]


class RedactSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[redact]``: how ``casemate redact`` redacts. Handed to each process as it is.

    Attributes:
        mode: how hard to look: "fast", "balanced" or "accurate".
        language: of the texts, as ISO 639-1 codes; all if none.
        type: that are looked for, or all that are "direct", "quasi", "special" or "secret"; all if none.
        operator: what stands in the place, as "label", or as "PERSON=mask" for one type.
        secret_file: for "pseudonym", "surrogate" and "fpe": at least 16 random bytes that only you can read (0600).
        threshold: least score of what is replaced, 0 to 1.
        recognizers: TOML files with recognizers of your own.
        corrections: TOML files of what a tenant knows better: words that are nobody's, and words that are somebody's.
        workers: processes; 0 for as many as there are processors.
        format: of the input: "auto" tells it by the file's name.
        sample: labeled texts on which an audit measures what leaks (see `casemate.privacy.text.labeled`).
    """

    mode: Mode = "balanced"
    language: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    operator: tuple[str, ...] = ()
    secret_file: str = ""
    threshold: float = 0.5
    recognizers: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    workers: int = 0
    format: Format = "auto"
    sample: str = ""

    def beside(self, folder: Path) -> RedactSection:
        """The same with paths that start at a folder."""

        def there(path: str) -> str:
            return str(folder / Path(path).expanduser()) if path else ""

        return msgspec.structs.replace(
            self, recognizers=tuple(map(there, self.recognizers)), corrections=tuple(map(there, self.corrections)),
            secret_file=there(self.secret_file), sample=there(self.sample),
        )  # fmt: skip

    def redactor(self) -> Redactor:
        """What this section asks for.

        Raises:
            UsageError: a type or an operator is unknown, or a file of recognizers or the secret cannot be read.
        """
        mine = [each for path in self.recognizers for each in parse(_text(Path(path)))]
        corrections = tuple(each for path in self.corrections for each in read_corrections(Path(path)))
        own = {one.type for one in mine} | {one.type for one in corrections}
        types = wanted(self.type, own)
        by_type, default = operators(self.operator, _secret(self.secret_file), own)
        recognizers = (*built_in(), *mine) if mine else None
        analyzer = _analyzer(self.mode, self.language, types, recognizers, self.threshold, corrections)
        return Redactor(analyzer, by_type, default)


@functools.lru_cache(maxsize=4)
def _analyzer(
    mode: Mode,
    languages: tuple[str, ...],
    types: tuple[str, ...],
    recognizers: tuple[Recognizer, ...] | None,
    threshold: float,
    corrections: tuple[Correction, ...],
) -> Analyzer:
    """One for all documents of a process: compiling its expressions takes seconds."""
    return Analyzer(
        mode, languages=languages, types=types, recognizers=recognizers, threshold=threshold, corrections=corrections
    )


def read_options(
    config: Path | None, given: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> RedactSection:
    """What is asked for: options win over ``CASEMATE_*`` variables, and those over the file.

    Args:
        config: a TOML file; only its section ``[redact]`` is read, and its paths start at the file.
        given: options by name; None where one was not given.
        environment: the variables.

    Raises:
        UsageError: the file cannot be read, or a key or a value is unknown.

    Example:
        >>> read_options(None, {"mode": "fast"}, {"CASEMATE_OPERATOR": "mask,PERSON=label"}).operator
        ('mask', 'PERSON=label')
    """
    found = {} if config is None else _section(config)
    for field in msgspec.structs.fields(RedactSection):
        text = environment.get(f"CASEMATE_{field.name.upper()}")
        if text is not None and field.name != "format":  # that one is about reports elsewhere
            found[field.name] = text.split(",") if isinstance(field.default, tuple) else text
    found.update({name: value for name, value in given.items() if value is not None})
    try:
        section = msgspec.convert(found, RedactSection, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(
            "the options of the redaction cannot be used",
            cause=str(error),
            next_step=f"mend [redact] in {config.name}, the option or the variable" if config else "mend the option",
        ) from error
    if not 0 <= section.threshold <= 1 or section.workers < 0:
        raise UsageError("threshold is 0 to 1, and workers at least 0", next_step="mend the option")
    return section


def _section(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(_text(file)).get("redact", {})
    except ValueError as error:
        raise UsageError(f"{file.name} cannot be read", cause=str(error)[:300], next_step="mend the file") from error
    if not isinstance(found, dict):
        raise UsageError(f"{file.name}: redact is no section", next_step="write it as [redact]")
    try:
        section = msgspec.convert(found, RedactSection)
    except msgspec.ValidationError:
        return found  # what is wrong with it is said with the options
    there = msgspec.to_builtins(section.beside(file.parent))
    return {name: there[name] for name in found}


def _secret(path: str) -> bytes:
    if not path:
        return b""
    with os.fdopen(open_private_file(Path(path).expanduser()), "rb") as stream:
        data = stream.read(LIMIT)
    if not data:
        raise UsageError(f"the secret file {path} is empty", next_step="write 32 random bytes to it")
    return data


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{file.name} cannot be read", cause=str(error)[:200], next_step="name a TOML file") from error
