"""Seal a model: hash every file once, sign the manifest, and put statements about it beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from casemate.core.errors import StorageError, UsageError
from casemate.custody.provenance.attestation import attest
from casemate.custody.signing.bundle import write_bundle
from casemate.custody.signing.envelope import sign_payload
from casemate.custody.signing.manifest import Extension, Manifest, Serialization
from casemate.custody.signing.place import Place
from casemate.custody.signing.tree import hash_files, list_files
from casemate.keys.ecdsa import EcdsaVerifier
from casemate.keys.signing import Signer
from casemate.keys.text import algorithm_of

GIT: Final = (".git", ".gitattributes", ".github", ".gitignore")
"""What model-signing leaves out unless told otherwise."""


@dataclass(frozen=True)
class Seal:
    """What is written beside a model.

    Attributes:
        manifest: what was signed.
        bundle: the bundle's bytes.
        attestations: file name -> bytes.
        documents: bills of materials, file name -> bytes.
    """

    manifest: Manifest
    bundle: bytes
    attestations: Mapping[str, bytes]
    documents: Mapping[str, bytes] = field(default_factory=dict)


def survey(
    place: Place,
    *,
    ignore: Sequence[str] = (),
    shard_size: int | None = None,
    done: Callable[[int], None] | None = None,
) -> Manifest:
    """List and hash the files of a model.

    Args:
        place: where it is.
        ignore: files and folders to leave unsigned; verifiers refuse them unless their policy says the same.
        shard_size: bytes a shard, or None to hash whole files.
        done: called with the number of bytes after each read, from several threads.

    Raises:
        TamperedError: a file cannot be signed: a link, a special file, a name with a twin.
        UsageError: the folder holds a git repository, which model-signing would leave out silently.
    """
    _clear(place)
    left_out = (*place.own, *ignore)
    names = list_files(place.model, left_out)
    held = [name for name in GIT if any(each == name or each.startswith(f"{name}/") for each in names)]
    if held:
        raise UsageError(
            f"the folder holds {held[0]}",
            cause="model-signing never signs it, so its verifiers and ours would disagree",
            next_step=f"seal an export of the model, or leave it out on purpose: --ignore {held[0]}",
        )
    serialization = Serialization(
        method="files" if shard_size is None else "shards",
        hash_type="sha256",
        allow_symlinks=False,
        ignore_paths=tuple(sorted(left_out)),
        shard_size=shard_size,
    )
    if not names:
        raise UsageError(f"{place.model.name} holds no file", next_step="give the model's folder")
    return Manifest(place.model.resolve().name, hash_files(place.model, names, serialization, done), serialization)


def seal(
    manifest: Manifest,
    signers: Sequence[Signer],
    time: str,
    statements: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None,
    documents: Mapping[str, bytes] | None = None,
    certificates: Sequence[bytes] = (),
) -> Seal:
    """Sign a manifest and statements about it.

    Args:
        manifest: from ``survey``.
        signers: the first over P-256, P-384 or P-521, which model-signing verifies; more may follow.
        time: when, in ISO 8601.
        statements: file name -> predicate type and predicate.
        documents: bills of materials that statements name by digest.
        certificates: the first key's certificate and its issuers, in DER.

    Raises:
        UsageError: the first key is not over one of these curves.
    """
    first = signers[0].verifier if signers else None
    if not isinstance(first, EcdsaVerifier):
        raise UsageError(
            "the first key must be an ECDSA key",
            cause="model-signing verifies the first signature, and knows only ECDSA",
            next_step="put the ECDSA key first and other keys after it",
        )
    said = statements or {}
    extension = Extension(
        time,
        tuple(algorithm_of(signer.verifier) for signer in signers),
        tuple(sorted({predicate_type for predicate_type, _ in said.values()})),
    )
    envelope = sign_payload(manifest.statement(extension), signers)
    bundle = write_bundle(envelope, hint=first.hint, certificates=certificates)
    made = {name: attest(kind, predicate, manifest, signers) for name, (kind, predicate) in said.items()}
    return Seal(manifest, bundle, made, documents or {})


def publish(place: Place, made: Seal, *, replace: bool = False) -> None:
    """Write a seal: attestations first, the bundle last, each folder and file by rename.

    Raises:
        UsageError: the model is sealed already.
        StorageError: it cannot be written.
    """
    if (place.bundle.exists() or place.attestations.exists()) and not replace:
        raise UsageError(
            f"{place.model.name} is sealed already",
            cause=f"{place.bundle.name} or {place.attestations.name} is there",
            next_step="verify it, or seal it anew with --replace",
        )
    part = _part(place)
    _clear(place)
    try:
        part.mkdir()
        place.bundle.unlink(missing_ok=True)
        if place.attestations.exists():
            place.attestations.rename(part / "old")
        if made.attestations:
            (part / "new").mkdir()
            for name, data in {**made.documents, **made.attestations}.items():
                _write(part / "new" / name, data)
            (part / "new").rename(place.attestations)
        _write(part / "bundle", made.bundle)
        (part / "bundle").rename(place.bundle)
        shutil.rmtree(part)
    except OSError as error:
        raise StorageError("the seal cannot be written", cause=error.strerror or str(error)) from error


def _part(place: Place) -> Path:
    return place.bundle.with_name(f".{place.bundle.name}.part")


def _clear(place: Place) -> None:
    """Remove what a sealing that was killed left; nothing else has this name."""
    if _part(place).is_dir() and not _part(place).is_symlink():
        shutil.rmtree(_part(place))


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
