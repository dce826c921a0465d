"""What is signed: an in-toto Statement v1 with the predicate of OpenSSF model signing 1.0.

    https://github.com/sigstore/model-transparency/blob/main/docs/model_signing_format.md

The subject is the model's name and root digest: SHA-256 over the digests of all resources, in the order of their names.
The root digest says nothing of the names, so ours carries a second one, over names and digests (``dirHash``, as Go's
``dirhash.Hash1`` makes it). Our extension stands in the predicate under a name of its own, which verifiers of v1.0 must
ignore: when it was signed, by which algorithms in which order, and which attestations were made with it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from casemate.core.digests import canonical_json
from casemate.core.errors import TamperedError, UnreadableError
from casemate.custody.signing.names import SINGLE, check_file_names
from casemate.custody.signing.strict import read_json
from casemate.ledger.statement import STATEMENT

PREDICATE: Final = "https://model_signing/signature/v1.0"
EXTENSION: Final = "urn:casemate:signature:1"
Hash = Literal["sha256", "blake2b"]
_SHARD = re.compile(r"(.+):(0|[1-9][0-9]{0,18}):([1-9][0-9]{0,18})", re.DOTALL)


class Resource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """One file, or one shard of a file: its name in the manifest, the digest in hexadecimal and the algorithm."""

    name: str
    digest: str
    algorithm: str


class Serialization(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How files became resources.

    Attributes:
        method: "files", one resource a file, or "shards".
        hash_type: "sha256" or "blake2b", as model-signing calls them.
        allow_symlinks: whether links were followed.
        ignore_paths: files and folders that were left out, relative to the model.
        shard_size: bytes a shard, with "shards"; model-signing writes it as a float and cannot read that again.
    """

    method: Literal["files", "shards"]
    hash_type: Hash
    allow_symlinks: bool
    ignore_paths: tuple[str, ...] = ()
    shard_size: int | float | None = None

    def __post_init__(self) -> None:
        if (self.method == "shards") != (self.shard_size is not None):
            raise ValueError("a shard size belongs to the method shards, and to no other")
        if self.shard_size is not None and not (self.shard_size >= 1 and self.shard_size == int(self.shard_size)):
            raise ValueError("a shard has a whole number of bytes")

    @property
    def algorithm(self) -> str:
        """The algorithm's name in each resource."""
        return self.hash_type if self.shard_size is None else f"{self.hash_type}-sharded-{int(self.shard_size)}"


