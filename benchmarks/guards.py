"""Issue 4, row 9: preprocessors and detectors, attacked by who does not know of them and by who does.

The same network and images for all. Success is counted among images that the guarded network gets right; both
adversaries' examples are confirmed on the deployed module.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import nn

from benchmarks._models import DATA, images, model
from casemate.data.images import read_images
from casemate.stats.estimate import Estimate
from casemate.stats.proportions import clopper_pearson
from casemate.targets import TorchClassifier
from casemate.threats.evasion.balls import Linf
from casemate.threats.evasion.guards import (
    JPEG,
    BitDepth,
    Canonical,
    Detected,
    FeatureSqueezing,
    Gaussian,
    Mahalanobis,
    Median,
    Preprocessed,
    QueryMemory,
    RandomResized,
    TotalVariation,
    judge,
    judge_memory,
    penultimate,
)
from casemate.threats.evasion.guards.judge import Guarded, attack_bare

NETWORK, EPS, COUNT = "plain A", 0.1, 100
STEPS, QUERIES, RATE = 25, 300, 0.05
RUNS, STREAM, FAR = 40, 3000, 0.2


def guards(network: nn.Sequential) -> Iterator[tuple[str, Guarded]]:
    """Each guard under the name that says its settings."""
    yield "8-bit rounding outside of torch", Preprocessed(Canonical(lambda x: (x * 255).round() / 255), network)
    yield "bit depth 1", Preprocessed(BitDepth(1), network)
    yield "bit depth 3", Preprocessed(BitDepth(3), network)
    yield "median 3 x 3", Preprocessed(Median(3), network)
    yield "Gaussian blur, sigma 1", Preprocessed(Gaussian(1.0), network)
    yield "total variation 0.1", Preprocessed(TotalVariation(0.1, 10), network)
    yield "JPEG 25", Preprocessed(JPEG(25), network)
    yield "random resizing 0.8", Preprocessed(RandomResized(0.8), network)
    test = read_images(DATA / "mnist")
    benign = test.pixels[2000:5000]
    squeezing = FeatureSqueezing(network, [BitDepth(1), Median(2)]).calibrated(benign, RATE)
    yield "feature squeezing (1 bit, median 2 x 2)", Detected(squeezing, network)
    train = read_images(DATA / "mnist", "train").first(10_000)
    distance = Mahalanobis.fit(penultimate(network), train.pixels, train.labels).calibrated(benign, RATE)
    yield "Mahalanobis, last features", Detected(distance, network)


def share(found: Estimate) -> str:
    """A rate with its interval."""
    return f"{found.value:.0%} [{found.low:.0%}, {found.high:.0%}]"


def change(found: Estimate) -> str:
    """A difference in points with its interval."""
    return f"{100 * found.value:+.0f} [{100 * found.low:+.0f}, {100 * found.high:+.0f}]"


def inputs(network: nn.Sequential) -> None:
    """The table of preprocessors and detectors."""
    test, later = images(COUNT), read_images(DATA / "mnist").pixels[5000:]
    x, y, ball = torch.from_numpy(test.pixels), torch.from_numpy(test.labels), Linf(EPS)
    bare = attack_bare(TorchClassifier(network, 10), x, y, ball, steps=STEPS, queries=QUERIES)
    size = sum(each.numel() for each in network.parameters())
    print(
        f"{NETWORK}: {size:,} parameters, clean {bare.clean_accuracy:.0%} of the first {COUNT} MNIST test images; Linf "
        f"{EPS}. Without a guard {bare.estimate:.0%} [{bare.low:.0%}, {bare.high:.0%}] stay robust. PGD and APGD with "
        f"{STEPS} steps a walk, Square with {QUERIES} queries. Detectors: threshold set on 3,000 images for a benign "
        f"rate of {RATE:.0%}, measured on 5,000 others. Changes in points, paired, with and without the guard.\n"
    )
    print(
        "| guard | naive success | adaptive success | naive understates by | robust accuracy | clean accuracy "
        "| benign rejected | recommended | CPU s |\n|---|---|---|---|---|---|---|---|---|"
    )
    sound = True
    for name, guarded in guards(network):
        found = judge(guarded, x, y, ball, steps=STEPS, queries=QUERIES, bare=bare)
        sound &= not found.fault
        rate = "-"
        if isinstance(guarded, Detected):
            seen = guarded.detector.benign_rate(later)
            flagged = float(guarded.detector.flags(later).float().mean())
            rate = f"{flagged:.1%} [{seen.low:.1%}, {seen.high:.1%}]"
        advice = found.fault or ("yes" if found.recommended(cost=0.02) else "no")
        print(
            f"| {name} | {share(found.naive_success)} | **{share(found.adaptive_success)}** "
            f"| {change(found.understated)} | {change(found.gain)} | {change(found.clean_cost)} | {rate} | {advice} "
            f"| {found.seconds:.0f} |",
            flush=True,
        )
    print(f"\nAdaptive success below the naive one anywhere: {'no' if sound else 'YES, a bug'}.\n")


def stream(network: nn.Sequential) -> None:
    """The table of the query memory."""
    test = images(RUNS)
    benign = QueryMemory().look(read_images(DATA / "mnist").pixels[5000 : 5000 + STREAM])
    rate = clopper_pearson(int(benign.sum()), STREAM)
    print(
        f"Query memory (windows of 50 values, 50 hashes, more than 25 shared), an account closed at its first flag; "
        f"benign stream of {STREAM:,} images: {benign.mean():.2%} [{rate.low:.2%}, {rate.high:.2%}] flagged. Square, "
        f"{RUNS} runs of {QUERIES} queries each.\n"
    )
    print("| Linf | way of asking | succeeds | caught before success | median queries |\n|---|---|---|---|---|")
    target = TorchClassifier(network, 10)
    for eps in (EPS, FAR):
        clock = time.process_time()
        found = judge_memory(QueryMemory, target, test.pixels, test.labels, Linf(eps), queries=QUERIES)
        names = ["no memory", "naive", *(f"adaptive: {each.how}" for each in found.adaptive)]
        for name, way in zip(names, (found.unguarded, found.naive, *found.adaptive), strict=True):
            caught = "-" if name == "no memory" else share(way.caught_first)
            middle = f"{way.median_queries:.0f}" if way.succeeded.any() else "-"
            print(f"| {eps:g} | {name} | {share(way.success)} | {caught} | {middle} |")
        print(
            f"| {eps:g} | **adaptive, any way** | **{share(found.adaptive_success)}** | | |"
            f"\n| | ({time.process_time() - clock:.0f} CPU s) | | | |",
            flush=True,
        )
    print()


def main() -> None:
    """Print the section."""
    torch.set_num_threads(1)
    print("## Guards of inputs: naive and adaptive adversaries\n")
    if not (DATA / "mnist").exists():
        print("SKIPPED: no MNIST; `make data` fetches it.\n")
        return
    module, _ = model(NETWORK)
    assert isinstance(module, nn.Sequential)
    network = module.requires_grad_(False)
    inputs(network)
    stream(network)


if __name__ == "__main__":
    main()
