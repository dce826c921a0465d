"""A model with everything declared, and one with nothing."""

from __future__ import annotations

import json
from pathlib import Path

from casemate.custody.bom.facts import Facts, gather
from casemate.custody.provenance.about import About, read_about
from casemate.custody.signing.place import place_of
from casemate.custody.signing.sign import survey
from tests.custody.signing.scene import make_model

TIME = "2026-11-25T12:00:00Z"

DECLARED = """\
[model]
name = "triage"
version = "3"
description = "Who has to be seen first."
supplier = "Example Hospital"
license = "Apache-2.0"
task = "classification"
approach = "supervised"
family = "tree ensemble"
architecture = "HistGradientBoostingClassifier"
uri = "https://models.example.org/triage/3"

[training]
builder = "https://ci.example.org/train"
run = "17"
config = "train.toml"
lock = "requirements.lock"
results = "results.json"
started = "2026-11-20T09:00:00Z"
finished = "2026-11-20T10:00:00Z"

[[data]]
name = "support"
path = "train.csv"
license = "CC-BY-4.0"
sensitive = true

[[data]]
name = "holdout"
path = "holdout.csv"
license = "CC-BY-4.0"
role = "holdout"

[[base]]
name = "embedding"
sha256 = "1111111111111111111111111111111111111111111111111111111111111111"
license = "MIT"

[considerations]
users = ["emergency departments"]
use_cases = ["ordering a queue"]
limitations = ["children were not in the data"]
ethical = [{ name = "age", mitigation = "measured by group" }]
"""

LOCK = """\
# what the model runs with
numpy==2.4.6 --hash=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
scikit-learn==1.9.1 \\
    --hash=sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb \\
    --hash=sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
"""


def results() -> bytes:
    row = {"subject": "triage", "n": 100, "k": 91, "at": {}}
    rows = [
        {**row, "kind": "model/accuracy", "metric": "accuracy", "estimate": 0.91, "low": 0.84, "high": 0.96},
        {**row, "kind": "attack/membership/lira", "metric": "tpr", "estimate": 0.02, "low": 0.0, "high": 0.1},
    ]
    return json.dumps({"schema": "casemate.results/1", "measurements": rows}).encode()


def declare(folder: Path, text: str = DECLARED) -> About:
    folder.mkdir(exist_ok=True)
    (folder / "about.toml").write_text(text)
    (folder / "train.toml").write_text("trees = 100\nsince = 2026-01-01\n")
    (folder / "requirements.lock").write_text(LOCK)
    (folder / "results.json").write_bytes(results())
    (folder / "train.csv").write_text("age,seen\n50,1\n")
    (folder / "holdout.csv").write_text("age,seen\n60,0\n")
    return read_about(folder / "about.toml")


def declared(folder: Path, text: str = DECLARED) -> Facts:
    model = make_model(folder / "model")
    return gather(survey(place_of(model)), declare(folder / "told", text), TIME)


def undeclared(folder: Path) -> Facts:
    return gather(survey(place_of(make_model(folder / "model"))), About(), TIME)
