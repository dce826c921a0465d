"""A first configuration for networks, written by looking at tensors, weights and code. Nothing is loaded or run."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from casemate.core.errors import UsageError
from casemate.data.tensors import holds_tensors

WEIGHTS = (".safetensors", ".npz", ".pt", ".pth")


def render_networks(folder: Path, files: Sequence[Path], train: Path, holdout: Path) -> str:
    """The text of a configuration.

    Args:
        folder: relative paths start here.
        files: all there are below it.
        train: tensors to train on.
        holdout: tensors never seen.

    Raises:
        UsageError: there are no weights, or no function that could make the network.
    """
    weights = [path for path in files if path.suffix in WEIGHTS and not holds_tensors(path)]
    builders = [f"{path.relative_to(folder).as_posix()}:{name}" for path in files for name in _builders(path)]
    if not weights or not builders:
        raise UsageError(
            f"{folder} has tensors, {len(weights)} files of weights and {len(builders)} functions that make a network",
            cause="a configuration needs at least one of each",
            next_step=f"put weights ({', '.join(WEIGHTS)}) and the Python file whose function makes the module there",
        )
    models = "\n".join(
        f'[[model]]\nname = "{path.stem}"\npath = "{path.relative_to(folder).as_posix()}"\n'
        f'network = "{builders[0]}"   # the function that makes the module these weights belong to\n'
        for path in weights
    )
    return TEMPLATE.format(
        train=train.relative_to(folder).as_posix(), holdout=holdout.relative_to(folder).as_posix(), models=models
    )


def _builders(path: Path) -> list[str]:
    """Functions of a Python file that need no arguments and say that they return a module, or are called as if."""
    if path.suffix != ".py":
        return []
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, RecursionError):
        return []
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not _needs_arguments(node) and _makes_a_module(node)
    ]


def _needs_arguments(node: ast.FunctionDef) -> bool:
    given = node.args
    needed = len(given.posonlyargs) + len(given.args) - len(given.defaults)
    return needed > 0 or any(default is None for default in given.kw_defaults)


def _makes_a_module(node: ast.FunctionDef) -> bool:
    said = ast.unparse(node.returns) if node.returns is not None else ""
    return "Module" in said or "Sequential" in said or node.name.startswith(("build", "make", "create"))


TEMPLATE = """\
# What casemate audits, and what its owner accepts. Written by `casemate init`; every line is yours to change.
# casemate audit    measures      casemate harden    tries the defenses below and attacks again

system = "our model"          # what the report calls it

[audit]
out = "audit"                 # the audit folder, beside this file
seed = 20260101               # the same seed gives the same figures
effort = "standard"           # quick, standard or thorough

[data]
name = "data"
train = "{train}"             # exactly the inputs the network was trained on
holdout = "{holdout}"         # inputs of the same kind that it never saw

{models}
[assess."evasion.bracket"]
eps = [0.03, 0.1]             # greatest change of a coordinate, in units of inputs
bounds = [0, 1]               # least and greatest value of an input
levels = 256                  # values an input can have as deployed: 256 for 8-bit images, 0 for any
shown = 4                     # broken inputs drawn in the report; 0 where inputs are pictures of people

# What is accepted. Fixed and signed before the first trial; verdicts are decided on the bound, never on the estimate.
[policy]
owner = ""

[[policy.tolerances]]
name = "robustness"
kind = "attack/evasion/bracket"
metric = "robust_accuracy"
at = {{ eps = 0.03 }}
at_least = 0.8
reason = ""

[[policy.tolerances]]
name = "trust"                # an attack that was blinded proves nothing
kind = "attack/evasion/trust"
metric = "masking_signs"
at_most = 0
reason = ""

# Defenses that `casemate harden` tries.
[[defense]]
use = "evasion.adversarial_training"

[[defense]]
use = "evasion.certified_training"
"""
