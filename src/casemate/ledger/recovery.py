"""Opening a ledger: from what is on disk to a state that was signed, or a refusal.

    journal  checkpoint  outcome
    no       no          there is no ledger
    no       yes         the last writer closed it: the edge read from the tiles must have the checkpoint's root
    yes      any         the last writer died: replay the journal; the published checkpoint must lie on its way

A journal whose last batch is torn ends before it. A published checkpoint beyond the journal's end, or off its way,
means that records were removed or changed after they were acknowledged: TamperedError, nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from casemate.core.errors import CasemateError, TamperedError, UnreadableError
from casemate.keys.signing import Verifier
from casemate.ledger import journal
from casemate.ledger.disk import Disk
from casemate.ledger.edge import Edge
from casemate.ledger.layout import CHECKPOINT, JOURNAL, expected_tiles, parse_tile_path
from casemate.ledger.note import Checkpoint, open_checkpoint

NEW = ".new-"
"""Prefix of files that are written beside the one they replace."""


class State(NamedTuple):
    """A ledger's state: its edge and the signed note over it."""

    edge: Edge
    note: str
    checkpoint: Checkpoint


def publish(disk: Disk, files: Mapping[str, bytes], note: str) -> None:
    """Write tiles, then replace the checkpoint. Not durable: the journal is."""
    for path, data in files.items():
        disk.write(path, data)
    disk.write(NEW + CHECKPOINT, note.encode())
    disk.rename(NEW + CHECKPOINT, CHECKPOINT)


def recover(disk: Disk, verifiers: Sequence[Verifier]) -> State:
    """Bring the folder to its last durable state and return that. Needs no private key.

    Afterwards tiles and checkpoint are durable and complete; the journal, if there was one, is still there.

    Raises:
        TamperedError: the folder cannot have come from appends and crashes.
        OSError: the disk failed.
    """
    if not disk.exists(JOURNAL):
        note = disk.read(CHECKPOINT).decode("utf-8", "replace")
        checkpoint = open_checkpoint(note, verifiers)
        return _matching(Edge.load(disk.read, checkpoint.size), note, checkpoint)
    replay = journal.replay(disk.read(JOURNAL))
    files: dict[str, bytes] = {}
    state = _matching(replay.head.edge, replay.head.note, open_checkpoint(replay.head.note, verifiers))
    state.edge.check()
    roots = {state.checkpoint.size: state.checkpoint.root}
    for batch in replay.batches:
        change = state.edge.extend(batch.entries)
        state = _matching(change.edge, batch.note, open_checkpoint(batch.note, verifiers))
        roots[state.checkpoint.size] = state.checkpoint.root
        files.update(change.write)
        for path in change.remove:
            files.pop(path, None)
    files.update(state.edge.partial_files())
    _refuse_rollback(disk, verifiers, state, roots)
    publish(disk, files, state.note)
    disk.sync(files.keys() | {CHECKPOINT}, _remove_leftovers(disk, state.checkpoint.size))
    return state


def _matching(edge: Edge, note: str, checkpoint: Checkpoint) -> State:
    if edge.size != checkpoint.size or edge.root() != checkpoint.root:
        raise TamperedError(
            f"the ledger's records do not give the root of its checkpoint over {checkpoint.size} records",
            cause="records or tiles were changed after they were signed",
            next_step="run casemate verify to find the first bad record; restore the folder from a copy",
        )
    return State(edge, note, checkpoint)


def _refuse_rollback(disk: Disk, verifiers: Sequence[Verifier], state: State, roots: Mapping[int, bytes]) -> None:
    try:
        published = open_checkpoint(disk.read(CHECKPOINT), verifiers)
    except (OSError, UnreadableError):
        return  # its rename, or its content, did not survive the power cut; the journal has a later one
    except CasemateError as error:
        raise TamperedError("the ledger's published checkpoint does not verify", cause=str(error)) from error
    if published.size > state.checkpoint.size:
        raise TamperedError(
            f"the ledger was rolled back: {state.checkpoint.size} records, signed: {published.size}",
            cause="acknowledged records are missing",
            next_step="restore the folder from a copy; nothing was changed",
        )
    if roots.get(published.size, published.root) != published.root or published.origin != state.checkpoint.origin:
        raise TamperedError(
            f"the ledger was forked: two different logs of {published.size} records are signed",
            next_step="restore the folder from a copy; nothing was changed",
        )


def _remove_leftovers(disk: Disk, size: int) -> list[str]:
    """Remove tiles of other sizes and half-written files; foreign files stay, for verification to report."""
    expected = set(expected_tiles(size))
    leftovers = [
        path
        for path in disk.walk()
        if path.startswith(NEW) or (parse_tile_path(path) is not None and path not in expected)
    ]
    for path in leftovers:
        disk.remove(path)
    return leftovers
