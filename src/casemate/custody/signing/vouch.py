"""Signatures at the load guard: the digests that a seal binds, compared with the bytes that will be loaded.

``verify`` reads a model's files; a load must not, because a file that is read twice can be two files. So this verifier
never opens them: it is shown the digests of the bytes in sealed memory and finds each of them in the signed manifest.
From the disk come only the seal, whose bytes a trusted key has signed, and the names in the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from casemate.core.digests import Digest
from casemate.core.errors import TamperedError, UnreadableError, UnsafeArtifactError, UsageError
from casemate.custody.guard.policy import Subject, Verified
from casemate.custody.signing import judge
from casemate.custody.signing.judge import Bound
from casemate.custody.signing.names import SINGLE
from casemate.custody.signing.place import Place, place_of
from casemate.custody.signing.policy import SealPolicy
from casemate.custody.signing.strict import MOST_BYTES
from casemate.custody.signing.tree import list_files, read_small
from casemate.custody.signing.verify import beside, check_documents, compare_names


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Read:
    """A seal as it lies on the disk.

    Attributes:
        place: where.
        bundle: its bytes.
        present: the names of the files in the sealed folder, or "." for a file.
        said, documents: attestations and bills of materials, file name -> bytes.
    """

    place: Place
    bundle: bytes
    present: tuple[str, ...]
    said: dict[str, bytes]
    documents: dict[str, bytes]


class SignedUnder:
    """Vouches for files that a seal covers, if the seal meets a policy: a verifier for ``casemate.custody.load``.

    The seal is the one beside the file (``NAME.sig``), else the one in its folder (``model.sig``). Of a sealed folder,
    the names must be the signed ones, all of them and no others; the content is checked of the files that are loaded.

    Args:
        policy: whose signature is trusted, and which attestations are asked for.
        root: the sealed folder, where it is not the folder in which the file lies.
        now: the time, with its zone.

    Example:
        >>> from casemate.custody import Policy
        >>> from casemate.custody.signing.home import home_policy
        >>> policy = Policy(verifiers=(SignedUnder(home_policy(Path("keys"))),))
    """

    def __init__(self, policy: SealPolicy, root: Path | None = None, *, now: Callable[[], datetime] = _now) -> None:
        self.policy = policy
        self.root = root
        self._now = now

    def verify(self, subject: Subject) -> Verified:
        """Vouch if the seal is by trusted keys, binds every file of ``subject`` and meets the policy.

        Raises:
            TamperedError: there is no seal, no trusted key signed it, or it is about other bytes or other files.
            UnreadableError: the seal cannot be read, or binds no SHA-256 of whole files.
            UnsafeArtifactError: it is genuine, and the policy asks for more.
            UsageError: the file does not lie below ``root``.
        """
        return self.judge(self.read(subject.path), subject)

    def read(self, path: Path) -> Read:
        """Read the seal of a file, and what its folder holds; nothing is judged yet.

        Raises:
            TamperedError: there is no seal, or the folder holds what cannot be signed.
            UnreadableError: something cannot be read.
        """
        place = self._place(path)
        data = read_small(place.bundle.parent, place.bundle.name, MOST_BYTES)
        return Read(place, data, tuple(list_files(place.model, place.own)), *beside(place))

    def judge(self, seal: Read, subject: Subject) -> Verified:
        """As ``verify``, of a seal that has been read: pure."""
        now, data, place = self._now(), seal.bundle, seal.place
        bound = judge.bind(data, self.policy, now)
        unsigned = judge.unsigned_files(bound, self.policy, seal.present)
        compare_names([name for name in seal.present if name not in set(unsigned)], bound)
        _match(bound, _named(place, subject))
        attestations = judge.attested(bound, seal.said)
        check_documents(seal.documents, attestations)
        judged = judge.judge(bound, attestations, self.policy, now, unsigned)
        if judged.unmet:
            raise UnsafeArtifactError(
                f"{subject.path.name} does not meet {self.policy.name}",
                cause="; ".join(judged.unmet[:3]),
                next_step="casemate verify --policy shows the whole chain; ask the model's origin for what is missing",
            )
        return Verified(method="signature", by=", ".join(bound.by), statement=Digest.of(data))

    def _place(self, path: Path) -> Place:
        if self.root is not None:
            return _sealed(place_of(self.root), path)
        own = place_of(path)
        return own if own.sealed else _sealed(place_of(path.parent), path)


def _sealed(place: Place, path: Path) -> Place:
    if not place.sealed:
        raise TamperedError(
            f"{path.name} is not sealed, and the policy asks for a signature",
            cause=f"there is no {place.bundle.name} for it",
            next_step="ask its origin for the seal, or seal it with casemate seal",
        )
    return place


def _named(place: Place, subject: Subject) -> dict[str, Digest]:
    """The digests by the names that the manifest gives the files. Nothing is opened."""
    first, *others = subject.files
    if not place.model.is_dir():
        return {SINGLE: subject.files[first], **{name: subject.files[name] for name in others}}
    try:
        folder = PurePosixPath(subject.path.parent.absolute().relative_to(place.model.absolute()).as_posix())
    except ValueError:
        raise UsageError(
            f"{subject.path.name} does not lie in {place.model.name}",
            cause="the seal of a folder is about the files in it",
            next_step="give the folder that was sealed, or leave it out",
        ) from None
    return {str(folder / name): digest for name, digest in subject.files.items()}


def _match(bound: Bound, found: Mapping[str, Digest]) -> None:
    serialization = bound.manifest.serialization
    if serialization.method != "files" or serialization.hash_type != "sha256":
        raise UnreadableError(
            "the seal has no SHA-256 of whole files",
            cause=f"it was made with {bound.manifest.resources[0].algorithm}, which a load cannot compare",
            next_step="seal the model with casemate seal",
        )
    signed = {each.name: each.digest for each in bound.manifest.resources}
    for name, digest in found.items():
        if name not in signed:
            raise TamperedError(
                f"{name!r} is not signed",
                cause="the seal does not cover this file, and it would be loaded",
                next_step="get the model from its origin again, or seal it whole",
            )
        if signed[name] != digest.hex:
            raise TamperedError(
                f"{name!r} was changed",
                cause=f"the bytes that would be loaded have the digest {digest}, another one was signed",
                next_step="get the model from its origin again",
            )
