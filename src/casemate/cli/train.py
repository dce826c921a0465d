"""``casemate train``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from casemate.audit.config import read_config
from casemate.audit.sharding import train_sharded
from casemate.audit.train import forecasts, train_privately
from casemate.cli.terminal import console, watching
from casemate.core.errors import UsageError


def train(
    config: Path = Path("casemate.toml"),
    /,
    *,
    dp: bool = False,
    shards: int | None = None,
    epsilon: float = 1.0,
    delta: float = 1e-5,
    model: list[str] | None = None,
    epochs: float | None = None,
    batch: int | None = None,
    clip_norm: float | None = None,
    rate: float | None = None,
    plan: bool = False,
) -> int:
    """Train the models of CONFIG again on the same rows, with differential privacy or in shards.

    With --dp, a table's model becomes a private logistic regression on columns encoded by their declared bounds and
    categories; a network is trained from new weights by DP-SGD. Each is written beside the original, with a signed
    certificate.

    With --shards, a table's model becomes many of its kind, each trained on the rows of its own people, so that
    `casemate erase` can take people out again. The subject key that this needs is made in the key home at first use.

    Examples:
      casemate train --dp examples/clinical
      casemate train --dp --epsilon 3 --model logistic
      casemate train --dp --epsilon 1 --delta 0          pure epsilon, tables only
      casemate train --dp --epsilon 0.1 --plan           what would it buy? Nothing is spent
      casemate train --shards 8

    Args:
        config: configuration file, or the folder it lies in.
        dp: train with differential privacy.
        shards: train in this many shards. More make erasing cheaper, and the model worse.
        epsilon: of the budget that each model spends.
        delta: of the budget, far below 1 / records; 0 for pure epsilon.
        model: name of a model (may be given several times); all unless given.
        epochs: of a network: how often each record takes part, on average.
        batch: of a network: expected size of a batch.
        clip_norm: of a network: longest gradient of one record.
        rate: of a network: step length.
        plan: say what the budget buys for so many records, and stop there.
    """
    if dp == (shards is not None):
        raise UsageError(
            "how shall the models be trained?",
            cause="private models in shards are not built" if dp else "",
            next_step="say --dp, for differential privacy, or --shards 8, so that people can be erased",
        )
    if shards is not None:
        return _in_shards(config, shards, model or ())
    given = {"epochs": epochs, "batch": batch, "clip_norm": clip_norm, "rate": rate}
    options = {key: value for key, value in given.items() if value is not None}
    if plan:
        with watching() as observer:
            told = forecasts(
                read_config(config),
                epsilon=epsilon,
                delta=delta,
                models=model or (),
                options=options,
                observer=observer,
            )
        console().print("\n".join(f"{name}: {said}" for name, said in told.items()), soft_wrap=True)
        return 0
    with watching() as observer:
        found = train_privately(
            read_config(config), epsilon=epsilon, delta=delta, models=model or (), options=options, observer=observer
        )
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "accuracy on held-out rows", "private", "guarantee"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(each.name, f"{each.before:.3f}", f"{each.after:.3f}", str(each.certificate))
    out = console()
    out.print(table)
    out.print()
    for each in found:
        out.print(f"model        {each.model}", soft_wrap=True)
        out.print(f"certificate  {each.statement}", soft_wrap=True)
    if len(found) > 1:
        out.print(f"\nWho holds all {len(found)} models holds the sum of their budgets.")
    return 0


def _in_shards(config: Path, shards: int, models: Sequence[str]) -> int:
    with watching() as observer:
        found = train_sharded(read_config(config), shards=shards, models=models, observer=observer)
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "accuracy on held-out rows", "in shards", "difference, 95 %", "one person costs"):
        table.add_column(heading, overflow="fold")
    for each in found:
        change = f"{each.change.value:+.3f} [{each.change.low:+.3f}, {each.change.high:+.3f}]"
        cost = f"about 1/{each.shards} of {each.seconds:.1f} CPU s"
        table.add_row(each.name, f"{each.before:.3f}", f"{each.after:.3f}", change, cost)
    out = console()
    out.print(table)
    out.print()
    for each in found:
        out.print(f"model  {each.model}", soft_wrap=True)
    return 0
