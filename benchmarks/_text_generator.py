"""presidio-evaluator's own generator, over the templates of one half; runs in the environment presidio-research.

Templates are halved by the parity of their SHA-256: the even half may be looked at, the odd one is only scored. The
package's ``__init__`` would import spaCy and more, so its modules are imported without it. It draws before it seeds,
and dates are told from now, so the seed is set first and now is a day that stands still: the same texts each time.

Usage: python benchmarks/_text_generator.py FOLDER even|odd COUNT SEED
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import random
import sys
import types
from pathlib import Path


class Still(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz=None):
        """The same moment each time."""
        return cls(2026, 11, 26, 12, tzinfo=tz)


class Today(datetime.date):
    """Its day."""

    @classmethod
    def today(cls):
        """The same day each time."""
        return cls(2026, 11, 26)


class Record(types.SimpleNamespace):
    """Stands for their InputSample and Span, whose module imports spaCy."""


def generated(folder: Path, half: str, count: int, seed: int) -> list[dict]:
    """Documents with their spans (start, end, type), and where in the half their template stands."""
    for name, more in (
        ("presidio_evaluator", {"InputSample": Record, "Span": Record}),
        ("presidio_evaluator.data_generator", {}),
    ):
        module = types.ModuleType(name)
        module.__path__ = [str(folder.joinpath(*name.split(".")))]
        for key, value in more.items():
            setattr(module, key, value)
        sys.modules[name] = module
    raw = folder / "presidio_evaluator" / "data_generator" / "raw_data"
    sys.modules["presidio_evaluator.data_generator"].raw_data_dir = raw
    import faker.providers.date_time as dates
    from presidio_evaluator.data_generator.presidio_sentence_faker import PresidioSentenceFaker

    dates.datetime, dates.dtdate = Still, Today
    random.seed(seed)

    lines = [
        line.strip() for line in (raw / "templates.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    wanted = 0 if half == "even" else 1
    chosen = [line for line in lines if line and int(hashlib.sha256(line.encode()).hexdigest(), 16) % 2 == wanted]
    templates = [line.replace("\\n", "\n") for line in chosen]  # as in their published documents
    faker = PresidioSentenceFaker("en_US", lower_case_ratio=0.05, sentence_templates=templates, random_seed=seed)
    return [
        {"text": each.full_text,
         "spans": [(one.start_position, one.end_position, one.entity_type) for one in each.spans],
         "template": each.template_id}
        for each in faker.generate_new_fake_sentences(count)
    ]  # fmt: skip


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        made = generated(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(made))
