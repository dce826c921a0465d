"""What leaks of a labeled sample, in an audit: the redaction that ``[redact]`` asks for, on the sample it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from casemate.core.digests import Digest
from casemate.core.errors import UnreadableError, UsageError
from casemate.core.measurement import Measurement, Pair
from casemate.core.seeds import derive
from casemate.privacy.text.assess import assess
from casemate.privacy.text.declared import LEAKS
from casemate.privacy.text.labeled import read_labeled
from casemate.privacy.text.options import RedactSection
from casemate.training.engagement import Conclusion, Engagement, Result, Task


class _Said(msgspec.Struct, frozen=True):
    measurements: list[Measurement]
    pairs: list[Pair]


class Leaked:
    """Redacts the sample and attacks the result; the model has no part in it."""

    spec = LEAKS

    def applies(self, engagement: Engagement) -> str:
        """Whether there is a sample."""
        if self._section(engagement).sample:
            return ""
        return "no labeled texts: [redact] names no sample on which redaction is measured"

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One; a changed sample or redaction is another."""
        section = self._section(engagement)
        return (Task(_digest(section), seconds=5.0),)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """All figures, as JSON in bytes.

        Raises:
            UsageError: the sample is none.
            UnreadableError: the sample has changed since the audit was planned.
        """
        section = self._section(engagement)
        if _digest(section) != task.id:
            raise UnreadableError(
                f"{Path(section.sample).name} has changed since the audit was planned", next_step="run the audit again"
            )
        seed = derive(engagement.seed, self.spec.id)
        made = assess(read_labeled(Path(section.sample)), section.redactor(), seed=seed)
        said = _Said(made.measurements(engagement.name), list(made.pairs(engagement.name)))
        return {"said": np.frombuffer(msgspec.json.encode(said), dtype=np.uint8)}

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """The figures as they are."""
        said = msgspec.json.decode(results[self.tasks(engagement)[0].id]["said"].tobytes(), type=_Said)
        return Conclusion(said.measurements, pairs=said.pairs)

    def _section(self, engagement: Engagement) -> RedactSection:
        return msgspec.convert(engagement.settings(self.spec.id).get("redact", {}), RedactSection)


def _digest(section: RedactSection) -> str:
    """Of how is redacted and what, by content; where files lie does not matter.

    Raises:
        UsageError: a file is not there.
    """
    files = [*section.recognizers, *section.corrections, section.sample]
    plain = msgspec.structs.replace(section, recognizers=(), corrections=(), sample="", secret_file="", workers=0)
    try:
        parts = [msgspec.json.encode(plain), *(Digest.of_file(Path(each)).hex.encode() for each in files)]
    except OSError as error:
        raise UsageError(
            f"{Path(str(error.filename)).name} cannot be read", cause=error.strerror or "",
            next_step="mend the path in [redact]",
        ) from error  # fmt: skip
    return Digest.of(b"\0".join(parts)).hex
