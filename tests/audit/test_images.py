"""A network on images through the whole main job: audited, hardened, attacked again, shown and verified."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from casemate.audit.config import read_config
from casemate.audit.harden import facing
from casemate.core.errors import UsageError
from tests.assurance.pages import at, read
from tests.audit.scene import Done, Scene
from tests.threats.evasion.test_pictures import pixels

CONFIG = """\
system = "digits"

[audit]
out = "audit"
seed = 3
effort = "quick"

[data]
name = "digits"
train = "train.npz"
holdout = "holdout.npz"

[[model]]
name = "net"
path = "net.npz"
network = "network.py:build"

[assess."evasion.bracket"]
eps = [0.1]
rows = 60
queries = 50
trusted = 30
shown = 2

[[policy.tolerances]]
name = "robustness"
kind = "attack/evasion/bracket"
metric = "robust_accuracy"
at_least = 0.3

[[defense]]
use = "evasion.trades"
options = { epochs = 25, steps = 4, batch = 32, rate = 0.005 }

[[defense]]
use = "evasion.certified_training"
options = { epochs = 40, batch = 32, rate = 0.005 }
"""
CODE = """\
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

def scaled():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = build()
        def forward(self, inputs):
            return self.inner(inputs) * 1e4
    return Scaled()
"""


def build(folder: Path) -> Scene:
    place, home = folder / "scene", folder / "home"
    place.mkdir()
    home.mkdir(mode=0o700)
    images, labels = load_digits(return_X_y=True)
    inputs = (images.reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    np.savez(place / "train.npz", inputs=inputs[:1200], labels=labels[:1200])
    np.savez(place / "holdout.npz", inputs=inputs[1200:], labels=labels[1200:])
    (place / "network.py").write_text(CODE)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    adam = torch.optim.Adam(module.parameters(), lr=1e-2)
    x, y = torch.from_numpy(inputs[:1200]), torch.from_numpy(labels[:1200])
    for _ in range(150):
        loss = nn.functional.cross_entropy(module(x), y)
        adam.zero_grad()
        loss.backward()
        adam.step()
    np.savez(place / "net.npz", **{name: each.numpy() for name, each in module.state_dict().items()})
    (place / "casemate.toml").write_text(CONFIG)
    return Scene(place, home)


@pytest.fixture(scope="module")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Done]:
    scene = build(tmp_path_factory.mktemp("images"))
    return scene, scene.casemate("harden", "--against", "evasion")


def figures(scene: Scene) -> dict[str, object]:
    return dict(json.loads((scene.audit / "results.json").read_text()))


def test_a_plain_network_breaks_and_a_trained_one_holds(hardened: tuple[Scene, Done]) -> None:
    scene, done = hardened
    assert done.returncode == 0, done.stderr
    found = figures(scene)
    plain = next(row for row in found["measurements"] if row["metric"] == "robust_accuracy")
    assert plain["k"] / plain["n"] < 0.4
    pairs = {row["defense"]: row for row in found["pairs"] if row["after"]["metric"] == "robust_accuracy"}
    assert set(pairs) == {"evasion.trades", "evasion.certified_training"}
    for row in pairs.values():
        assert row["low"] > 0.1
        assert row["p"] < 1e-3
        assert row["adaptive"]
        assert {cost["metric"] for cost in row["quality"]} >= {"accuracy"}
    proven = next(
        row
        for row in found["pairs"]
        if row["defense"] == "evasion.certified_training" and row["after"]["metric"] == "certified_accuracy"
    )
    assert proven["after"]["estimate"] > 0.4
    assert proven["after"]["estimate"] <= pairs["evasion.certified_training"]["after"]["estimate"]


def test_changed_weights_lie_beside_the_original_and_are_those_attacked(hardened: tuple[Scene, Done]) -> None:
    scene, done = hardened
    for name in ("evasion.trades", "evasion.certified_training"):
        path = scene.folder / f"net.{name}.npz"
        assert path.name in done.stdout
        with np.load(path) as made, np.load(scene.folder / "net.npz") as before:
            assert made.files == before.files
            assert not np.array_equal(made["1.weight"], before["1.weight"])


def test_the_page_shows_brackets_trust_and_pictures(hardened: tuple[Scene, Done]) -> None:
    scene, _ = hardened
    content = (scene.audit / "report.html").read_bytes()
    text = content.decode()
    assert "Robustness, between proof and attack" in text
    assert text.count("ATTACKED: no sign that gradients are hidden") >= 3
    for place in re.findall(r'data-p="((?:measurements|pairs)/[^"]+)"', text):
        at(figures(scene), place)
    assert len(re.findall(r'class="proven"', text)) == 3
    pictures = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)">', text)
    assert len(pictures) >= 6
    assert all(label for _, label in pictures)
    assert not [address for address in read(content).addresses if not address.startswith(("#", "data:image/png"))]


def test_what_is_drawn_lies_within_the_radius(hardened: tuple[Scene, Done]) -> None:
    scene, _ = hardened
    lines = scene.casemate("ledger", "export", "audit", "--kind", "exhibit").stdout.splitlines()
    assert lines
    for line in lines:
        shown = _statement(line)["predicate"]["exhibit"]["pictures"]
        for before, _, after in zip(*(iter(shown),) * 3, strict=True):
            clean, changed = (_png(each["png"]).astype(int) for each in (before, after))
            assert 0 < np.abs(changed - clean).max() <= 0.1 * 255 + 1


def _statement(line: str) -> dict[str, dict[str, dict[str, list[dict[str, str]]]]]:
    return dict(json.loads(base64.b64decode(json.loads(line)["payload"])))


def _png(text: str) -> np.ndarray:
    return pixels(base64.b64decode(text))


def test_the_folder_verifies_and_the_report_can_be_made_again(hardened: tuple[Scene, Done]) -> None:
    scene, done = hardened
    command = next(line for line in done.stdout.splitlines() if line.startswith("verify")).split()[2:]
    assert scene.casemate(*command).returncode == 0
    again = scene.casemate("report", "audit", "--format", "html").stdout
    assert again.count("<img ") == (scene.audit / "report.html").read_text().count("<img ") > 0


def test_a_masked_network_does_not_pass(tmp_path: Path) -> None:
    scene = build(tmp_path)
    with np.load(scene.folder / "net.npz") as held:
        np.savez(scene.folder / "net.npz", **{f"inner.{name}": held[name] for name in held.files})
    scene.edit("network.py:build", "network.py:scaled")
    scene.edit("at_least = 0.3", "at_least = 0.2")
    done = scene.casemate("audit")
    row, proven = (
        next(row for row in figures(scene)["measurements"] if row["metric"] == metric)
        for metric in ("robust_accuracy", "certified_accuracy")
    )
    assert row["note"].startswith("MASKED")
    assert row["estimate"] > 0.25  # what the attack left would have passed
    assert row["low"] == proven["low"] < 0.2  # and all that is known is what was proven
    assert done.returncode == 2, done.stdout


def test_tables_and_tensors_do_not_mix(tmp_path: Path) -> None:
    scene = build(tmp_path)
    scene.edit('network = "network.py:build"\n', "")
    done = scene.casemate("audit")
    assert done.returncode == 3
    scene.config.write_text(CONFIG.replace("holdout.npz", "gone.npz"))
    done = scene.casemate("audit")
    assert done.returncode == 3
    assert "no file gone.npz" in done.stderr


def test_init_writes_a_configuration_that_can_be_audited(tmp_path: Path) -> None:
    scene = build(tmp_path)
    scene.config.unlink()
    assert scene.casemate("init").returncode == 0
    text = scene.config.read_text()
    assert 'network = "network.py:build"' in text
    assert 'holdout = "holdout.npz"' in text
    scene.edit("eps = [0.03, 0.1]", "eps = [0.1]\nrows = 30\nqueries = 10\ntrusted = 20")
    done = scene.casemate("audit", "--effort", "quick")
    assert done.returncode in (0, 1, 2), done.stderr
    (scene.folder / "network.py").unlink()
    done = scene.casemate("init", "--overwrite")
    assert done.returncode == 3
    assert "0 functions that make a network" in done.stderr


def test_only_defenses_against_the_threat_are_tried_and_all_of_them_by_default(tmp_path: Path) -> None:
    config = read_config(build(tmp_path).config)
    assert [section.use for section in facing(config, "evasion").defense] == [
        "evasion.trades",
        "evasion.certified_training",
    ]
    used = {section.use for section in facing(config, "inversion").defense}
    assert used == {"inversion.regularize", "inversion.leaf_size", "privacy.dp"}  # the last is judged by its attack
    with pytest.raises(UsageError, match="no defense against 'nonsense'"):
        facing(config, "nonsense")
