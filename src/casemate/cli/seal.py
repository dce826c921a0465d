"""``casemate seal``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from casemate.audit.notebook import LEDGER, Notebook
from casemate.cli.services import open_recipients
from casemate.cli.terminal import console, meter, watching
from casemate.core.digests import Digest
from casemate.core.errors import UnsafeArtifactError, UsageError
from casemate.core.observer import Observer
from casemate.custody.bom.facts import gather
from casemate.custody.chain import Evidence, evidence
from casemate.custody.envelope import encrypt_file, encrypt_folder
from casemate.custody.envelope.folders import SUFFIX
from casemate.custody.provenance.about import About, read_about
from casemate.custody.provenance.compose import compose
from casemate.custody.provenance.scanned import scan_files
from casemate.custody.signing.certificates import read_pem_chain
from casemate.custody.signing.home import CLASSICAL, home_signers, load_signer
from casemate.custody.signing.place import place_of
from casemate.custody.signing.sign import publish, survey
from casemate.custody.signing.sign import seal as sign
from casemate.custody.signing.tree import list_files, total_bytes
from casemate.keys.files import default_home
from casemate.keys.services import KeyService
from casemate.keys.signing import Signer
from casemate.keys.text import algorithm_of


def seal(
    path: Path,
    /,
    *,
    key: list[Path] | None = None,
    hybrid: bool = False,
    certificate: Path | None = None,
    about: Path | None = None,
    bom: bool = False,
    scan: bool = True,
    allow: list[str] | None = None,
    ignore: list[str] | None = None,
    audit: Path | None = None,
    encrypt_for: list[str] | None = None,
    out: Path | None = None,
    replace: bool = False,
) -> int:
    """Sign a model's file or folder, describe it (scan, provenance, bill of materials) and encrypt a copy of it.

    The bundle is one that OpenSSF model-signing verifies. Keys are made at first use and lie in the key home.

    Examples:
      casemate seal model/ --hybrid --bom
      casemate seal model/ --about about.toml --bom --audit audit
      casemate seal model.safetensors --key signing.pem
      casemate seal model/ --hybrid --encrypt-for alice.pub --out model.sealed

    Args:
        path: the model's file or folder.
        key: private keys, ECDSA first, instead of those in the key home (may be given several times).
        hybrid: sign with ML-DSA-65 as well, behind the ECDSA key.
        certificate: PEM file of the first key's certificate and its issuers.
        about: what you declare about the model (TOML): license, training, data sets, considerations.
        bom: write bills of materials (CycloneDX 1.6 and 1.7, SPDX 3.0.1) among the attestations.
        scan: scan every file and attest the verdict; a malicious file is never sealed.
        allow: classes of your own that the scan accepts, as "package.module:Class".
        ignore: files or folders to leave unsigned; verifiers refuse them unless their policy says the same.
        audit: audit folder whose ledger records the sealing.
        encrypt_for: who can open the encrypted copy: a recipient's file, or a key service such as file:PATH or
            transit:MOUNT/NAME (may be given several times).
        out: where the encrypted copy goes; beside the model with ".sealed" behind its name unless given.
        replace: replace an earlier seal, and an earlier encrypted copy.
    """
    services = open_recipients(encrypt_for) if encrypt_for else []
    if audit is not None:
        _require_ledger(audit)
    place, time = place_of(path), datetime.now(UTC).replace(microsecond=0).isoformat()
    told = read_about(about) if about is not None else About()
    signers = _signers(key or [], path, hybrid=hybrid)
    chain = read_pem_chain(_read(certificate)) if certificate is not None else []
    with watching() as observer:
        size = total_bytes(path, list_files(path, (*place.own, *(ignore or ()))))
        manifest = survey(place, ignore=ignore or (), done=meter(observer, "hash (MiB)", size))
        observer.end("hash (MiB)")
        found = None
        if scan:
            found = scan_files(path, manifest.files, time, allow or (), meter(observer, "scan (MiB)", size))
            observer.end("scan (MiB)")
            if found["verdict"] == "malicious":
                first = next(each for each in found["artifacts"] if each["verdict"] == "malicious")
                raise UnsafeArtifactError(
                    f"{first['path']} is malicious and was not sealed",
                    cause=first["findings"][0]["message"],
                    next_step=f"casemate explain {first['findings'][0]['rule']}",
                )
    facts = gather(manifest, told, time)
    said = compose(facts, found, bills=bom)
    made = sign(manifest, signers, time, said.statements, said.documents, chain)
    publish(place, made, replace=replace)
    shown = console()
    algorithms = " and ".join(algorithm_of(signer.verifier) for signer in signers)
    shown.print(f"sealed  {len(manifest.files)} files of {manifest.name}, signed with {algorithms}", soft_wrap=True)
    shown.print(f"bundle  {place.bundle}", soft_wrap=True)
    for name in sorted([*made.attestations, *made.documents]):
        shown.print(f"        {place.attestations / name}", soft_wrap=True)
    if found is not None:
        shown.print(f"scan    {found['verdict']}")
    if bom or about:
        for gap in facts.gaps:
            shown.print(f"gap     {gap.rule} {gap.message}", soft_wrap=True, markup=False)
    if audit is not None:
        digest = Digest.of(made.bundle).hex
        number = record(audit, evidence(manifest, digest, said, [signer.verifier.name for signer in signers], time))
        shown.print(f"ledger  {number} records in {audit}", soft_wrap=True)
    if services:
        goal = out or path.resolve().with_name(path.resolve().name + SUFFIX)
        with watching() as observer:
            count = encrypt(path, goal, services, replace, observer)
        shown.print(f"encrypted  {count} files in {goal}; the plaintext stays where it is", soft_wrap=True)
    if not key:
        public = default_home() / f"{CLASSICAL}.pub"
        shown.print(f"others verify it with model_signing verify key --public_key {public}", soft_wrap=True)
    return 0


def encrypt(path: Path, goal: Path, services: Sequence[KeyService], overwrite: bool, observer: Observer) -> int:
    """Encrypt a sealed model, with its seal where it is a folder; returns how many files."""
    if path.is_dir():
        return len(encrypt_folder(path, goal, services, overwrite=overwrite, observer=observer))
    encrypt_file(path, goal, services, overwrite=overwrite, observer=observer)
    return 1


def _signers(given: Sequence[Path], model: Path, *, hybrid: bool) -> list[Signer]:
    if not given:
        return home_signers(hybrid=hybrid, model=model)
    for path in given:
        if model.is_dir() and path.resolve().is_relative_to(model.resolve()):
            raise UsageError(
                f"the key {path.name} lies inside the model",
                cause="whoever gets the model would get the key with it",
                next_step=f"keep keys elsewhere, for example in {default_home()}",
            )
    found = [load_signer(path) for path in given]
    if hybrid and "ml-dsa-65" not in [algorithm_of(signer.verifier) for signer in found]:
        raise UsageError(
            "--hybrid needs an ML-DSA-65 key beside the one given",
            next_step="give it with a second --key, or leave --key out to use those of the key home",
        )
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read", cause=error.strerror or str(error)) from None


def _require_ledger(audit: Path) -> None:
    if not (audit / LEDGER).is_dir():
        raise UsageError(f"there is no ledger in {audit}", next_step="give the folder of a finished audit")


def record(audit: Path, said: Sequence[Evidence]) -> int:
    """Append evidence to the ledger of an audit folder, and bind its files again; returns how many records."""
    with Notebook(audit) as book:
        made = [book.record(kind, [(predicate, subjects)])[0] for kind, predicate, subjects in said]
        bound = next((each for each in reversed(book.records) if each.kind == "binding"), None)
        if bound is not None:
            book.bind(bound.predicate["files"])
    return len(made)
