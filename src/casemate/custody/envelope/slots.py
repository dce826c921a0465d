"""Header slots, which rotation rewrites in place, and the journal that says which of them counts.

At rest the journal is zero and both slots hold the same wraps under the same sequence number. A rotation from n to n+1
takes five writes, each made durable before the next:

    1  journal: slot 1 is being rewritten, slot 0 holds n         the file opens by slot 0
    2  slot 1 := n+1
    3  journal: slot 0 is being rewritten, slot 1 holds n+1       from here the file opens by slot 1
    4  slot 0 := n+1                                              no old wrap is left in the file
    5  journal := 0

Writes 1, 3 and 5 change 512 bytes at a multiple of 512, which disks write whole. Slots and journal carry an HMAC under
a key derived from the data key, so that nobody without the data key can change, mix or move them; a slot's place is
part of what is authenticated. At rest every byte of both slots is checked; during a rotation the slot that is being
rewritten is not looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from casemate.core.digests import canonical_json
from casemate.core.errors import UsageError
from casemate.custody.envelope.layout import HEAD, JOURNAL, MOST_NAME, MOST_WRAPS, PAGE, SLOTS, Head, Policy, damaged
from casemate.keys.services import Wrap

MAC: Final = 32
_SLOT: Final = struct.Struct(">4sB3xQI")
_ENTRY: Final = struct.Struct(">4sB3xQ")
_decoder = msgspec.json.Decoder(list[Wrap])


class Slot(NamedTuple):
    """The content of a slot: how many rotations there were, and the wraps of the data key."""

    sequence: int
    wraps: tuple[Wrap, ...]


class Entry(NamedTuple):
    """The journal of a rotation: the slot being rewritten, and the sequence number of the other one."""

    rewriting: int
    sequence: int


def encode_slot(index: int, slot: Slot, size: int, key: bytes) -> bytes:
    """The bytes of slot ``index``.

    Raises:
        UsageError: the wraps need more room.
    """
    text = canonical_json(slot.wraps)
    if len(text) > size - _SLOT.size - MAC:
        raise UsageError(
            f"the header has no room for {len(slot.wraps)} wraps",
            cause=f"they need {len(text):,} bytes, {size - _SLOT.size - MAC:,} were reserved when the file was sealed",
            next_step="name fewer keys, or unseal the file and seal it again",
        )
    data = (_SLOT.pack(b"SLOT", index, slot.sequence, len(text)) + text).ljust(size - MAC, b"\0")
    return data + _mac(key, data)


def parse_slot(data: bytes, index: int, policy: Policy) -> Slot:
    """The content of slot ``index``, which is not authenticated yet.

    Raises:
        TamperedError: no sealer or rotation wrote this, or the policy forbids it.
    """
    magic, place, sequence, length = _SLOT.unpack_from(data)
    text, padding = data[_SLOT.size : _SLOT.size + length], data[_SLOT.size + length : -MAC]
    if magic != b"SLOT" or any(data[5:8]) or length > len(data) - _SLOT.size - MAC or any(padding):
        raise damaged(f"slot {index} does not read")
    if place != index:
        raise damaged(f"slot {index} was written for another place")
    try:
        wraps = tuple(_decoder.decode(text))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise damaged(f"the wraps in slot {index} do not read") from None
    if canonical_json(wraps) != text:
        raise damaged(f"the wraps in slot {index} are not in canonical form")
    if problem := _forbidden(wraps, policy):
        raise damaged(problem)
    return Slot(sequence, wraps)


def check_wraps(wraps: Sequence[Wrap], policy: Policy) -> None:
    """Refuse to write wraps that no reader would take.

    Raises:
        UsageError: the policy forbids them, or a key has a name that cannot be printed.
    """
    if problem := _forbidden(wraps, policy):
        raise UsageError("the file cannot be sealed for these keys", cause=problem)


def _forbidden(wraps: Sequence[Wrap], policy: Policy) -> str:
    """Why the policy forbids these wraps, or an empty string."""
    if not wraps:
        return "no key would open it"
    if any(not (wrap.kind + wrap.key).isprintable() or len(wrap.kind + wrap.key) > MOST_NAME for wrap in wraps):
        return "a wrap has a name that cannot be printed"
    if len(wraps) > min(policy.most, MOST_WRAPS):
        return f"there are {len(wraps)} wraps, the file's policy allows {policy.most}"
    kinds = {wrap.kind for wrap in wraps} - set(policy.kinds)
    if policy.kinds and kinds:
        return f"the file's policy allows keys of kind {', '.join(policy.kinds)}, not {', '.join(sorted(kinds))[:80]}"
    return ""


def encode_entry(entry: Entry, key: bytes) -> bytes:
    """The 512 bytes of the journal during a rotation."""
    data = _ENTRY.pack(b"ROTA", entry.rewriting, entry.sequence).ljust(JOURNAL - MAC, b"\0")
    return data + _mac(key, data)


def parse_entry(data: bytes) -> Entry | None:
    """The journal, which is not authenticated yet; None when the file is at rest.

    Raises:
        TamperedError: no rotation wrote this.
    """
    if not any(data):
        return None
    magic, rewriting, sequence = _ENTRY.unpack_from(data)
    if magic != b"ROTA" or rewriting > 1 or any(data[5:8]) or any(data[_ENTRY.size : -MAC]):
        raise damaged("its journal does not read")
    return Entry(rewriting, sequence)


def authentic(data: bytes, key: bytes) -> bool:
    """Whether a slot's or the journal's HMAC is right."""
    return hmac.compare_digest(_mac(key, data[:-MAC]), data[-MAC:])


def slot_at(region: bytes, head: Head, index: int) -> bytes:
    """The bytes of slot ``index`` in the region before the segments."""
    start = SLOTS + index * head.slot
    return region[start : start + head.slot]


def journal_of(region: bytes) -> bytes:
    """The bytes of the journal."""
    return region[HEAD : HEAD + JOURNAL]


def room_for(wraps: Sequence[Wrap]) -> int:
    """How large a slot has to be, so that as many wraps again fit in when keys change."""
    need = 2 * len(canonical_json(wraps)) + _SLOT.size + MAC
    return -(-need // PAGE) * PAGE


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.sha256)
