"""From a sealed file's header and some keys to the keys of its segments. Pure: bytes in, keys out.

Nothing is decrypted before all of this holds, in this order: the header and the slot that counts read in their one
form; the policy allows the wraps; one wrap opens, bound to this header; the data key is the one that the header commits
to; slot and journal are authentic under it; and at rest, both slots are, and say the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from casemate.core.errors import CasemateError, LockedError, TamperedError
from casemate.custody.envelope.layout import HEAD, SLOTS, Head, Keys, damaged, parse_head
from casemate.custody.envelope.slots import Slot, authentic, journal_of, parse_entry, parse_slot, slot_at
from casemate.keys.services import KeyService, UnreachableServiceError, Wrap, WrongKeyError

ATTEMPTS: Final = 1000


class Unlocked(NamedTuple):
    """What a key opens.

    Attributes:
        head: the public header.
        place: which slot counts.
        slot: the wraps in force, and how many rotations there were.
        dek: the data key.
        keys: what is derived from it.
    """

    head: Head
    place: int
    slot: Slot
    dek: bytes
    keys: Keys


def read_region(descriptor: int) -> tuple[bytes, Head]:
    """Everything before the segments, as it was at one moment, and the public header.

    A rotation may be writing meanwhile. Two equal reads in a row are one moment, since each write of a rotation changes
    the journal or the slot that the journal names. Tries at most 1,000 times.

    Raises:
        UnreadableError: this is no sealed file.
        TamperedError: the header was changed.
        LockedError: rotations never pause.
    """
    head = parse_head(os.pread(descriptor, HEAD, 0))
    size = SLOTS + 2 * head.slot
    before = os.pread(descriptor, size, 0)
    for _ in range(ATTEMPTS):
        after = os.pread(descriptor, size, 0)
        if after == before:
            if len(after) < size:
                raise TamperedError("the sealed file was cut", cause="its header is not whole")
            return after, parse_head(after)
        before = after
    raise LockedError("the sealed file changes all the time", next_step="try again when its keys are not being rotated")


def unlock(region: bytes, head: Head, keys: Sequence[KeyService], *, repair: bool = False) -> Unlocked:
    """The keys of a file.

    Args:
        region: everything before the segments.
        head: the public header in it.
        keys: key services, at least one of which opens the file.
        repair: accept a file whose journal or other slot is damaged, if one slot is authentic; the newest counts.

    Raises:
        TamperedError: header, wraps, slots or journal were changed.
        WrongKeyError: none of the keys is one that the file was sealed for.
        KeyServiceError: a service could not be reached, or refused.
    """
    if repair:
        return _any_slot(region, head, keys)
    journal = journal_of(region)
    entry = parse_entry(journal)
    index = 1 - entry.rewriting if entry else 0
    slot = parse_slot(slot_at(region, head, index), index, head.policy)
    if entry is None and parse_slot(slot_at(region, head, 1), 1, head.policy) != slot:
        raise damaged("its two slots differ")
    if entry is not None and entry.sequence != slot.sequence:
        raise damaged("its journal speaks of another slot")
    dek = _unwrap(head, slot.wraps, keys)
    derived = head.unlock(dek)
    checked = [journal] if entry else [slot_at(region, head, 1)]
    if not all(authentic(data, derived.slots) for data in [slot_at(region, head, index), *checked]):
        raise damaged("its wraps or its journal are not authentic")
    return Unlocked(head, index, slot, dek, derived)


def _any_slot(region: bytes, head: Head, keys: Sequence[KeyService]) -> Unlocked:
    found, first = list[Unlocked](), None
    for index in (0, 1):
        data = slot_at(region, head, index)
        try:
            slot = parse_slot(data, index, head.policy)
            dek = _unwrap(head, slot.wraps, keys)
            derived = head.unlock(dek)
        except CasemateError as error:
            first = first or error
            continue
        if authentic(data, derived.slots):
            found.append(Unlocked(head, index, slot, dek, derived))
    if not found:
        raise first or damaged("none of its slots is authentic")
    return max(found, key=lambda each: each.slot.sequence)


def _unwrap(head: Head, wraps: Sequence[Wrap], keys: Sequence[KeyService]) -> bytes:
    """The data key, from the first wrap that one of the keys opens; of several errors, one that may pass is told."""
    context, errors = head.context(), list[CasemateError]()
    for wrap in wraps:
        for key in keys:
            if not key.opens(wrap):
                continue
            try:
                return key.unwrap(wrap, context)
            except CasemateError as error:
                errors.append(error)
    if errors:
        raise next((error for error in errors if isinstance(error, UnreachableServiceError)), errors[0])
    raise WrongKeyError(
        f"none of the keys given opens {head.name!r}",
        cause=f"it was sealed for {', '.join(sorted(f'{wrap.kind}:{wrap.key}'[:80] for wrap in wraps))}",
        next_step="give one of these keys",
    )


def check_size(size: int, head: Head) -> None:
    """Refuse a file that is shorter or longer than its header says.

    Raises:
        TamperedError: it is.
    """
    if size != head.total:
        raise TamperedError(
            f"the sealed file {head.name!r} was {'cut' if size < head.total else 'extended'}",
            cause=f"it has {size:,} bytes, its header says {head.total:,}",
            next_step="get the file again",
        )
