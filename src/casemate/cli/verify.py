"""``casemate verify``: what lies at the path says what is verified."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from casemate.audit.config import read_config
from casemate.audit.verify import verify as check
from casemate.cli.terminal import console, meter, watching
from casemate.core.errors import UnsafeArtifactError, UsageError
from casemate.custody.chain import Link, chain, recorded
from casemate.custody.signing.home import home_policy
from casemate.custody.signing.place import Place, place_of
from casemate.custody.signing.policy import SealPolicy, Signer, read_policy, read_public, trust
from casemate.custody.signing.tree import list_files, total_bytes
from casemate.custody.signing.verify import verify_sealed
from casemate.keys.ecdsa import EcdsaVerifier
from casemate.keys.files import default_home
from casemate.keys.signing import Verifier
from casemate.keys.text import read_vkey
from casemate.ledger.view import NO_KEY

STYLE = {"evidence": "green", "gap": "yellow", "unmet": "bold red"}


def verify(
    path: Path,
    /,
    *,
    key: list[str] | None = None,
    checkpoint: str | None = None,
    config: Path | None = None,
    policy: Path | None = None,
    audit: Path | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Check an audit folder, a ledger or a sealed model: has anyone touched it, and who vouches for it?

    Exit code 4 when anything was changed; 1 when a sealed model does not meet the policy.

    Examples:
      casemate verify audit --key casemate.local+... --checkpoint audit.checkpoint
      casemate verify audit --config casemate.toml      derive the figures again too
      casemate verify model/ --policy policy.toml       print the chain of custody

    Args:
        path: audit folder, the folder of a ledger, or a sealed model's file or folder.
        key: public key that must have signed it, as text or in a file (may be given several times; a sealed model must
            be signed by all of them). Without keys and policy, those of your own key home are trusted.
        checkpoint: a checkpoint kept elsewhere, as a file or its text.
        config: the audit's configuration; with it, every figure is derived again from the encrypted trials.
        policy: what a sealed model must meet (TOML).
        audit: audit folder whose ledger should hold the sealing.
        format: how the chain of custody is written.
    """
    place = place_of(path) if path.exists() else None
    if place is not None and (place.sealed or path.is_file()):
        return _verify_sealed(place, _policy(policy, key or []), audit, format)
    if policy is not None and place is None:
        raise UsageError(f"there is nothing at {path}", next_step="check the path")
    if policy is not None:
        raise UnsafeArtifactError(
            f"{path.name} does not meet {policy.name}",
            cause="it is not sealed",
            next_step="ask its origin for the seal",
        )
    keys = [read_vkey(text) for text in key or ()]
    settings = read_config(config) if config is not None else None
    found = check(path, keys=keys, checkpoint=read_checkpoint(checkpoint), config=settings)
    out = console()
    out.print(f"verified  {len(found.log.records)} records, {len(found.log.files)} files, {found.log.blobs} blobs")
    if found.log.erased:
        out.print(f"          {found.log.erased} blobs were erased, and their erasure is recorded")
    out.print(f"          {found.verdicts} verdicts and {found.figures} figures derived again and found equal")
    for caveat in found.caveats:
        out.print(f"not excluded  {caveat}", soft_wrap=True)
    return 0


def _policy(path: Path | None, keys: list[str]) -> SealPolicy:
    if path is not None:
        return read_policy(path)
    if not keys:
        return home_policy()
    given = [read_public("given", text) for text in keys]
    ordered = sorted(given, key=lambda each: not isinstance(each, EcdsaVerifier))
    return trust("the given keys", Signer("the given keys", tuple(ordered)))


def _verify_sealed(place: Place, policy: SealPolicy, audit: Path | None, format: Literal["text", "json"]) -> int:
    with watching() as observer:
        size = total_bytes(place.model, list_files(place.model, place.own))
        found = verify_sealed(place, policy, datetime.now(UTC), meter(observer, "hash (MiB)", size))
        observer.end("hash (MiB)")
    links = list(chain(found.judged, policy, place.model.resolve().name))
    if audit is not None:
        log = check(audit, keys=_ledger_keys()).log
        link = recorded(log.records, found.bundle.hex, audit.name)
        if NO_KEY in log.caveats:
            link = Link(link.step, "gap", f"{link.text}, whose signer was not checked", link.source)
        links.insert(-1, link)
    if format == "json":
        said = {"schema": "casemate.chain/1", "accepted": found.judged.accepted, "links": links}
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(said), indent=1) + b"\n")
    else:
        _print(links)
    return 0 if found.judged.accepted else 1


def _ledger_keys() -> list[Verifier]:
    """The key that signs ledgers here."""
    path = default_home() / "signing.key.vkey"
    return [read_vkey(str(path))] if path.is_file() else []


def _print(links: list[Link]) -> None:
    out = console()
    for link in links:
        state = {"evidence": "proved", "gap": "GAP", "unmet": "NOT MET"}[link.state]
        source = f"  [{link.source}]" if link.source else ""
        out.print(f"{link.step:<10} ", end="", markup=False)
        out.print(f"{state:<8}", style=STYLE[link.state], end="", markup=False)
        out.print(f" {link.text}{source}", soft_wrap=True, markup=False, highlight=False)


def read_checkpoint(given: str | None) -> str | None:
    """A checkpoint's text, from a file or as given."""
    if given is None:
        return None
    path = Path(given)
    try:
        return path.read_text(encoding="utf-8") if "\n" not in given and path.is_file() else given
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the checkpoint cannot be read", cause=str(error), next_step="give a file") from error
