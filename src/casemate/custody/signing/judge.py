"""The verdict on a sealed model. Pure: bytes, names, digests, a policy and a time go in; what is proved comes out.

A sealed model passes through these states, each reached only from the one before it; the first failed check ends it:

    PARSED     the bundle is spelled in the one way it can be                                   else Unreadable
    SIGNED     every signature that names a trusted key, or was made by one, is that key's;      else Tampered
               at least one is by a trusted key, if the policy has any
    READ       the payload is a statement of model signing 1.0 that contradicts itself nowhere    else Unreadable
    BOUND      the signatures are those that the statement requires: number, order, algorithms   else Tampered
    MATCHED    the files are those of the manifest, all of them and no others, byte for byte     else Tampered
    ATTESTED   every attestation beside it is signed by a trusted key and about this manifest;   else Tampered
               every one that was made with the signature is there
    JUDGED     the list of what the policy asks for and does not get; empty is acceptance

BOUND protects a lax verifier against whoever strips a signature: the statement names its algorithms, and each signature
covers that. It does not protect against whoever forges the classical signature, because a forger writes a new
statement. Only JUDGED does, with a policy that asks for both keys; so the policy is the verifier's and never travels
along.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from casemate.core.errors import TamperedError
from casemate.custody.provenance.attestation import (
    SCAN,
    Attestation,
    open_attestation,
    read_envelope,
    read_time,
)
from casemate.custody.signing.bundle import Bundle, read_bundle
from casemate.custody.signing.certificates import check_chain, leaf_key
from casemate.custody.signing.envelope import payload_of
from casemate.custody.signing.manifest import Extension, Manifest, Resource, read_statement
from casemate.custody.signing.policy import Requirement, SealPolicy, Signed, Signer
from casemate.custody.signing.scans import scan_problem
from casemate.custody.signing.signatures import Signatures, check_signatures
from casemate.custody.signing.tree import inside
from casemate.keys.ecdsa import EcdsaVerifier
from casemate.keys.signing import Verifier

SKEW = timedelta(minutes=5)
"""How far ahead a signer's clock may be."""


@dataclass(frozen=True)
class Bound:
    """A bundle in the state BOUND.

    Attributes:
        manifest: what it signs.
        extension: what casemate says beyond model signing, or None.
        signatures: whose it is.
        signers: the policy's signers, those with a certificate completed by its key.
        certificate: the subject of the signing certificate, or "".
    """

    manifest: Manifest
    extension: Extension | None
    signatures: Signatures
    signers: tuple[Signer, ...]
    certificate: str = ""

    @property
    def keys(self) -> tuple[Verifier, ...]:
        """Every trusted key."""
        return tuple(dict.fromkeys(key for signer in self.signers for key in signer.keys))

    @property
    def signed(self) -> datetime | None:
        """When it was signed, by the signer's clock."""
        return None if self.extension is None else read_time(self.extension.signed)

    @property
    def by(self) -> tuple[str, ...]:
        """Names of the signers who signed it."""
        return tuple(signer.name for signer in self.signers if self.signatures.by(signer.keys))


@dataclass(frozen=True)
class Judged:
    """A sealed model in the state JUDGED.

    Attributes:
        bound: the bundle.
        attestations: what trusted keys say about it.
        unmet: what the policy asks for and does not get, a sentence each.
        unsigned: files that are there unsigned, as statement and policy both allow.
    """

    bound: Bound
    attestations: tuple[Attestation, ...]
    unmet: tuple[str, ...]
    unsigned: tuple[str, ...] = field(default=())

    @property
    def accepted(self) -> bool:
        """Whether the policy is met."""
        return not self.unmet


