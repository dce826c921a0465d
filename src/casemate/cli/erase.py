"""``casemate erase``."""

from __future__ import annotations

from pathlib import Path

from casemate.audit.config import read_config
from casemate.audit.erase import erase as remove
from casemate.cli.terminal import console, watching
from casemate.core.errors import UsageError


def erase(
    subjects: list[str] | None = None,
    /,
    *,
    config: Path = Path("casemate.toml"),
    model: str = "",
    subjects_file: Path | None = None,
    key: Path | None = None,
) -> int:
    """Remove people from a model that was trained in shards: theirs are trained again on everybody else.

    The new model is written beside the old one, with signed evidence: commitments instead of ids, digests of data and
    models before and after, what it cost, and what a membership attack on the removed rows finds before and after.

    Examples:
      casemate erase patient0007 --config examples/clinical
      casemate erase --subjects-file requests.txt --model mortality

    Args:
        subjects: ids, as in the column that `[data]` names as subject.
        config: configuration file, or the folder it lies in; its data still hold the rows of these people.
        model: name of the model, where more than one is made of shards.
        subjects_file: a file with one id a line, which leaves no ids in the shell's history.
        key: file of the subject key; that of the key home unless given.
    """
    named = [*(subjects or ()), *(_lines(subjects_file) if subjects_file else ())]
    if not named:
        raise UsageError("nobody is to be removed", next_step="name people, or give --subjects-file")
    with watching() as observer:
        found = remove(read_config(config), named, model=model, key=key, observer=observer)
    out = console()
    out.print(str(found.removal), soft_wrap=True)
    for each in found.wrong:
        out.print(f"against it: {each}", soft_wrap=True)
    out.print()
    for row in found.measurements:
        bounds = "" if row.low is None or row.high is None else f" [{row.low:.3f}, {row.high:.3f}]"
        at = "".join(f", {value}" for value in row.at.values())
        note = f"  ({row.note})" if row.note else ""
        out.print(f"{row.metric}{at}: {row.estimate:.3f}{bounds}{note}", soft_wrap=True)
    out.print()
    out.print(f"model     {found.model}", soft_wrap=True)
    out.print(f"evidence  {found.statement}", soft_wrap=True)
    if not found.verified:
        out.print("\nThe removal FAILED. Keep the old model out of use, and train anew without these people.")
        return 1
    left = "Left to do: delete their rows from the data files, and the old model; name the new one in [[model]]."
    out.print(f"\n{left}", markup=False)
    return 0


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path.name} cannot be read", cause=type(error).__name__, next_step="name a text file"
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]
