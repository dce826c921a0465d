"""The scan of a model's file as an assessment: the same engine as ``casemate scan``, on the bytes that were loaded.

A scan is no sample. Its figures are counts of everything there is in one file, so they carry no interval, and they
claim nothing about what a scanner misses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from casemate.core.errors import UnreadableError, UsageError
from casemate.core.measurement import Direction, Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.threats.supply_chain.artifact import Artifact
from casemate.threats.supply_chain.declarations import MODEL_FILE
from casemate.threats.supply_chain.files import scan_file
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.verdict import Verdict
from casemate.training.engagement import Artifact as Source
from casemate.training.engagement import Conclusion, Engagement, Result, Task

SMUGGLER: Final = ThreatModel(
    goal="run code, or hide something, through the file that the model is loaded from",
    knowledge=("the file's format", "this scanner's rules and lists of names"),
    access=Access.LABELS,
    queries=0,
)
COUNTED: Final = "counted"
_SECONDS_A_MIB: Final = 0.02
_TOLD: Final = 3


class ModelFile:
    """Scan the file an engagement's model was loaded from."""

    spec = MODEL_FILE

    def applies(self, engagement: Engagement) -> str:
        """Whether there is such a file."""
        return "" if engagement.artifact is not None else "no file: the model does not lie in a file of its own"

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One: the scan."""
        try:
            size = _source(engagement).path.stat().st_size
        except OSError:
            size = 0  # the task itself says what is wrong
        return (Task("scan", seconds=round(0.5 + _SECONDS_A_MIB * size / (1 << 20), 1)),)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Scan the file.

        Raises:
            UnreadableError: its bytes are not those that were loaded.
        """
        source = _source(engagement)
        found = scan_file(source.path, Settings(allow=extended(source.allow)[0]))
        if found.sha256 != source.sha256:
            raise UnreadableError(
                f"{source.path.name} is not the file that was loaded",
                cause=found.reason if not found.sha256 else "it was changed after the model was loaded from it",
                next_step="run the audit again once nobody writes to the file",
            )
        return {
            "verdict": np.array([str(found.verdict)]),
            "format": np.array([found.format]),
            "bytes": np.array([found.bytes], np.int64),
            "coverage": np.array([found.coverage]),
            "rules": np.array(_grave(found), np.str_),
        }

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """One file that is clean or is not, the share of it that is understood, and how much was found."""
        found = results["scan"]
        verdict, rules = str(found["verdict"][0]), [str(rule) for rule in found["rules"]]
        unsafe = int(verdict != Verdict.CLEAN)
        told = ", ".join(list(dict.fromkeys(rules))[:_TOLD])
        said = f"{found['format'][0]}: {verdict}{f' ({told})' if told else ''}"

        def figure(metric: str, value: float, unit: str, direction: Direction, *, n: int, k: int | None) -> Measurement:
            return Measurement(
                assessment=self.spec.id,
                kind="supply/model-scan",
                metric=metric,
                subject=engagement.name,
                estimate=value,
                low=None,
                high=None,
                n=n,
                k=k,
                unit=unit,
                direction=direction,
                method=COUNTED,
                threat_model=SMUGGLER,
                seed=engagement.seed,
                note=said,
            )

        size = int(found["bytes"][0])
        return Conclusion(
            [
                figure("unsafe_loads", float(unsafe), "files", "lower", n=1, k=unsafe),
                figure("bytes_understood", float(found["coverage"][0]), "proportion", "higher", n=size, k=None),
                figure("scan_findings", float(len(rules)), "findings", "lower", n=1, k=None),
            ]
        )


def _source(engagement: Engagement) -> Source:
    if engagement.artifact is None:
        raise UsageError(f"{engagement.name} does not lie in a file of its own", next_step="ask applies() first")
    return engagement.artifact


def _grave(found: Artifact) -> list[str]:
    """The rules of the findings that make a file suspicious or worse, one entry a finding."""
    return [finding.rule for finding in found.findings if finding.severity.rank <= 2]