def bind(data: bytes, policy: SealPolicy, now: datetime) -> Bound:
    """From a bundle's bytes to the state BOUND.

    Raises:
        UnreadableError: it is no bundle of a known kind.
        TamperedError: its signatures are not what they say.
    """
    bundle = read_bundle(data)
    signers, subject = _with_certificate(bundle, policy, now)
    keys = [key for signer in signers for key in signer.keys]
    signatures = check_signatures(bundle.envelope, keys, unnamed=True)
    _check_hint(bundle, signatures, keys)
    if keys and not signatures.known:
        raise TamperedError(
            "the bundle is not signed by a trusted key",
            cause=f"no signature is by a signer of {policy.name}",
            next_step="check the policy's keys, and where the bundle comes from",
        )
    manifest, extension = read_statement(signatures.payload)
    if extension is not None:
        signatures.require(extension.required)
        if any(not each.keyid for each in bundle.envelope.signatures):
            raise TamperedError("a signature does not carry the name of its key", cause="its name was removed")
    elif len(signatures.keys) != 1:
        raise TamperedError("the bundle has more signatures than its statement accounts for", cause="one was added")
    return Bound(manifest, extension, signatures, signers, subject)


def _with_certificate(bundle: Bundle, policy: SealPolicy, now: datetime) -> tuple[tuple[Signer, ...], str]:
    """The signers, with the certificate's key for those whose roots vouch for it, and the certificate's subject."""
    plain = tuple(signer for signer in policy.signers if not signer.roots)
    rooted = [signer for signer in policy.signers if signer.roots]
    if not bundle.certificates or not rooted:
        return plain, ""
    leaf = leaf_key("certificate", bundle.certificates)
    at = now
    if policy.bundle.certificate_time == "signed":
        extension = read_statement(payload_of(bundle.envelope))[1]
        at = (read_time(extension.signed) if extension else None) or now
    found, subject, refusal = [], "", None
    for signer in rooted:
        try:
            subject = check_chain(bundle.certificates, signer.roots, at)
        except TamperedError as error:
            refusal = error
            continue
        if not signer.identity or signer.identity == subject:
            found.append(Signer(signer.name, (leaf, *signer.keys), signer.roots, signer.identity))
    if not found and not any(key.public == leaf.public for signer in plain for key in signer.keys):
        raise refusal or TamperedError(
            "the bundle's certificate is somebody else's", cause=f"it says {subject[:200]!r}, the policy does not"
        )
    return (*plain, *found), subject


def _check_hint(bundle: Bundle, signatures: Signatures, keys: Iterable[Verifier]) -> None:
    first = signatures.keys[0]
    expected = first.hint if isinstance(first, EcdsaVerifier) else ""
    if first is not None and bundle.certificates:
        if leaf_key("certificate", bundle.certificates).public != first.public:
            raise TamperedError("the bundle's certificate is not that of its first key", cause="one was replaced")
    elif first is not None and bundle.hint != expected:
        raise TamperedError("the bundle names another key than the one that signed it", cause="its hint was changed")
    hinted = any(isinstance(key, EcdsaVerifier) and key.hint == bundle.hint for key in keys)
    if first is None and hinted:
        raise TamperedError(
            "the bundle's first signature does not verify",
            cause="what it signs, or the signature itself, was changed",
            next_step="get the bundle and its files from their origin again",
        )


def unsigned_files(bound: Bound, policy: SealPolicy, present: Iterable[str]) -> tuple[str, ...]:
    """The files that are left out of the comparison: unsigned by declaration, and accepted so by the policy."""
    both = set(bound.manifest.serialization.ignore_paths) & set(policy.bundle.ignore)
    return tuple(name for name in present if inside(name, both))


def match(bound: Bound, resources: Sequence[Resource]) -> None:
    """Compare the files found with the manifest.

    Raises:
        TamperedError: a file was added, removed or changed; the first one is named.
    """
    signed = {each.name: each.digest for each in bound.manifest.resources}
    found = {each.name: each.digest for each in resources}
    for verb, names in (("is not signed", found.keys() - signed.keys()), ("is missing", signed.keys() - found.keys())):
        if names:
            raise TamperedError(
                f"{min(names)!r} {verb}",
                cause=f"{len(names)} names differ between the folder and the signed manifest",
                next_step="get the model from its origin again",
            )
    changed = sorted(name for name, digest in found.items() if signed[name] != digest)
    if changed:
        raise TamperedError(
            f"{changed[0]!r} was changed",
            cause=f"{len(changed)} of {len(found)} digests differ from the signed ones",
            next_step="get the model from its origin again",
        )


