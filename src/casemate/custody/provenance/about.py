"""What the owner of a model declares about it: a TOML file. What is not declared stays a visible gap.

    [model]
    name = "triage"
    version = "3"
    license = "Apache-2.0"            # an SPDX expression

    [training]
    builder = "https://ci.example.org/train"
    config = "train.toml"
    lock = "requirements.lock"
    results = "audit/results.json"
    finished = "2026-11-20T10:00:00Z"

    [[data]]
    name = "support2"
    path = "train.csv"
    license = "CC-BY-4.0"

    [[base]]
    name = "bert-base"
    path = "base/model.safetensors"

Paths are relative to the file. Files are read when the model is sealed, and enter by digest.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from casemate.core.digests import Digest
from casemate.core.errors import UsageError
from casemate.custody.provenance.attestation import read_time


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class ModelSection(_Section, frozen=True, kw_only=True):
    """The model.

    Attributes:
        name, version, description, supplier, license: as the owner says; the license as an SPDX expression.
        task: what it does, for example "classification".
        approach: how it was trained: "supervised", "unsupervised", "reinforcement-learning", ...
        family, architecture: for example "tree ensemble", "HistGradientBoostingClassifier".
        uri: where it is published.
    """

    name: str = ""
    version: str = ""
    description: str = ""
    supplier: str = ""
    license: str = ""
    task: str = ""
    approach: Literal[
        "", "supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised"
    ] = ""
    family: str = ""
    architecture: str = ""
    uri: str = ""


class TrainingSection(_Section, frozen=True, kw_only=True):
    """The training run.

    Attributes:
        builder: a URI that names who or what ran it.
        run: the run's own name or number.
        config: file of its configuration (TOML or JSON).
        lock: lock file of the environment: requirements with ``==``, or pylock.toml.
        environment: site-packages folder of the environment; never casemate's own unless it is given here.
        results: results.json of an audit of the model (casemate.results/1).
        started, finished: when, in ISO 8601 with a time zone.
    """

    builder: str = ""
    run: str = ""
    config: str = ""
    lock: str = ""
    environment: str = ""
    results: str = ""
    started: str = ""
    finished: str = ""


class DataSection(_Section, frozen=True, kw_only=True):
    """A data set: a file that is hashed, or a digest from elsewhere.

    Attributes:
        name, version, description, license, uri: as the owner says.
        path: its file.
        sha256: its digest, where the file is not here.
        role: what it was used for.
        sensitive: whether it holds personal data; None where nothing is said.
    """

    name: str
    path: str = ""
    sha256: str = ""
    version: str = ""
    description: str = ""
    license: str = ""
    uri: str = ""
    role: Literal["training", "validation", "test", "holdout"] = "training"
    sensitive: bool | None = None


class BaseSection(_Section, frozen=True, kw_only=True):
    """A model that this one was made from."""

    name: str
    path: str = ""
    sha256: str = ""
    version: str = ""
    license: str = ""
    uri: str = ""


class Risk(_Section, frozen=True, kw_only=True):
    """A risk and what is done about it."""

    name: str
    mitigation: str = ""


class ConsiderationsSection(_Section, frozen=True, kw_only=True):
    """What users of the model should know: users, use cases, limitations, trade-offs, and ethical risks."""

    users: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
    tradeoffs: tuple[str, ...] = ()
    ethical: tuple[Risk, ...] = ()


class About(_Section, frozen=True, kw_only=True):
    """The whole file. ``folder`` is where it lies."""

    model: ModelSection = ModelSection()
    training: TrainingSection | None = None
    data: tuple[DataSection, ...] = ()
    base: tuple[BaseSection, ...] = ()
    considerations: ConsiderationsSection = ConsiderationsSection()
    folder: str = ""

    def read(self, path: str) -> bytes:
        """A file that it names.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            return (Path(self.folder) / path).read_bytes()
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read",
                cause=error.strerror or str(error),
                next_step="check the path in the declaration",
            ) from None

    def digest(self, each: DataSection | BaseSection) -> str:
        """SHA-256 of a data set or base model in hexadecimal, or "" where neither file nor digest is given.

        Raises:
            UsageError: the file cannot be read, or contradicts the digest.
        """
        if not each.path:
            return each.sha256
        try:
            found = Digest.of_file(Path(self.folder) / each.path).hex
        except OSError as error:
            raise UsageError(
                f"{each.path} cannot be read", cause=error.strerror or str(error), next_step="give its sha256 instead"
            ) from None
        if each.sha256 and each.sha256 != found:
            raise UsageError(f"{each.path} is not the declared {each.name}", cause=f"its SHA-256 is {found}")
        return found


def read_about(path: Path) -> About:
    """Read a declaration.

    Raises:
        UsageError: it cannot be read, or says something that cannot be.
    """
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), About)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise UsageError(
            f"{path.name} is not a declaration about a model",
            cause=str(error)[:300],
            next_step="see docs/how-to/sign-and-verify.md",
        ) from None
    for name, digest in [(each.name, each.sha256) for each in found.data] + [(e.name, e.sha256) for e in found.base]:
        if digest:
            _check_digest(digest, name)
    training = found.training or TrainingSection()
    for time in (training.started, training.finished):
        if time and read_time(time) is None:
            raise UsageError(f"{time!r} is not a moment", next_step="write it as 2026-11-20T10:00:00Z")
    return msgspec.structs.replace(found, folder=str(path.parent))


def _check_digest(text: str, name: str) -> None:
    try:
        Digest(text)
    except ValueError:
        raise UsageError(f"the sha256 of {name} is no digest", next_step="give 64 lower-case digits") from None
