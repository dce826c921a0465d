"""``load``: one function for every format, which verifies, scans and loads exactly the same bytes.

The order, in which nothing returns to the disk for what it has read:

1. open the model's folder, then the model in it, each once;
2. copy the model into sealed memory (``sealed``); from here on no name, link or writer matters;
3. scan the sealed bytes; seal the external data that the scan found, opened beneath the folder (``beneath``);
4. show the digests of all sealed bytes to every verifier of the policy;
5. refuse what is not clean;
6. load from the sealed bytes, with a loader confined to what the scan saw (``kinds``).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from os import pread
from pathlib import Path
from typing import Any

from casemate.core.errors import UnreadableError
from casemate.core.findings import Finding
from casemate.custody.guard import graphs, kinds, tensors
from casemate.custody.guard.beneath import folder_of, opened_beneath
from casemate.custody.guard.confined import StrayNameError
from casemate.custody.guard.models import Listening
from casemate.custody.guard.outcome import Loaded, RefusedArtifactError, load_record, refusal
from casemate.custody.guard.policy import Policy, Subject
from casemate.custody.guard.sealed import Sealed, opened, seal
from casemate.threats.supply_chain.engine import Outcome, scan_view
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.verdict import Verdict, verdict_of

MOST_EXTERNAL = 10_000
"""Files of external data that one model may have."""


def load(path: Path | str, policy: Policy | None = None, *, framework: tensors.Framework = "numpy") -> Loaded:
    """Load a model file of any kind the guard knows, if it is clean and the policy's verifiers vouch for it.

    Args:
        path: the file. It is opened once; a link is followed then, and never again.
        policy: what is asked beside a clean scan; nothing by default.
        framework: whose tensors a safetensors file becomes.

    Returns:
        ``model`` is the object (joblib, pickle, skops), what was saved (torch, weights only), a dictionary of arrays
        (safetensors, npz), an array (npy), or for ONNX an inference session, or without onnxruntime an ``OnnxModel``.

    Raises:
        TamperedError: a verifier does not vouch for these bytes. Exit code 4.
        RefusedArtifactError: the scan found something, or the policy does not take this kind of file. Exit code 1.
        UnsafeArtifactError: a signature is genuine, and its policy asks for more than it. Exit code 1.
        UnreadableError: the file, or its external data, is missing, not understood, or cannot be loaded. Exit code 3.
        MissingPartError: the library that the file needs is not installed.

    Example:
        >>> import numpy as np, tempfile
        >>> from casemate.threats.supply_chain.identify import FORMATS
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/weights.npy", np.arange(3))
        ...     if "npy" in {each.name for each in FORMATS}:
        ...         assert load(f"{folder}/weights.npy").model.tolist() == [0, 1, 2]
    """
    path, policy = Path(path), policy or Policy()
    settings = Settings(allow=extended(policy.allow)[0], most=policy.most)
    with ExitStack() as held, ThreadPoolExecutor(1, "casemate-hash") as hasher:
        folder = held.enter_context(folder_of(path))
        with opened(Path(path.name), folder) as source:
            as_file = kinds.wants_file(pread(source, kinds.HEAD, 0))
            sealed = seal(source, path.name, policy.most, hasher, as_file=as_file)
        held.callback(sealed.close)
        outcome = scan_view(sealed.view(), settings)
        external = _external(sealed, outcome, folder, policy, hasher)
        verified = _verify(path, sealed, external, policy)
        kind = _judge(sealed, outcome, policy)
        with Listening(path.name) as heard:
            model = _load(kind, sealed, external, outcome, policy, framework)
        return Loaded(
            model=model,
            path=path.name,
            digest=sealed.digest,
            findings=(*outcome.findings, *heard.notes),
            allowed=tuple(sorted(set(policy.allow))),
            imported=outcome.imported,
            kind=kind,
            verified=verified,
            external={name: each.digest for name, each in external.items()},
        )


def _external(sealed: Sealed, outcome: Outcome, folder: int, policy: Policy, hasher: Executor) -> dict[str, Sealed]:
    """The external data of a model, sealed, by the path that the model gives."""
    if outcome.verdict is not Verdict.CLEAN:
        return {}
    found: dict[str, Sealed] = {}
    for claim in outcome.claims:
        if len(found) >= MOST_EXTERNAL:
            raise UnreadableError(
                f"{sealed.name} names more than {MOST_EXTERNAL} files", next_step="store its weights in fewer files"
            )
        if claim.path not in found:
            with opened_beneath(folder, claim.path) as source:
                found[claim.path] = seal(source, claim.path, policy.most, hasher)
        if claim.at + (claim.count or 0) > len(found[claim.path]):
            raise UnreadableError(
                f"{sealed.name} takes {claim.what} from behind the end of {claim.path}",
                next_step="check that the file beside the model is whole",
            )
    return found


def _verify(path: Path, sealed: Sealed, external: Mapping[str, Sealed], policy: Policy) -> tuple[Any, ...]:
    if not policy.verifiers:
        return ()
    digests = {path.name: sealed.digest, **{name: each.digest for name, each in external.items()}}
    return tuple(each.verify(Subject(path, digests)) for each in policy.verifiers)


def _judge(sealed: Sealed, outcome: Outcome, policy: Policy) -> str:
    """The kind of a file that may be loaded."""
    if outcome.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS):
        raise _refusal(sealed, outcome.findings, policy)
    if outcome.verdict is Verdict.UNREADABLE:
        raise UnreadableError(
            f"{sealed.name} is not a model that can be read",
            cause=outcome.unreadable,
            next_step="check that the file is whole; what is not understood to the last byte is not loaded",
        )
    kind = kinds.kind_of(sealed, outcome.formats)
    if kind and not kinds.KINDS[kind].intersection(outcome.formats):
        raise UnreadableError(
            f"{sealed.name} is two things at once",
            cause=f"its loader would read {kind}, and the scan read {', '.join(outcome.formats)}",
            next_step="do not use the file; ask its author for one that is of one format only",
        )
    if not kind:
        raise UnreadableError(
            f"{sealed.name} is not loaded by casemate",
            cause=f"its format ({', '.join(outcome.formats)}) has no loader here, clean as it is",
            next_step=f"the guard loads {', '.join(kinds.KINDS)}",
        )
    if policy.kinds is not None and kind not in policy.kinds:
        taken = ", ".join(sorted(policy.kinds)) or "nothing"
        raise _refusal(sealed, _found("guard.kind", f"is of the kind {kind}; the policy takes {taken}"), policy)
    return kind


def _refusal(sealed: Sealed, findings: tuple[Finding, ...], policy: Policy) -> RefusedArtifactError:
    verdict = verdict_of((finding.severity for finding in findings), readable=True)
    allowed = tuple(sorted(set(policy.allow)))
    return refusal(sealed.name, findings, load_record(sealed.name, sealed.digest, verdict.value, allowed, findings))


def _found(fact: str, message: str) -> tuple[Finding, ...]:
    rule = rule_for(fact)
    return (Finding(rule=rule.id, severity=rule.severity, message=message),)


def _load(
    kind: str,
    sealed: Sealed,
    external: Mapping[str, Sealed],
    outcome: Outcome,
    policy: Policy,
    framework: tensors.Framework,
) -> Any:
    if kind in ("pickle", "safetensors"):
        _ = sealed.digest  # arrays lie in this memory and may be written from now on: it is hashed before
    if kind == "pickle":
        try:
            return kinds.pickled(sealed, outcome.imported, policy.most)
        except StrayNameError as stray:
            raise _refusal(sealed, (*_found("guard.stray", str(stray)), *outcome.findings), policy) from stray
    if kind == "torch":
        return kinds.torch_weights(sealed)
    if kind == "safetensors":
        return tensors.safetensors(sealed, framework)
    if kind == "onnx":
        return graphs.onnx_model(sealed, external)
    if kind == "skops":
        return kinds.skops_object(sealed, outcome.imported)
    return tensors.npy(sealed) if kind == "npy" else tensors.npz(sealed)