class Extension(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What casemate says in a statement beyond model signing 1.0.

    Attributes:
        signed: when, in UTC and ISO 8601, by the signer's clock.
        required: the algorithm of each signature, in order; an envelope with fewer, more or others is refused.
        attested: predicate types of the attestations made together with the signature, sorted.
    """

    signed: str
    required: tuple[str, ...]
    attested: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True):
    """All resources of a model, sorted as model-signing sorts them, and how they came to be."""

    name: str
    resources: tuple[Resource, ...]
    serialization: Serialization

    @property
    def root(self) -> str:
        """SHA-256 over the resources' digests in order."""
        state = hashlib.sha256()
        for each in self.resources:
            state.update(bytes.fromhex(each.digest))
        return state.hexdigest()

    @property
    def names_digest(self) -> str:
        """SHA-256 over a line "digest  name" for each resource, sorted by name in bytes (Go's dirhash.Hash1)."""
        lines = sorted((each.name.encode(), each.digest) for each in self.resources)
        return hashlib.sha256(b"".join(b"%b  %b\n" % (digest.encode(), name) for name, digest in lines)).hexdigest()

    @property
    def digests(self) -> dict[str, str]:
        """Both digests, as a subject of our statements names this model."""
        return {"dirHash": self.names_digest, "sha256": self.root}

    @property
    def files(self) -> tuple[str, ...]:
        """The files' names, sorted and each once."""
        return tuple(
            dict.fromkeys(split_shard(each.name)[0] if self._sharded else each.name for each in self.resources)
        )

    @property
    def _sharded(self) -> bool:
        return self.serialization.method == "shards"

    def statement(self, extension: Extension | None = None) -> bytes:
        """The payload to sign: canonical JSON."""
        predicate: dict[str, Any] = {"resources": self.resources, "serialization": self.serialization}
        digest = {"sha256": self.root}
        if extension is not None:
            predicate[EXTENSION] = extension
            digest = self.digests
        subject = [{"name": self.name, "digest": digest}]
        return canonical_json(
            {"_type": STATEMENT, "subject": subject, "predicateType": PREDICATE, "predicate": predicate}
        )


class _Subject(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    digest: dict[str, str]


def split_shard(name: str) -> tuple[str, int, int]:
    """File, start and end of a shard's name "file:start:end".

    Raises:
        UnreadableError: it is no such name.
    """
    match = _SHARD.fullmatch(name)
    if match is None or int(match[2]) >= int(match[3]):
        raise UnreadableError("the manifest is damaged", cause=f"{name[:80]!r} names no shard")
    return match[1], int(match[2]), int(match[3])


def read_statement(payload: bytes) -> tuple[Manifest, Extension | None]:
    """The manifest in a payload whose signatures verified, and our extension if it is there.

    Raises:
        UnreadableError: it is not a statement of model signing 1.0.
        TamperedError: it contradicts itself, or names files that cannot be.
    """
    value = read_json(payload, "the signed statement")
    try:
        if set(value) != {"_type", "subject", "predicateType", "predicate"} or value["_type"] != STATEMENT:
            raise UnreadableError("this is not an in-toto Statement v1")
        if value["predicateType"] != PREDICATE:
            raise UnreadableError(
                f"the bundle signs {str(value['predicateType'])[:80]!r}", cause=f"{PREDICATE} was expected"
            )
        (subject,) = msgspec.convert(value["subject"], list[_Subject])
        predicate = value["predicate"]
        manifest = Manifest(
            subject.name,
            msgspec.convert(predicate["resources"], tuple[Resource, ...]),
            msgspec.convert(predicate["serialization"], Serialization),
        )
        said = predicate.get(EXTENSION)
        extension = None if said is None else msgspec.convert(said, Extension)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableError("the signed statement is not of model signing 1.0", cause=str(error)[:200]) from None
    _check_resources(manifest)
    expected = manifest.digests if extension is not None else {"sha256": manifest.root}
    if subject.digest != expected:
        raise TamperedError("the manifest is inconsistent", cause="its digest is not that of its resources")
    if extension is not None and manifest.statement(extension) != payload:
        raise TamperedError("the signed statement is not in canonical form")
    return manifest, extension


def _check_resources(manifest: Manifest) -> None:
    length = {"sha256": 64, "blake2b": 128}[manifest.serialization.hash_type]
    if not manifest.resources:
        raise TamperedError("the manifest is empty", cause="a signature over nothing says nothing")
    for each in manifest.resources:
        if each.algorithm != manifest.serialization.algorithm or not re.fullmatch(f"[0-9a-f]{{{length}}}", each.digest):
            raise UnreadableError(
                "the manifest is damaged", cause=f"the digest of {each.name[:80]!r} is not {length} hexadecimal digits"
            )
    check_file_names(manifest.files)
    if manifest.serialization.method == "shards":
        _check_shards(manifest)
    elif len(set(manifest.files)) != len(manifest.resources):
        raise TamperedError("the manifest names a file twice")


def _check_shards(manifest: Manifest) -> None:
    """Each file's shards follow each other from 0, all full but the last."""
    size = int(manifest.serialization.shard_size or 0)
    ends: dict[str, int] = {}
    for name, start, end in sorted(split_shard(each.name) for each in manifest.resources):
        before = ends.get(name, 0)
        if start != before or start % size or end - start > size:
            raise TamperedError(f"the shards of {name!r} leave a gap or overlap")
        ends[name] = end


def ordered(resources: Sequence[Resource], method: str) -> tuple[Resource, ...]:
    """Resources in the order in which model-signing digests them: by path part, then by shard."""

    def key(each: Resource) -> tuple[tuple[str, ...], int, int]:
        name, start, end = split_shard(each.name) if method == "shards" else (each.name, 0, 0)
        return (() if name == SINGLE else tuple(name.split("/"))), start, end

    return tuple(sorted(resources, key=key))
