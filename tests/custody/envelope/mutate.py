"""Changes to a sealed file that an attacker with the file, other files and older copies of it can make."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from casemate.custody.envelope.layout import HEAD, SLOTS, TAG, Head, parse_head


@dataclass(frozen=True)
class Victim:
    """A sealed file, and what else the attacker has.

    Attributes:
        data: the file, at rest.
        older: the same file before its keys were rotated.
        other: another file of the same size, sealed with the same keys.
        midway: the journal of a rotation that was under way when the attacker looked.
    """

    data: bytes
    older: bytes
    other: bytes
    midway: bytes

    @property
    def head(self) -> Head:
        return parse_head(self.data)


def put(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]


def flip(rng: random.Random, victim: Victim, low: int, high: int) -> bytes:
    at = rng.randrange(low, high)
    return put(victim.data, at, bytes([victim.data[at] ^ 1 << rng.randrange(8)]))


def segment(data: bytes, head: Head, index: int) -> bytes:
    return data[head.offset(index) : head.offset(index) + head.length(index) + TAG]


def slot(data: bytes, head: Head, index: int) -> bytes:
    return data[SLOTS + index * head.slot : SLOTS + (index + 1) * head.slot]


def two_segments(rng: random.Random, head: Head) -> tuple[int, int]:
    one, two = rng.sample(range(head.count - 1), 2)
    return one, two


def flip_anywhere(rng: random.Random, victim: Victim) -> bytes:
    return flip(rng, victim, 0, len(victim.data))


def flip_header(rng: random.Random, victim: Victim) -> bytes:
    return flip(rng, victim, 0, rng.choice([200, HEAD]))


def flip_journal(rng: random.Random, victim: Victim) -> bytes:
    return flip(rng, victim, HEAD, SLOTS)


def flip_slot(rng: random.Random, victim: Victim) -> bytes:
    start = SLOTS + rng.randrange(2) * victim.head.slot
    return flip(rng, victim, start, start + rng.choice([24, 400, victim.head.slot]))


def flip_tag(rng: random.Random, victim: Victim) -> bytes:
    end = victim.head.offset(rng.randrange(victim.head.count - 1)) + victim.head.segment + TAG
    return flip(rng, victim, end - TAG, end)


def random_bytes(rng: random.Random, victim: Victim) -> bytes:
    at = rng.randrange(len(victim.data))
    return put(victim.data, at, rng.randbytes(min(rng.randint(1, 64), len(victim.data) - at)))


def cut(rng: random.Random, victim: Victim) -> bytes:
    return victim.data[: rng.randrange(len(victim.data))]


def cut_at_a_segment(rng: random.Random, victim: Victim) -> bytes:
    return victim.data[: victim.head.offset(rng.randrange(victim.head.count))]


def cut_and_say_so(rng: random.Random, victim: Victim) -> bytes:
    count = rng.randrange(victim.head.count)
    said = (count * victim.head.segment).to_bytes(8, "big")
    return put(victim.data[: victim.head.offset(count)], 24, said)


def cut_in_the_middle(rng: random.Random, victim: Victim) -> bytes:
    at = victim.head.offset(rng.randrange(victim.head.count - 1))
    return victim.data[:at] + victim.data[at + victim.head.segment + TAG :]


def extend(rng: random.Random, victim: Victim) -> bytes:
    return victim.data + rng.choice([b"\0", rng.randbytes(16), segment(victim.data, victim.head, 0), bytes(4096)])


def extend_and_say_so(rng: random.Random, victim: Victim) -> bytes:
    head = victim.head
    whole = victim.data[: head.offset(head.count - 1)]
    pieces = [segment(victim.data, head, rng.randrange(head.count - 1)) for _ in range(rng.randint(1, 3))]
    said = ((head.count - 1 + len(pieces)) * head.segment + head.size % head.segment).to_bytes(8, "big")
    return put(whole + b"".join(pieces) + segment(victim.data, head, head.count - 1), 24, said)


def reorder(rng: random.Random, victim: Victim) -> bytes:
    head = victim.head
    one, two = two_segments(rng, head)
    changed = put(victim.data, head.offset(one), segment(victim.data, head, two))
    return put(changed, head.offset(two), segment(victim.data, head, one))


def repeat(rng: random.Random, victim: Victim) -> bytes:
    one, two = two_segments(rng, victim.head)
    return put(victim.data, victim.head.offset(one), segment(victim.data, victim.head, two))


def splice(rng: random.Random, victim: Victim) -> bytes:
    index = rng.randrange(victim.head.count)
    return put(victim.data, victim.head.offset(index), segment(victim.other, victim.head, index))


def splice_elsewhere(rng: random.Random, victim: Victim) -> bytes:
    one, two = two_segments(rng, victim.head)
    return put(victim.data, victim.head.offset(one), segment(victim.other, victim.head, two))


def swap_header(rng: random.Random, victim: Victim) -> bytes:
    end = rng.choice([104, HEAD, SLOTS, victim.head.body])
    return victim.other[:end] + victim.data[end:]


def swap_field(rng: random.Random, victim: Victim) -> bytes:
    start, end = rng.choice([(24, 32), (32, 64), (64, 72), (72, 104), (32, 72), (24, 104)])
    return put(victim.data, start, victim.other[start:end] if start != 24 else rng.randbytes(end - start))


def resize(rng: random.Random, victim: Victim) -> bytes:
    head = victim.head
    if rng.randrange(2):
        return put(victim.data, 12, (head.segment << rng.choice([1, 2, 3])).to_bytes(4, "big"))
    return put(victim.data, 24, (head.size + rng.choice([-1, 1, -head.segment, head.segment])).to_bytes(8, "big"))


def swap_slots(rng: random.Random, victim: Victim) -> bytes:
    pair = [slot(victim.data, victim.head, index) for index in (0, 1)]
    return put(victim.data, SLOTS, pair[1] + pair[0])


def copy_slot(rng: random.Random, victim: Victim) -> bytes:
    index = rng.randrange(2)
    return put(victim.data, SLOTS + index * victim.head.slot, slot(victim.data, victim.head, 1 - index))


def old_slot(rng: random.Random, victim: Victim) -> bytes:
    index = rng.randrange(2)
    return put(victim.data, SLOTS + index * victim.head.slot, slot(victim.older, victim.head, rng.randrange(2)))


def other_slots(rng: random.Random, victim: Victim) -> bytes:
    pair = [slot(victim.other, victim.head, index) for index in (0, 1)]
    if rng.randrange(2):
        return put(victim.data, SLOTS, pair[0] + pair[1])
    index = rng.randrange(2)
    return put(victim.data, SLOTS + index * victim.head.slot, pair[index])


def old_journal(rng: random.Random, victim: Victim) -> bytes:
    return put(victim.data, HEAD, victim.midway)


def own_journal(rng: random.Random, victim: Victim) -> bytes:
    """Point readers at a slot of the attacker's choice, in which an old one lies.

    The journal that was really there, together with the old slot it spoke of, is a whole old header: see the test of
    what the format cannot see.
    """
    index = rng.randrange(2)
    changed = put(victim.data, SLOTS + index * victim.head.slot, slot(victim.older, victim.head, index))
    entry = b"ROTA" + bytes([1 - index, 0, 0, 0]) + (1).to_bytes(8, "big")
    return put(changed, HEAD, entry.ljust(480, b"\0") + victim.midway[-32:] if index else bytes(32))


def last_segment_of_another_length(rng: random.Random, victim: Victim) -> bytes:
    head = victim.head
    short = rng.randrange(1, head.size % head.segment)
    return put(victim.data[:-short], 24, (head.size - short).to_bytes(8, "big"))


MUTATIONS: tuple[Callable[[random.Random, Victim], bytes], ...] = (
    flip_anywhere,
    flip_header,
    flip_journal,
    flip_slot,
    flip_tag,
    random_bytes,
    cut,
    cut_at_a_segment,
    cut_and_say_so,
    cut_in_the_middle,
    extend,
    extend_and_say_so,
    reorder,
    repeat,
    splice,
    splice_elsewhere,
    swap_header,
    swap_field,
    resize,
    swap_slots,
    copy_slot,
    old_slot,
    other_slots,
    old_journal,
    own_journal,
    last_segment_of_another_length,
)