def attested(bound: Bound, files: Mapping[str, bytes]) -> tuple[Attestation, ...]:
    """The attestations beside a bundle, file name -> bytes.

    Raises:
        UnreadableError: one is no attestation, or not in canonical form.
        TamperedError: one is not signed by a trusted key, is about another model, or one is missing.
    """
    found = []
    for name in sorted(files):
        envelope = read_envelope(name, files[name])
        signatures = check_signatures(envelope, bound.keys)
        if bound.keys and not signatures.known:
            raise TamperedError(f"the attestation {name} is not signed by a trusted key")
        found.append(open_attestation(name, envelope, signatures, bound.manifest))
    if bound.extension is not None:
        _check_promised(bound.extension, found)
    return tuple(found)


def _check_promised(extension: Extension, found: Sequence[Attestation]) -> None:
    """What was made with the bundle is there, with all the signatures that the bundle has."""
    for promised in extension.attested:
        made = [each for each in found if each.predicate_type == promised]
        if not made:
            raise TamperedError(
                f"the attestation {promised} is missing",
                cause="the signed statement says that it was made with the signature",
                next_step="get the attestations from the model's origin again",
            )
        for each in made:
            try:
                each.signatures.require(extension.required)
                break
            except TamperedError as error:
                refusal = error
        else:
            raise TamperedError(f"the attestation {promised} lacks a signature", cause=refusal.message)


def judge(
    bound: Bound,
    attestations: Sequence[Attestation],
    policy: SealPolicy,
    now: datetime,
    unsigned: Collection[str] = (),
) -> Judged:
    """From MATCHED and ATTESTED to JUDGED."""
    unmet = []
    if not policy.signers:
        unmet.append("no trusted key was given, so nothing says who signed this")
    unmet += _unsigned_by(bound.signatures, policy.bundle, bound.signers, "the bundle")
    unmet += _too_old(bound.signed, policy.bundle, now, "the bundle")
    for rule in policy.require:
        unmet += _unmet(rule, bound, attestations, now)
    return Judged(bound, tuple(attestations), tuple(unmet), tuple(unsigned))


def _unmet(rule: Requirement, bound: Bound, attestations: Sequence[Attestation], now: datetime) -> list[str]:
    about = f"the attestation {rule.predicate}"
    every = [each for each in attestations if each.predicate_type == rule.predicate]
    signed = [each for each in every if not _unsigned_by(each.signatures, rule, bound.signers, about)]
    if not signed:
        return [f"{about} by the required signers is missing"]
    problems = []
    if rule.predicate == SCAN:
        wrong = sorted({str(each.predicate.get("verdict")) for each in signed} - set(rule.verdicts or ("clean",)))
        problems += [f"a scan says {verdict[:40]}" for verdict in wrong]
        said = [scan_problem(each.predicate, rule, bound.manifest) for each in signed]
        signed = [each for each, problem in zip(signed, said, strict=True) if not problem]
        if not signed:
            return [*problems, said[-1]]
    ages = [_too_old(each.time, rule, now, about) for each in signed]
    return problems if [] in ages else [*problems, *ages[-1]]


def _unsigned_by(signatures: Signatures, rule: Signed, signers: Sequence[Signer], about: str) -> list[str]:
    by = {signer.name for signer in signers if signatures.by(signer.keys)}
    unmet = [f"{about} is not signed by {name} with all of its keys" for name in rule.all_of if name not in by]
    if not (by or rule.any_of or rule.all_of) and signers:
        unmet.append(f"{about} is not signed by any signer with all of its keys")
    if rule.any_of and not by & set(rule.any_of):
        unmet.append(f"{about} is not signed by any of {', '.join(rule.any_of)} with all of its keys")
    return unmet


def _too_old(time: datetime | None, rule: Signed, now: datetime, about: str) -> list[str]:
    if time is not None and time > now + SKEW:
        return [f"{about} is dated {time:%Y-%m-%d %H:%M}, which is in the future"]
    if rule.max_age_days is None:
        return []
    if time is None:
        return [f"{about} does not say when it was made, and the policy limits its age"]
    days = (now - time) / timedelta(days=1)
    return [f"{about} is {days:.0f} days old, at most {rule.max_age_days:g} are accepted"] * (days > rule.max_age_days)
