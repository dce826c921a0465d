"""Rotation: other keys, or newer versions of the same, for a sealed file. Only its header is rewritten, in place.

What is encrypted stays as it is, and so does the data key. Whoever opened the file before the rotation may have kept
the data key, or an old copy of the header; rotation decides who can open the file that lies here from now on. To shut
out somebody who could open it, unseal the file and seal it again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from casemate.core.errors import LockedError, StorageError, TamperedError
from casemate.custody.envelope.layout import HEAD, JOURNAL, SLOTS
from casemate.custody.envelope.opening import Unlocked, check_size, read_region, unlock
from casemate.custody.envelope.publish import open_regular
from casemate.custody.envelope.sealing import check_services
from casemate.custody.envelope.slots import Entry, Slot, check_wraps, encode_entry, encode_slot
from casemate.custody.envelope.stream import write_fully
from casemate.keys.services import KeyService, Wrap


@dataclass(frozen=True, slots=True)
class Rotated:
    """A file whose keys were rotated.

    Attributes:
        path: where it lies.
        sequence: 1 when it was sealed, and one more for each rotation. Keep it: `open_encrypted` with ``least`` then
            refuses an older header.
        keys: kind and key of each wrap.
    """

    path: Path
    sequence: int
    keys: tuple[str, ...]


def rotate(
    path: Path | str, keys: Sequence[KeyService], services: Sequence[KeyService] | None = None, *, repair: bool = False
) -> Rotated:
    """Change which keys open a sealed file, without touching what is encrypted.

    A crash leaves the old header valid, or the new one.

    Args:
        path: the sealed file.
        keys: key services, at least one of which opens it now.
        services: the keys that will open it; no others will. None renews the wraps that ``keys`` open, each under the
            newest version of its key, and keeps the others.
        repair: accept a file whose header is damaged in one of its two copies; the newer authentic one counts.

    Raises:
        UnreadableError: this is no sealed file.
        TamperedError: the header was changed.
        LockedError: another process rotates its keys.
        UsageError: the file's policy forbids a key, or the reserved room is too small.
        KeyServiceError: no key opens it, or a service could not be reached, or refused. Nothing was changed.
        StorageError: the header cannot be made durable; the old one, or the new one, is valid.
    """
    path = Path(path)
    descriptor, state = open_regular(path, os.O_RDWR)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"the keys of {path} are being rotated", cause="another process does it", next_step="try again"
            ) from None
        region, head = read_region(descriptor)
        check_size(state.st_size, head)
        opened = unlock(region, head, keys, repair=repair)
        slot = Slot(opened.slot.sequence + 1, _wraps(opened, keys, services))
        check_wraps(slot.wraps, head.policy)
        _write(descriptor, opened, slot)
    except OSError as error:
        raise StorageError(f"{path} cannot be locked", cause=error.strerror or str(error)) from error
    finally:
        os.close(descriptor)
    return Rotated(path, slot.sequence, tuple(f"{wrap.kind}:{wrap.key}" for wrap in slot.wraps))


def _wraps(opened: Unlocked, keys: Sequence[KeyService], services: Sequence[KeyService] | None) -> tuple[Wrap, ...]:
    head = opened.head
    context = head.context()
    if services is not None:
        check_services(services, head.policy)
        return tuple(service.wrap(opened.dek, context) for service in services)
    return tuple(_renew(opened, wrap, keys) for wrap in opened.slot.wraps)


def _renew(opened: Unlocked, wrap: Wrap, keys: Sequence[KeyService]) -> Wrap:
    context = opened.head.context()
    for key in keys:
        if key.opens(wrap):
            new = key.rewrap(wrap, context)
            if key.unwrap(new, context) != opened.dek:
                raise TamperedError(f"{key.name} returned another data key", next_step="look at the key service's log")
            return new
    return wrap


def _write(descriptor: int, opened: Unlocked, slot: Slot) -> None:
    """Steps 1 to 5 of slots.py; whichever slot counts now is rewritten last."""
    head, key = opened.head, opened.keys.slots
    new = [encode_slot(index, slot, head.slot, key) for index in (0, 1)]
    for keeping, sequence in ((opened.place, opened.slot.sequence), (1 - opened.place, slot.sequence)):
        _durable(descriptor, encode_entry(Entry(1 - keeping, sequence), key), HEAD)
        _durable(descriptor, new[1 - keeping], SLOTS + (1 - keeping) * head.slot)
    _durable(descriptor, bytes(JOURNAL), HEAD)


def _durable(descriptor: int, data: bytes, offset: int) -> None:
    write_fully(descriptor, data, offset)
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        raise StorageError(
            "the header cannot be made durable", cause=error.strerror or str(error), next_step="check the disk"
        ) from error
