"""What a verifier asks for, as data. It belongs to whoever verifies, never to what is verified.

    schema = "casemate.seal-policy/1"

    [[signer]]
    name = "release"
    keys = ["release.vkey", "release.ml-dsa-65.vkey"]   # all of them must sign, in this order: a hybrid signer

    [bundle]
    any_of = ["release"]
    max_age_days = 90

    [[require]]
    predicate = "urn:casemate:scan:1"
    any_of = ["release"]
    verdicts = ["clean"]
    max_age_days = 30
    scanner = "0.2"

A signer with ``roots`` signs with a certificate that leads to one of them. Paths are relative to the policy's file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from casemate.core.errors import TamperedError, UnreadableError, UsageError
from casemate.custody.signing.certificates import read_pem_chain
from casemate.custody.signing.names import check_file_names
from casemate.custody.signing.place import BUNDLE
from casemate.keys.ecdsa import read_pem_public
from casemate.keys.signing import Verifier
from casemate.keys.text import read_vkey

SCHEMA: Literal["casemate.seal-policy/1"] = "casemate.seal-policy/1"


class SignerSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signer: all of its keys must sign, in order.

    Attributes:
        name: what the rest of the policy calls it.
        keys: public keys, as text, as .vkey files or as PEM files.
        roots: PEM file of the trusted roots, for a signer with a certificate; its key comes before ``keys``.
        identity: the certificate's subject (RFC 4514), or "" for any that the roots vouch for.
    """

    name: str
    keys: tuple[str, ...] = ()
    roots: str = ""
    identity: str = ""


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who must have signed: everybody in ``all_of``, somebody of ``any_of``, and how long ago at most (days)."""

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    max_age_days: float | None = None


class BundleSection(Signed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the bundle needs.

    Attributes:
        ignore: files and folders that may be unsigned, if the signed statement leaves them out too.
        certificate_time: when a certificate must be valid: "now", or when it was "signed" by the signer's own clock.
    """

    ignore: tuple[str, ...] = ()
    certificate_time: Literal["now", "signed"] = "now"


class Requirement(Signed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An attestation that must be there.

    Attributes:
        predicate: its predicate type.
        verdicts: for scans, the verdicts that are accepted; one scan with another verdict is enough to refuse.
        scanner: for scans, the least version of the scanner.
        rules: for scans, the least version of its rules.
    """

    predicate: str
    verdicts: tuple[str, ...] = ()
    scanner: str = ""
    rules: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal["casemate.seal-policy/1"]
    signer: tuple[SignerSection, ...]
    bundle: BundleSection
    require: tuple[Requirement, ...] = ()


@dataclass(frozen=True)
class Signer:
    """A signer with its keys read. ``roots`` are DER certificates; with them, a certificate's key comes first."""

    name: str
    keys: tuple[Verifier, ...]
    roots: tuple[bytes, ...] = ()
    identity: str = ""


@dataclass(frozen=True)
class SealPolicy:
    """A policy with its keys read.

    Attributes:
        name: what to call it.
        signers: everybody it trusts.
        bundle: what the bundle needs.
        require: attestations it needs.
    """

    name: str
    signers: tuple[Signer, ...]
    bundle: BundleSection = field(default_factory=BundleSection)
    require: tuple[Requirement, ...] = ()

    def __post_init__(self) -> None:
        names = [signer.name for signer in self.signers]
        if len(set(names)) != len(names):
            raise UsageError("the policy names a signer twice")
        try:
            check_file_names((BUNDLE, *self.bundle.ignore))
        except TamperedError as error:
            raise UsageError("[bundle] ignore is not a list of files and folders", cause=error.message) from None
        for rule in (self.bundle, *self.require):
            for name in (*rule.all_of, *rule.any_of):
                if name not in names:
                    raise UsageError(f"the policy knows no signer {name!r}", next_step=f"add a [[signer]] {name}")

    @property
    def keys(self) -> Iterator[Verifier]:
        """Every trusted key."""
        for signer in self.signers:
            yield from signer.keys


def trust(name: str, *signers: Signer) -> SealPolicy:
    """The policy that one of these signers must have signed the bundle, and nothing else is asked for."""
    return SealPolicy(name, signers, BundleSection(any_of=tuple(signer.name for signer in signers)))


def read_policy(path: Path) -> SealPolicy:
    """Read a policy and the keys it names.

    Raises:
        UsageError: it is no policy, asks for nothing, or a key cannot be read.
    """
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise UsageError(
            f"{path.name} is not a verification policy",
            cause=str(error)[:300],
            next_step="see docs/how-to/sign-and-verify.md",
        ) from None
    if not (found.bundle.all_of or found.bundle.any_of):
        raise UsageError(
            f"{path.name} does not say who must sign",
            cause="a policy that anybody meets protects nothing",
            next_step="name a signer in [bundle] any_of or all_of",
        )
    signers = tuple(_signer(each, path.parent) for each in found.signer)
    return SealPolicy(path.name, signers, found.bundle, found.require)


def _signer(section: SignerSection, folder: Path) -> Signer:
    if not (section.keys or section.roots):
        raise UsageError(f"the signer {section.name!r} has no key", next_step="give keys or roots")
    try:
        roots = tuple(read_pem_chain((folder / section.roots).read_bytes())) if section.roots else ()
        keys = tuple(read_public(section.name, text, folder) for text in section.keys)
    except OSError as error:
        raise UsageError(f"a key of {section.name!r} cannot be read", cause=error.strerror or str(error)) from None
    return Signer(section.name, keys, roots, section.identity)


def read_public(name: str, given: str, folder: Path = Path()) -> Verifier:
    """A public key given as text, as the path of a .vkey file, or as that of a PEM file, which is then called ``name``.

    Raises:
        UsageError: it is none of these.
        UnreadableError: the key is damaged.
    """
    path = folder / given
    try:
        data = path.read_bytes() if len(given) < 1024 and path.is_file() else given.encode()
    except OSError as error:
        raise UsageError("the public key cannot be read", cause=error.strerror or str(error)) from None
    if data.lstrip().startswith(b"-----BEGIN"):
        return read_pem_public(name, data)
    try:
        return read_vkey(data.decode("utf-8").strip())
    except UnicodeDecodeError:
        raise UnreadableError("the public key is not text", next_step="give a .vkey or PEM file") from None
