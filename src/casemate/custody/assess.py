"""The seal of a model's file as an assessment: verified for the loaded bytes, then attacked bit by bit.

The verifier that is attacked is the one that stands before the load, with the policy that it was given. Flips happen in
memory; neither the file nor its seal is touched.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from casemate.core.digests import Digest
from casemate.core.errors import TamperedError, UnreadableError, UnsafeArtifactError, UsageError
from casemate.core.measurement import Measurement
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.custody.guard.models import read_once
from casemate.custody.guard.policy import MOST_BYTES, Subject
from casemate.custody.signing.policy import read_policy
from casemate.custody.signing.vouch import Read, SignedUnder
from casemate.stats.proportions import clopper_pearson
from casemate.threats.supply_chain.declarations import SEAL
from casemate.training.engagement import Artifact, Conclusion, Engagement, Result, Task

INSIDER: Final = ThreatModel(
    goal="change the model's file, or its seal, between signing and loading",
    knowledge=("the file", "the seal", "the verification policy", "no private key"),
    access=Access.LABELS,
    queries=0,
)
FLIPS: Final = {"quick": 200, "standard": 1000, "thorough": 3000}
MOST_HASHED: Final = 8 << 30
"""Bytes hashed for flips in a file; of a larger one fewer bits are flipped."""

FEWEST: Final = 50
NO_POLICY: Final = "no verification policy: [load] policy names none, so nothing says whose signature is asked for"


class Seal:
    """Verify and attack the seal of the file that an engagement's model was loaded from."""

    spec = SEAL

    def applies(self, engagement: Engagement) -> str:
        """Whether the model was loaded under a verification policy."""
        return "" if engagement.artifact is not None and engagement.artifact.policy is not None else NO_POLICY

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One: verify, flip, verify."""
        return (Task("seal", {"flips": FLIPS[engagement.effort]}, seconds=FLIPS[engagement.effort] / 200),)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Verify the seal for the loaded bytes, then flip single bits, by turns in the file and in the bundle.

        Raises:
            TamperedError, UnsafeArtifactError: the seal does not hold without any flip.
            UnreadableError: file or policy are not those of the load.
        """
        source, policy = _loaded(engagement)
        content = bytearray(read_once(source.path, MOST_BYTES))
        verifier = SignedUnder(read_policy(policy))
        if (
            Digest.of(memoryview(content)).hex != source.sha256
            or Digest.of(policy.read_bytes()).hex != source.policy_sha256
        ):
            raise UnreadableError(
                f"{source.path.name} or its policy is not what the model was loaded under",
                cause="it was changed after the model was loaded",
                next_step="run the audit again once nobody writes to them",
            )
        seal, subject = verifier.read(source.path), _subject(source.path, content)
        verifier.judge(seal, subject)
        chance = random.Random(derive(engagement.seed, self.spec.id, task.id))  # noqa: S311  # places, no secret
        count = int(task.parameters["flips"])
        in_file = min(count // 2, max(FEWEST, MOST_HASHED // len(content)))
        seen = []
        for _ in range(in_file):
            at, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
            content[at] ^= bit
            changed = _subject(source.path, content)
            content[at] ^= bit
            seen.append(_refused(verifier, seal, changed))
        for _ in range(count - in_file):
            bundle = bytearray(seal.bundle)
            bundle[chance.randrange(len(bundle))] ^= 1 << chance.randrange(8)
            seen.append(_refused(verifier, replace(seal, bundle=bytes(bundle)), subject))
        return {"seen": np.array(seen, np.bool_), "in_file": np.array([in_file], np.int64)}

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """One file loaded under its seal, and the share of flipped bits that were seen."""
        seen, in_file = results["seal"]["seen"], int(results["seal"]["in_file"][0])
        n, k = len(seen), int(seen.sum())
        interval = clopper_pearson(k, n)
        file, seal = int(seen[:in_file].sum()), int(seen[in_file:].sum())
        about = f"{file:,} of {in_file:,} seen in the file, {seal:,} of {n - in_file:,} in the seal"
        common: dict[str, Any] = {
            "assessment": self.spec.id,
            "kind": "supply/signature",
            "subject": engagement.name,
            "threat_model": INSIDER,
            "seed": engagement.seed,
        }
        unsigned = Measurement(
            **common, metric="unsigned_loads", estimate=0.0, low=None, high=None, n=1, k=0, unit="files",
            direction="lower", method="counted", note="the seal covers the loaded bytes and meets the policy of [load]",
        )  # fmt: skip
        tampered = Measurement(
            **common, metric="tamper_detected", estimate=k / n, low=interval.low, high=interval.high, n=n, k=k,
            direction="higher", method=interval.method, confidence=interval.confidence, note=about,
        )  # fmt: skip
        return Conclusion([unsigned, tampered], outcomes={1: seen})


def _loaded(engagement: Engagement) -> tuple[Artifact, Path]:
    source = engagement.artifact
    if source is None or source.policy is None:
        raise UsageError(f"{engagement.name} was loaded under no policy", next_step="ask applies() first")
    return source, source.policy


def _subject(path: Path, content: bytearray) -> Subject:
    return Subject(path, {path.name: Digest.of(memoryview(content))})


def _refused(verifier: SignedUnder, seal: Read, subject: Subject) -> bool:
    """Whether the load guard would refuse."""
    try:
        verifier.judge(seal, subject)
    except (TamperedError, UnreadableError, UnsafeArtifactError):
        return True
    return False
