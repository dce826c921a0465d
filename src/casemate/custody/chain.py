"""The chain of custody of a sealed model, as a person reads it: each line is evidence, or says that there is none.

Pure: it words what ``signing.judge`` proved. Nothing in it is taken from an unsigned place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from casemate.custody.provenance.attestation import BOM, DATA, PROVENANCE, SCAN, Attestation
from casemate.custody.provenance.compose import Said
from casemate.custody.signing.judge import Judged
from casemate.custody.signing.manifest import Manifest
from casemate.custody.signing.policy import SealPolicy
from casemate.custody.signing.scans import unscanned
from casemate.custody.signing.signatures import Signatures
from casemate.keys.text import algorithm_of
from casemate.ledger.statement import Record
from casemate.threats.supply_chain.view import printable

KNOWN = (SCAN, PROVENANCE, DATA, BOM)
SEALED = "supply/signature"
RECORDED = {SCAN: "supply/model-scan", PROVENANCE: "supply/provenance", DATA: "supply/data"}
"""Evidence kinds of the control map for the statements made when a model is sealed."""
Evidence = tuple[str, dict[str, Any], dict[str, str]]
MOST_NAMED = 5
BUNDLE = "bundle"
"""The source of what the bundle itself proves."""


@dataclass(frozen=True)
class Link:
    """One line of the chain.

    Attributes:
        step: which step: "files", "signed", "trained", "data", "scanned", "described", "recorded", "policy".
        state: "evidence", "gap" (nothing says it) or "unmet" (the policy asks for it).
        text: what is proved, or what is missing.
        source: the file that proves it.
    """

    step: str
    state: Literal["evidence", "gap", "unmet"]
    text: str
    source: str = ""


def chain(judged: Judged, policy: SealPolicy, name: str = "") -> tuple[Link, ...]:
    """The chain of a judged model, from its files to the policy; ``name`` is what its file or folder is called now.

    What no trusted signer vouches for with all of its keys is a claim, and a claim is a gap.
    """
    vouched = {each.name: _signers(judged, each.signatures) for each in judged.attestations}
    vouched[BUNDLE] = judged.bound.by
    found = []
    for link in _links(judged, policy, name):
        state, text, source = link.state, link.text, link.source
        if source:
            by = vouched[source]
            state = state if by else "gap"
            text = text if by else f"claimed, but nobody who is trusted vouches for it: {text}"
            source = f"{source} by {', '.join(by)}" if by and source != BUNDLE else source
        found.append(Link(link.step, state, printable(text, 400), printable(source)))
    return tuple(found)


def _signers(judged: Judged, signatures: Signatures) -> tuple[str, ...]:
    """Names of the signers all of whose keys signed; without those whose keys are among another's."""
    full = [signer for signer in judged.bound.signers if signatures.by(signer.keys)]
    return tuple(signer.name for signer in full if not any(set(signer.keys) < set(other.keys) for other in full))


def _links(judged: Judged, policy: SealPolicy, name: str) -> Iterator[Link]:
    bound, by_kind = judged.bound, {kind: _of(judged.attestations, kind) for kind in KNOWN}
    manifest = bound.manifest
    count = f"{len(manifest.files)} files" if len(manifest.files) > 1 else "1 file"
    yield Link("files", "evidence", f"{count} as signed, none added or missing (root {manifest.root[:12]})", BUNDLE)
    if name not in ("", manifest.name):
        yield Link("files", "gap", f"it was signed under the name {manifest.name!r}; the name itself is not protected")
    if judged.unsigned:
        left_out = ", ".join(judged.unsigned[:MOST_NAMED])
        yield Link("files", "gap", f"{len(judged.unsigned)} files are unsigned, as the policy accepts: {left_out}")
    yield from _signed(judged)
    if not by_kind[PROVENANCE]:
        yield Link("trained", "gap", "nobody says who trained it, from what, or when")
    for each in by_kind[PROVENANCE]:
        yield from _trained(each)
    if not by_kind[DATA]:
        yield Link("data", "gap", "nobody says what data it was trained on")
    for each in by_kind[DATA]:
        yield from _data(each)
    if not by_kind[SCAN]:
        yield Link("scanned", "gap", "no scan is attested")
    for each in by_kind[SCAN]:
        yield _scanned(each, judged)
    if not by_kind[BOM]:
        yield Link("described", "gap", "there is no bill of materials")
    for each in by_kind[BOM]:
        yield from _described(each)
    for each in judged.attestations:
        if each.predicate_type not in KNOWN:
            yield Link("stated", "evidence", f"a statement {each.predicate_type}", each.name)
    if not judged.unmet:
        yield Link("policy", "evidence", f"{policy.name} is met")
    for unmet in judged.unmet:
        yield Link("policy", "unmet", f"{policy.name}: {unmet}")


