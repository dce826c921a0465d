"""Issue 4, rows 1 and 2: AutoAttack standard and Bracket beside the published AutoAttack, six networks.

Same networks and images; the reference is the PyPI package of fra31's code, version standard, in its own environment.
CPU seconds of one thread, imports and a first small pass left out; alternating, in batches of 250 images, there and
back. ART's class of the same name, another mixture, runs on the first 100 images, Bracket before and after it. It takes
an hour or more, so what was measured of a network is kept in ``.data/autoattack``, under a digest of the network and of
all code that attacks it: an interrupted run goes on, changed code starts anew.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import torch

from benchmarks._models import DATA, SIX, images, model
from benchmarks._peers import ROOT
from benchmarks._robustness import ask, has
from casemate.targets import TorchClassifier
from casemate.threats.evasion import AutoAttack, Bracket, Linf

COUNT, FEW = 500, 100


@dataclass(frozen=True)
class Found:
    """What was measured on one network: robust images left, and CPU seconds; of the first few images in ``few``."""

    when: str
    parameters: int
    clean: float
    certified: int
    left: dict[str, int]
    seconds: dict[str, float]

    def ratio(self, peer: str, ours: str) -> float:
        """CPU seconds of the peer over ours."""
        return self.seconds[peer] / self.seconds[ours]


def measure(name: str) -> Found:
    """Ours and the peers on one network, there and back in halves, so that a machine that slows down slows all."""
    recipe, test = SIX[name], images(COUNT)
    module, _ = model(name)
    target, ball = TorchClassifier(module, 10), Linf(recipe.eps)
    x, y = test.pixels, test.labels
    AutoAttack(Linf(0.001)).evaluate(target, x[:2], y[:2])
    runs: dict[str, Callable[[int, int], Any]] = {
        "standard": lambda at, to: AutoAttack(ball).evaluate(target, x[at:to], y[at:to], ids=range(at, to)),
        "reference": lambda at, to: ask("autoattack", name, x[at:to], y[at:to], recipe.eps),
        "bracket": lambda at, to: Bracket(ball).evaluate(target, x[at:to], y[at:to], ids=range(at, to)),
    }
    middle = COUNT // 2
    found = [(key, run(0, middle)) for key, run in runs.items()]
    found += [(key, run(middle, COUNT)) for key, run in reversed(runs.items())]
    before = runs["bracket"](0, FEW)
    art = ask("art_autoattack", name, x[:FEW], y[:FEW], recipe.eps)
    after = runs["bracket"](0, FEW)
    parts = {key: [one for name, one in found if name == key] for key in runs}
    parts |= {"few": [before], "art": [art]}
    seconds = {key: sum(float(one.seconds) for one in each) for key, each in parts.items()}
    return Found(
        when=datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M"),
        parameters=sum(each.numel() for each in module.parameters()),
        clean=sum(float(one.clean_accuracy) for one in parts["standard"]) / 2,
        certified=sum(int(one.certified.sum()) for one in parts["bracket"]),
        left={key: sum(int(one.robust.sum()) for one in each) for key, each in parts.items()},
        seconds={**seconds, "few": (before.seconds + after.seconds) / 2},
    )


def kept(name: str) -> Found:
    """What is known of a network by this code, measured now if nothing is."""
    code = sha256(SIX[name].digest.encode() + f"{COUNT} {FEW}".encode())
    for folder in ("threats/evasion", "targets"):
        for path in sorted((ROOT / "src" / "casemate" / folder).rglob("*.py")):
            code.update(path.read_bytes())
    path = DATA / "autoattack" / f"{code.hexdigest()[:16]}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(measure(name))))
    return Found(**json.loads(path.read_text()))


def main() -> None:
    """Print the section; with names, only measure those networks."""
    torch.set_num_threads(1)
    print("## AutoAttack and Bracket beside the published AutoAttack\n")
    if not (has("autoattack") and has("art_autoattack")):
        print("SKIPPED: the peers' environment is absent.\n")
        return
    print(f"First {COUNT} MNIST test images; robust images left and CPU s of each; ART on the first {FEW}.\n")
    print(
        "| network, eps | parameters | clean | reference | AutoAttack | ratio | Bracket: certified, left | ratio "
        f"| ART, {FEW} | Bracket, {FEW} | ratio | measured |\n{'|---' * 12}|"
    )
    rows = {name: kept(name) for name in sys.argv[1:] or SIX}
    for name, found in rows.items():
        left, spent = found.left, {key: f"{each:.0f} s" for key, each in found.seconds.items()}
        print(
            f"| {name}, {SIX[name].eps:g} | {found.parameters:,} | {found.clean:.1%} "
            f"| {left['reference']}, {spent['reference']} | {left['standard']}, {spent['standard']} "
            f"| {found.ratio('reference', 'standard'):.2f}x "
            f"| {found.certified}, {left['bracket']}, {spent['bracket']} | {found.ratio('reference', 'bracket'):.2f}x "
            f"| {left['art']}, {spent['art']} | {left['few']}, {spent['few']} | {found.ratio('art', 'few'):.1f}x "
            f"| {found.when} |"
        )
    total = {key: sum(found.left[key] for found in rows.values()) for key in ("reference", "standard", "bracket")}
    standard, bracket, art = (
        [found.ratio(*pair) for found in rows.values()]
        for pair in (("reference", "standard"), ("reference", "bracket"), ("art", "few"))
    )
    certified = [found.ratio("reference", "bracket") for name, found in rows.items() if name.startswith("IBP")]
    print(
        f"\nRobust images left in all: reference {total['reference']}, AutoAttack {total['standard']}, Bracket "
        f"{total['bracket']}. CPU, median over networks: AutoAttack {statistics.median(standard):.2f}x (goal 1.3), "
        f"least {min(standard):.2f}x; Bracket {statistics.median(bracket):.2f}x (goal 2.5), "
        f"{min(certified, default=0):.1f}x and more on the certifiably trained (goal 8); "
        f"{statistics.median(art):.1f}x ART (goal 12).\n"
    )


if __name__ == "__main__":
    main()
