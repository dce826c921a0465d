"""``casemate train --dp``: a private model that can be loaded and attacked, a signed certificate, refusals for free."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from casemate.audit.config import read_config
from casemate.audit.harden import facing, harden
from casemate.audit.train import forecasts, train_privately
from casemate.custody import open_model
from casemate.custody.signing.envelope import payload_of, verifies
from casemate.custody.signing.home import CLASSICAL
from casemate.keys.dsse import Envelope, Signature
from casemate.keys.files import load_key
from tests.audit.scene import Scene, build


def statement(path: Path, home: Path) -> dict[str, Any]:
    """What a certificate's file says, its signature checked by the key home's public half."""
    raw = json.loads(path.read_text())
    envelope = Envelope(raw["payload"], raw["payloadType"], [Signature(**each) for each in raw["signatures"]])
    payload = payload_of(envelope)
    assert verifies(load_key(home / CLASSICAL).verifier, payload, base64.b64decode(envelope.signatures[0].sig))
    said: dict[str, Any] = json.loads(payload)
    return said


def test_a_table_gets_a_private_model_with_a_signed_certificate(scene: Scene) -> None:
    done = scene.casemate("train", "--dp", "--epsilon", "2", "--delta", "0")
    assert done.returncode == 0, done.stderr
    assert "guessing gives 50.0%" in done.stderr
    model, signed = (scene.folder / f"linear.privacy.dp.{end}" for end in ("joblib", "certificate.json"))
    assert "epsilon 2, pure" in done.stdout
    said = statement(signed, scene.home)
    assert said["subject"][0]["digest"]["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert said["predicateType"] == "urn:casemate:privacy/dp-accounting:1"
    assert said["predicate"]["records"] == len(scene.table("train"))
    certificate = said["predicate"]["certificate"]
    assert certificate["trusted"]
    assert certificate["assumed"] == ["bounds and categories of the columns"]
    loaded = open_model(model).model  # the load guard knows what is in it
    held = scene.table("holdout")
    right = loaded.predict(held.drop(columns=["malignant", "patient"])) == held["malignant"]
    assert right.mean() > 0.7  # 284 rows and a pure budget of 2; without columns that tell it would be 0.63
    assert loaded[-1].certificate_.epsilon == 2.0


def test_what_a_budget_buys_is_said_before_it_is_spent(scene: Scene) -> None:
    asked = scene.casemate("train", "--dp", "--epsilon", "0.01", "--delta", "0", "--plan")
    assert asked.returncode == 0, asked.stderr
    assert "of an imagined task's 90% a model that is not private learns" in asked.stdout
    assert not list(scene.folder.glob("*privacy.dp*"))
    told = forecasts(read_config(scene.config), epsilon=0.01, delta=0.0, home=scene.home)
    assert told["linear"] in asked.stdout.replace("\n", " ")


def test_private_training_is_a_defense_that_the_attack_judges(tmp_path: Path) -> None:
    scene = build(tmp_path)
    text = scene.config.read_text()
    scene.config.write_text(text[: text.index("[[defense]]")] + '[[defense]]\nuse = "privacy.dp"\n')
    hardening = harden(read_config(scene.config), against="membership", home=scene.home)
    found = [each.pair for each in hardening.outcome.dossier.view.paired]
    tpr = [pair for pair in found if pair.after.metric == "tpr" and pair.after.at == {"fpr": 0.01}]
    assert tpr
    for pair in tpr:
        assert pair.after.subject == "linear + privacy.dp"
        assert pair.after.low is not None
        assert pair.after.low <= np.e * 0.01 + 1e-5  # what the budget of 1 allows
        assert {cost.metric for cost in pair.quality} >= {"accuracy"}


def test_defenses_are_found_by_the_attack_that_judges_them(scene: Scene) -> None:
    config = read_config(scene.config)
    assert {each.use for each in facing(config, "membership").defense} == {"inversion.regularize"}
    scene.edit('[[defense]]\nuse = "inversion.regularize"\n', "")
    used = {each.use for each in facing(read_config(scene.config), "membership").defense}
    assert {"privacy.dp", "inversion.leaf_size", "inversion.regularize"} <= used


def test_what_cannot_be_trained_privately_is_refused_before_anything_is_written(scene: Scene) -> None:
    for words, said in (
        ((), "--dp"),
        (("--dp", "--epsilon", "0"), "epsilon"),
        (("--dp", "--model", "linaer"), "linaer"),
        (("--dp", "--delta", "0.5"), "delta"),
    ):
        done = scene.casemate("train", *words)
        assert done.returncode == 3
        assert said in done.stderr
    assert not list(scene.folder.glob("*privacy*"))


NETWORK = """\
from torch import nn


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.{}(), nn.Linear(32, 10))
"""


def digits(folder: Path, layer: str) -> Scene:
    """A network on scikit-learn's digits, its weights not trained at all."""
    folder.joinpath("home").mkdir(mode=0o700)
    images, labels = load_digits(return_X_y=True)
    x = (images / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    np.savez(folder / "train.npz", inputs=x[:1200], labels=labels[:1200])
    np.savez(folder / "holdout.npz", inputs=x[1200:], labels=labels[1200:])
    (folder / "network.py").write_text(NETWORK.format(layer))
    made = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), getattr(nn, layer)(), nn.Linear(32, 10))
    np.savez(folder / "net.npz", **{key: value.numpy() for key, value in made.state_dict().items()})
    (folder / "casemate.toml").write_text(
        'system = "digits"\n[data]\nname = "digits"\ntrain = "train.npz"\nholdout = "holdout.npz"\n'
        '[[model]]\nname = "net"\npath = "net.npz"\nnetwork = "network.py:build"\n'
    )
    return Scene(folder, folder / "home")


def test_a_network_is_trained_from_new_weights(tmp_path: Path) -> None:
    scene = digits(tmp_path, "ReLU")
    options = {"epochs": 15, "batch": 200, "rate": 1.0, "clip_norm": 0.5}
    (found,) = train_privately(read_config(scene.config), epsilon=8.0, delta=1e-4, options=options, home=scene.home)
    assert found.after > 0.7
    assert found.before < 0.4
    assert "Poisson" in found.certificate.sampler
    before, after = np.load(scene.folder / "net.npz"), np.load(found.model)
    assert set(before.files) == set(after.files)
    assert np.corrcoef(before["1.weight"].ravel(), after["1.weight"].ravel())[0, 1] < 0.2  # no trace of the old ones
    assert statement(found.statement, scene.home)["predicate"]["certificate"]["epsilon"] == 8.0


def test_layers_that_cannot_be_trained_privately_are_named(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    scene = digits(tmp_path / "net", "ReLU")
    text = (scene.folder / "network.py").read_text().replace("nn.ReLU()", "nn.BatchNorm1d(32)")
    (scene.folder / "network.py").write_text(text)
    made = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Linear(32, 10))
    torch.save(made.state_dict(), scene.folder / "net.pt")
    scene.edit('path = "net.npz"', 'path = "net.pt"')
    done = scene.casemate("train", "--dp")
    assert done.returncode == 3
    assert "mixes the samples of a batch" in done.stderr
    assert "GroupNorm" in done.stderr