def recorded(records: Sequence[Record], bundle: str, folder: str) -> Link:
    """Whether a verified ledger holds the sealing of this bundle (SHA-256 in hexadecimal)."""
    for record in records:
        if record.kind == SEALED and record.predicate.get("bundle") == bundle:
            return Link("recorded", "evidence", f"record {record.index} of the ledger in {printable(folder)}", folder)
    return Link("recorded", "gap", f"the ledger in {printable(folder)} does not hold this seal", folder)


def evidence(manifest: Manifest, bundle: str, said: Said, signers: Sequence[str], time: str) -> list[Evidence]:
    """What a ledger should keep of a sealing: kind, predicate and subjects of each record."""
    subjects = {manifest.name: manifest.root}
    about = {"bundle": bundle, "manifest": manifest.digests, "signed": time}
    found: list[Evidence] = [(SEALED, {**about, "signers": list(signers), "files": len(manifest.files)}, subjects)]
    for kind, predicate in said.statements.values():
        if kind in RECORDED:
            found.append((RECORDED[kind], {**about, "predicateType": kind, "predicate": dict(predicate)}, subjects))
        elif kind == BOM:
            name = f"sbom/{str(predicate['format']).lower()}"
            found.append((name, {**about, "predicateType": kind, "predicate": dict(predicate)}, subjects))
    return found


def _of(attestations: Sequence[Attestation], kind: str) -> list[Attestation]:
    return [each for each in attestations if each.predicate_type == kind]


def _signed(judged: Judged) -> Iterator[Link]:
    bound = judged.bound
    when = f" on {bound.signed:%Y-%m-%d %H:%M} UTC by its clock" if bound.signed else ""
    names = _signers(judged, bound.signatures)
    for signer in bound.signers:
        if signer.name in names:
            algorithms = " and ".join(algorithm_of(key) for key in signer.keys)
            certified = f", certified as {bound.certificate}" if signer.roots else ""
            yield Link("signed", "evidence", f"by {signer.name} ({algorithms}){certified}{when}", BUNDLE)
    if not bound.by:
        yield Link("signed", "gap", "no trusted signer vouches for it")
    if bound.signed is None:
        yield Link("signed", "gap", "the bundle does not say when it was signed")
    unknown = sum(key is None for key in bound.signatures.keys)
    if unknown and bound.by:
        yield Link("signed", "gap", f"{unknown} more signatures are by keys that were not given; nobody checked them")


def _trained(each: Attestation) -> Iterator[Link]:
    definition, run = _map(each.predicate.get("buildDefinition")), _map(each.predicate.get("runDetails"))
    builder = str(_map(run.get("builder")).get("id", ""))
    when = f", finished {each.time:%Y-%m-%d}" if each.time else ""
    if builder and builder != "urn:casemate:undeclared":
        yield Link("trained", "evidence", f"by {builder}{when}, as its signer declares", each.name)
    else:
        yield Link("trained", "gap", f"its provenance does not say by whom{when}", each.name)
    dependencies = [_map(part) for part in _list(definition.get("resolvedDependencies"))]
    with_digest = [part for part in dependencies if _map(part.get("digest")).get("sha256")]
    if with_digest:
        named = ", ".join(
            f"{part.get('name')} ({str(_map(part['digest'])['sha256'])[:12]})" for part in with_digest[:MOST_NAMED]
        )
        more = f" and {len(with_digest) - MOST_NAMED} more" if len(with_digest) > MOST_NAMED else ""
        yield Link("trained", "evidence", f"from {named}{more}", each.name)
    for part in dependencies:
        if part not in with_digest:
            yield Link("trained", "gap", f"{part.get('name')} is named without a digest", each.name)


def _data(each: Attestation) -> Iterator[Link]:
    for part in map(_map, _list(each.predicate.get("datasets"))):
        digest, license = part.get("sha256"), part.get("license")
        text = f"{part.get('name')} for {part.get('use')}"
        if digest:
            yield Link(
                "data", "evidence", f"{text} ({str(digest)[:12]}), {license or 'license not declared'}", each.name
            )
        else:
            yield Link("data", "gap", f"{text} has no digest", each.name)


def _scanned(each: Attestation, judged: Judged) -> Link:
    scanner, rules = _map(each.predicate.get("scanner")), _map(each.predicate.get("rules"))
    when = f" on {each.time:%Y-%m-%d}" if each.time else ""
    by = f"{scanner.get('name', 'an unnamed scanner')} {scanner.get('version', '')}, rules {rules.get('version', '?')}"
    text = f"{each.predicate.get('verdict', 'no verdict')}{when} by {by}"
    if missed := unscanned(each.predicate, judged.bound.manifest):
        return Link("scanned", "gap", f"{text}; {missed}", each.name)
    state: Literal["evidence", "gap"] = "evidence" if each.predicate.get("verdict") == "clean" else "gap"
    return Link("scanned", state, f"{text}, every signed file", each.name)


def _described(each: Attestation) -> Iterator[Link]:
    gaps = _list(each.predicate.get("gaps"))
    format = f"{each.predicate.get('format')} {each.predicate.get('version')}"
    yield Link("described", "evidence", f"{format} in {each.predicate.get('file')}, {len(gaps)} gaps in it", each.name)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
