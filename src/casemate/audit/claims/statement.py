"""The certificate of a private model as a signed statement: written beside the model, and read with suspicion.

Whoever can change the model's folder can put any file there. So a statement counts only when a trusted key signed it,
and when it names this very model and these very training records. What speaks against it is kept in words and becomes
a failed verdict; nothing is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from casemate.audit.claims.said import PREDICATE, Named, Said
from casemate.audit.output import write
from casemate.audit.statements import signed
from casemate.core.digests import Digest
from casemate.core.errors import CasemateError, UnreadableError
from casemate.custody.signing.envelope import key_name, payload_of, verifies
from casemate.custody.signing.home import home_policy
from casemate.custody.signing.policy import read_policy
from casemate.data.dataset import Dataset
from casemate.keys import dsse
from casemate.keys.signing import Verifier, decode_base64, key_id
from casemate.ledger.statement import Statement, decode
from casemate.privacy.dp.certificate import Certificate, code
from casemate.training.engagement import Claim

LARGEST: Final = 1 << 20
"""Bytes of a certificate's file."""


def beside(model: Path) -> Path:
    """Where the certificate of a model's file lies."""
    return model.with_name(f"{model.stem}.certificate.json")


def issue(
    certificate: Certificate,
    model: Path,
    data: Dataset,
    *,
    original: Named | None = None,
    home: Path | None = None,
) -> Path:
    """Sign a certificate and write it beside the model that it is about.

    Args:
        certificate: what was claimed when the model was trained.
        model: its file, as it will be audited.
        data: the training records.
        original: the model that was trained again, if there was one.
        home: where keys lie, instead of the user's key home.

    Returns:
        Where it was written.
    """
    said = Said(
        certificate=certificate,
        data=Named(name=data.name, sha256=data.digest.hex),
        records=len(data),
        code=code(),
        original=original,
    )
    path = beside(model)
    write(path, signed(model.name, Digest.of_file(model), PREDICATE, msgspec.to_builtins(said), home))
    return path


def trusted(policy: Path | None, home: Path | None) -> tuple[Verifier, ...]:
    """The keys whose certificates count: those of the key home, and those that a verification policy names."""
    named = read_policy(policy).keys if policy else ()
    return tuple({key.public: key for key in (*home_policy(home).keys, *named)}.values())


def read_claim(
    path: Path, model_sha256: str, data: Dataset, keys: Sequence[Verifier], own: Certificate | None = None
) -> Claim:
    """Read a certificate, and say what speaks against believing it.

    Args:
        path: its file.
        model_sha256: of the model's file, in hexadecimal.
        data: the training records of the audit.
        keys: that are trusted.
        own: the certificate that the model itself carries, if it is an estimator of ours.
    """
    with path.open("rb") as stream:
        content = stream.read(LARGEST + 1)
    sha256 = Digest.of(content).hex
    try:
        if len(content) > LARGEST:
            raise UnreadableError("the file is too large")
        raw, envelope = dsse.read(content)
        statement = decode(raw)
        said = msgspec.convert(statement.predicate, Said)
    except (CasemateError, msgspec.ValidationError) as error:
        return Claim(path.name, sha256, {}, objections=(f"it cannot be read as a certificate: {error}",))
    signer, against = _signed(envelope, keys)
    against += [*_others(statement, said, model_sha256, data), *_worth(said), *_own(said, own)]
    return Claim(path.name, sha256, msgspec.to_builtins(said), signer, tuple(against), tuple(_remarks(said)))


def evidence(claim: Claim) -> dict[str, Any]:
    """What the ledger keeps of a certificate: what it says, and all that was found about it."""
    return {
        "file": claim.file,
        "sha256": claim.sha256,
        "signer": claim.signer,
        "objections": list(claim.objections),
        "remarks": list(claim.remarks),
        "says": dict(claim.predicate),
    }


def _signed(envelope: dsse.Envelope, keys: Sequence[Verifier]) -> tuple[str, list[str]]:
    """Who signed it, and what speaks against the signatures."""
    if not envelope.signatures:
        return "", ["nobody signed it"]
    payload, known = payload_of(envelope), {key_name(key): key for key in keys}
    for signature in envelope.signatures:
        try:
            value = decode_base64(signature.sig, "the signature")
        except CasemateError:
            continue
        for key in keys:
            if verifies(key, payload, value):
                return f"{key.name}+{key_id(key).hex()}", []
    named = [each.keyid for each in envelope.signatures]
    forged = next((name for name in named if name in known), "")
    if forged:
        return "", [f"it was changed after it was signed: the signature of the trusted key {forged[:20]} does not fit"]
    return "", [f"it is signed by {', '.join(each[:20] for each in named)}, a key that nobody here trusts"]


def _others(statement: Statement, said: Said, model_sha256: str, data: Dataset) -> Iterator[str]:
    """Whether it is about something else."""
    if statement.predicate_type != PREDICATE:
        yield f"it is a statement of another kind, {statement.predicate_type[:60]}"
    named = [each.digest.get("sha256", "") for each in statement.subject]
    if named != [model_sha256]:
        others = ", ".join(each.name[:60] for each in statement.subject) or "no model"
        yield (
            f"it is about another model ({others}, {named[0][:12] if named else 'no digest'}); "
            f"this file is {model_sha256[:12]}"
        )
    if said.data.sha256 != data.digest.hex:
        yield (
            f"it is about other data ({said.data.name[:60]}, {said.data.sha256[:12]}); the training data of this audit "
            f"are {data.digest.short}"
        )
    elif said.records != len(data):
        yield f"it counts {said.records:,} records, and the data have {len(data):,}"


def _worth(said: Said) -> Iterator[str]:
    """Whether the claim, if it were true, would protect anybody."""
    made = said.certificate
    if not made.trusted:
        yield "its noise came from a seed and can be taken away again: nothing is private"
    if not 0 < made.epsilon < float("inf"):
        yield f"an epsilon of {made.epsilon:g} is no guarantee"
    if not 0 <= made.delta * max(said.records, 1) < 1:
        yield f"with a delta of {made.delta:g}, {said.records:,} records may be published whole by lot"
    at = [delta for epsilon, delta in made.curve if epsilon <= made.epsilon]
    if at and min(at) > made.delta * (1 + 1e-9):
        yield f"its own curve gives a delta of {min(at):.3g} at the epsilon claimed, not {made.delta:g}"


def _own(said: Said, own: Certificate | None) -> Iterator[str]:
    """Whether the model says of itself that less was promised."""
    if own is None:
        return
    if own.epsilon > said.certificate.epsilon * (1 + 1e-9) or own.delta > said.certificate.delta * (1 + 1e-9):
        yield f"the model itself carries another: epsilon {own.epsilon:g}, delta {own.delta:g}"
    if said.certificate.trusted and not own.trusted:
        yield "the model itself says that its noise came from a seed: nothing is private"


def _remarks(said: Said) -> Iterator[str]:
    if said.certificate.assumed:
        yield f"assumed to be public: {', '.join(said.certificate.assumed)}"
    if said.code is None:
        yield "it does not say which code trained the model"
    elif said.code != code():
        yield f"trained by casemate {said.code.casemate} with other code than is installed here"
