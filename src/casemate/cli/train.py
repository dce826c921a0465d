"""``casemate train``."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from casemate.audit.config import read_config
from casemate.audit.train import forecasts, train_privately
from casemate.cli.terminal import console, watching
from casemate.core.errors import UsageError


def train(
    config: Path = Path("casemate.toml"),
    /,
    *,
    dp: bool = False,
    epsilon: float = 1.0,
    delta: float = 1e-5,
    model: list[str] | None = None,
    epochs: float | None = None,
    batch: int | None = None,
    clip_norm: float | None = None,
    rate: float | None = None,
    plan: bool = False,
) -> int:
    """Train the models of CONFIG again on the same rows, with differential privacy.

    A table's model becomes a private logistic regression on columns encoded by their declared bounds and categories; a
    network is trained from new weights by DP-SGD. Each is written beside the original, with a signed certificate.

    Examples:
      casemate train --dp examples/clinical
      casemate train --dp --epsilon 3 --model logistic
      casemate train --dp --epsilon 1 --delta 0          pure epsilon, tables only
      casemate train --dp --epsilon 0.1 --plan           what would it buy? Nothing is spent

    Args:
        config: configuration file, or the folder it lies in.
        dp: train with differential privacy; the only way of training there is yet, and so required.
        epsilon: of the budget that each model spends.
        delta: of the budget, far below 1 / records; 0 for pure epsilon.
        model: name of a model (may be given several times); all unless given.
        epochs: of a network: how often each record takes part, on average.
        batch: of a network: expected size of a batch.
        clip_norm: of a network: longest gradient of one record.
        rate: of a network: step length.
        plan: say what the budget buys for so many records, and stop there.
    """
    if not dp:
        raise UsageError("how shall the models be trained?", next_step="say --dp, for differential privacy")
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
        for name, each in told.items():
            console().print(f"{name}: {each}", soft_wrap=True)
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
