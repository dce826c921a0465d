"""Long attacks in batches of samples whose results are kept on disk: what is interrupted is resumed, bit by bit.

A checkpoint is a folder. ``configuration.json`` says what is being run: attack, target, inputs, labels, goals and
numbers of the samples, by digest. ``00000.npz`` and so on hold the results of one batch each, written to a temporary
name and then renamed: a process that is killed loses the batch it was at, and nothing else. Random numbers belong to
samples and batches are cut by position, so a run that was resumed does what one that was not would have done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.data.read import UNREADABLE
from casemate.targets.differentiable import Scored
from casemate.threats.evasion.evaluation import Evaluation

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

SCHEMA: Final = "casemate.evasion-checkpoint/1"
E = TypeVar("E", bound=Evaluation)
_SUMMED: Final = frozenset({"unconfirmed", "forwards", "gradients", "confirmations", "seconds"})
_PER_SAMPLE: Final = frozenset({"adversarial", "correct", "broken", "by", "certified", "decided"})


def resumed(
    run: Callable[[Tensor, npt.NDArray[Any], npt.NDArray[Any] | None, list[int]], E],
    attack: str,
    target: Scored,
    inputs: Tensor | npt.ArrayLike,
    labels: Tensor | npt.ArrayLike,
    checkpoint: str | Path,
    *,
    goals: Tensor | npt.ArrayLike | None = None,
    ids: Sequence[int] | None = None,
) -> E:
    """Run batch after batch; batches whose results lie in the checkpoint are not run again.

    Args:
        run: takes inputs, labels, goals and numbers of a batch.
        attack: all hyper-parameters, as text.
        target: what is attacked; a batch has ``target.batch`` samples.
        inputs: (n, ...).
        labels: (n,).
        checkpoint: a folder, made if it is not there.
        goals: (n,) or None.
        ids: (n,) numbers of the samples, their positions if not given.

    Raises:
        UsageError: the checkpoint is of another run, or the target answers at random.
        DataError: inputs or labels that cannot be used.
    """
    origin = target.tensor(inputs)
    right = np.asarray(labels)
    wanted = None if goals is None else np.asarray(goals)
    numbers = list(range(len(origin))) if ids is None else [int(each) for each in ids]
    folder = Path(checkpoint)
    asked = {
        "schema": SCHEMA,
        "attack": attack,
        "samples": len(origin),
        "batch": target.batch,
        "inputs": _digest(origin.numpy()),
        "labels": _digest(right),
        "goals": None if wanted is None else _digest(wanted),
        "ids": _digest(np.asarray(numbers)),
        "target": identity(target, origin),
    }
    _open(folder, asked)
    template: E | None = None
    parts: list[dict[str, Any]] = []
    for number, start in enumerate(range(0, len(origin), target.batch)):
        rows = slice(start, start + target.batch)
        path = folder / f"{number:05}.npz"
        kept = _read(path)
        if kept is None:
            made = run(origin[rows], right[rows], None if wanted is None else wanted[rows], numbers[rows])
            template, kept = made, _packed(made)
            _write(path, kept)
        parts.append(kept)
    if template is None:  # every batch was there: an empty run tells what kind of result it is
        rows = slice(0, 1)
        template = run(origin[rows], right[rows], None if wanted is None else wanted[rows], numbers[rows])
    return _joined(template, parts)


def identity(target: Scored, inputs: Tensor) -> str:
    """A digest of what a target is: its kind, its bounds, its weights if it has a module, and its answers.

    Raises:
        UsageError: it answers differently when asked again.
    """
    state = sha256()
    told = (type(target).__name__, target.bounds, target.classes, getattr(target, "levels", None))
    state.update(repr(told).encode())
    module = getattr(target, "module", None)
    if isinstance(module, torch.nn.Module):
        state.update(repr(module).encode())
        for name, values in sorted(module.state_dict().items()):
            state.update(name.encode() + _digest(values.cpu().numpy()).encode())
    target.sense(inputs)
    first, again = (target.confirm(inputs[: target.batch]) for _ in range(2))
    if not torch.equal(torch.nan_to_num(first), torch.nan_to_num(again)):
        raise UsageError(
            f"target {target.name!r} answers at random",
            cause="a run that is resumed would not be the one that was interrupted",
            next_step="run it without a checkpoint",
        )
    state.update(_digest(first.numpy()).encode())
    return state.hexdigest()


def _open(folder: Path, asked: dict[str, Any]) -> None:
    """Make the folder, or check that it is of this run."""
    path = folder / "configuration.json"
    if path.exists():
        try:
            kept = json.loads(path.read_text())
        except (OSError, ValueError):
            kept = None
        if not isinstance(kept, dict) or kept.get("schema") != SCHEMA:
            raise UsageError(f"{path} is no checkpoint", next_step="give another folder")
        other = [name for name in asked if kept.get(name) != asked[name]]
        if other:
            raise UsageError(
                f"checkpoint {folder} is of another run",
                cause=f"changed: {', '.join(other)}",
                next_step="give another folder, or the configuration it was begun with",
            )
        return
    if folder.exists() and any(each.suffix == ".npz" for each in folder.iterdir()):
        raise UsageError(f"{folder} holds results but no configuration", next_step="give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    _replace(path, json.dumps(asked, indent=1).encode())


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _packed(made: Evaluation) -> dict[str, Any]:
    """The fields that differ from batch to batch, as arrays."""
    names = {each.name for each in fields(made)}
    packed: dict[str, Any] = {}
    for name in sorted((_SUMMED | _PER_SAMPLE) & names):
        value = getattr(made, name)
        packed[name] = value.numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return packed


def _write(path: Path, packed: dict[str, Any]) -> None:
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **packed)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except UNREADABLE as error:
        raise UsageError(
            f"{path} cannot be read", cause=str(error)[:200], next_step="delete it: its batch will be run again"
        ) from error


def _joined(template: E, parts: list[dict[str, Any]]) -> E:
    """One result from those of batches."""
    given = {each.name: getattr(template, each.name) for each in fields(template)}
    for name in parts[0]:
        values = [part[name] for part in parts]
        if name in _SUMMED:
            total = sum(float(each) for each in values)
            given[name] = total if name == "seconds" else int(total)
        elif isinstance(given[name], tuple):
            given[name] = tuple(str(each) for each in np.concatenate(values))
        else:
            given[name] = torch.from_numpy(np.concatenate(values))
    return type(template)(**given)


def _digest(values: npt.NDArray[Any]) -> str:
    array = np.ascontiguousarray(values)
    head = f"{array.dtype.str}{array.shape}".encode()
    return sha256(head + array.tobytes()).hexdigest()
