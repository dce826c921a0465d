"""Read a sealed model from disk, in the order in which ``judge`` wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from casemate.core.digests import Digest
from casemate.core.errors import TamperedError, UnreadableError, UsageError
from casemate.custody.provenance.attestation import BOM, Attestation
from casemate.custody.signing import judge
from casemate.custody.signing.judge import Judged
from casemate.custody.signing.place import Place, is_document
from casemate.custody.signing.policy import SealPolicy
from casemate.custody.signing.strict import MOST_BYTES
from casemate.custody.signing.tree import hash_files, list_files, read_small

MOST_ATTESTATIONS: Final = 100


@dataclass(frozen=True)
class Verified:
    """A sealed model that was read and judged.

    Attributes:
        judged: what is proved, and what the policy misses.
        documents: the bills of materials beside it, file name -> bytes; each is named by an attestation.
        bundle: SHA-256 of the bundle's bytes.
    """

    judged: Judged
    documents: dict[str, bytes]
    bundle: Digest


def verify_sealed(
    place: Place, policy: SealPolicy, now: datetime, done: Callable[[int], None] | None = None
) -> Verified:
    """Verify a sealed model.

    Args:
        place: where it is.
        policy: whose signature is trusted, and what else is asked for.
        now: the time, with its zone.
        done: called with the number of bytes after each read, from several threads.

    Raises:
        UsageError: there is no bundle.
        UnreadableError: something cannot be read.
        TamperedError: something was changed, added, removed, or is not what it says.
    """
    if not place.sealed:
        raise UsageError(
            f"{place.model.name} is not sealed",
            cause=f"there is no {place.bundle.name}",
            next_step="seal it with casemate seal, or ask its origin for the signature",
        )
    data = read_small(place.bundle.parent, place.bundle.name, MOST_BYTES)
    bound = judge.bind(data, policy, now)
    present = list_files(place.model, place.own)
    unsigned = judge.unsigned_files(bound, policy, present)
    signed = [name for name in present if name not in set(unsigned)]
    compare_names(signed, bound)
    judge.match(bound, hash_files(place.model, signed, bound.manifest.serialization, done))
    said, documents = beside(place)
    attestations = judge.attested(bound, said)
    check_documents(documents, attestations)
    judged = judge.judge(bound, attestations, policy, now, unsigned)
    return Verified(judged, documents, Digest.of(data))


def compare_names(names: list[str], bound: judge.Bound) -> None:
    """Names first: nothing needs to be hashed to see that a file was added or removed.

    Raises:
        TamperedError: one was; it is named.
    """
    files = set(bound.manifest.files)
    if files != set(names):
        added, missing = sorted(set(names) - files), sorted(files - set(names))
        name, verb = (added[0], "is not signed") if added else (missing[0], "is missing")
        raise TamperedError(
            f"{name!r} {verb}",
            cause=f"{len(added)} files were added and {len(missing)} removed since the model was signed",
            next_step="get the model from its origin again",
        )


def beside(place: Place) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The attestations and the documents of a model, file name -> bytes.

    Raises:
        TamperedError: their folder was replaced by something else.
        UnreadableError: there are too many, or one cannot be read.
    """
    if not place.attestations.exists():
        return {}, {}
    if place.attestations.is_symlink() or not place.attestations.is_dir():
        raise TamperedError(f"{place.attestations.name} is no folder", cause="it was replaced")
    names = list_files(place.attestations)
    if len(names) > MOST_ATTESTATIONS:
        raise UnreadableError(f"{place.attestations.name} has more than {MOST_ATTESTATIONS} files")
    read = {name: read_small(place.attestations, name, MOST_BYTES) for name in names}
    return (
        {name: data for name, data in read.items() if not is_document(name)},
        {name: data for name, data in read.items() if is_document(name)},
    )


def check_documents(documents: dict[str, bytes], attestations: tuple[Attestation, ...]) -> None:
    """Compare bills of materials with the attestations that name them.

    Raises:
        TamperedError: one was changed, is missing, or is named by none.
    """
    named = {
        str(each.predicate.get("file")): str(each.predicate.get("sha256"))
        for each in attestations
        if each.predicate_type == BOM
    }
    for name, data in documents.items():
        if named.get(name) != Digest.of(data).hex:
            raise TamperedError(f"{name} is not the document that was signed", cause="no attestation names it so")
    for name in named.keys() - documents.keys():
        raise TamperedError(f"{name} is missing", cause="an attestation names it")
