"""What people would rather look at than read: pictures that stand for a finding, kept in the ledger with it."""

from __future__ import annotations

import msgspec


class Picture(msgspec.Struct, frozen=True):
    """One picture.

    Attributes:
        label: what it shows, for those who read or cannot see it.
        png: the file.
    """

    label: str
    png: bytes


class Exhibit(msgspec.Struct, frozen=True, kw_only=True):
    """A row of pictures.

    Attributes:
        assessment: id of the assessment that made it.
        subject: name of the model.
        title: what the row is about.
        pictures: in order.
    """

    assessment: str
    subject: str
    title: str
    pictures: tuple[Picture, ...]
