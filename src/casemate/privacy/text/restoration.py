"""Leave to restore, once given: for one text, or for the pieces of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from casemate.privacy.text.placeholders import Look, Unfinished
from casemate.privacy.text.vault_file import Entry, Wraps

Place = tuple[int, int, Entry, Wraps]
"""Start and end of a placeholder in a text, its entry, and the wrapped keys of its subject."""


class Restoration:
    """Made by ``Vault.restoration``, which asks who wants it and why.

    Each placeholder is on record before its value is read, once; every time its key must still be there.

    Args:
        session: nonce of the only session whose placeholders count; of all if empty.
        types: tells the types of values that are kept.
        places: tells which of what looks like a placeholder is one.
        release: values of places, each of another placeholder, of a text; all on record before the first.
    """

    def __init__(
        self,
        session: str,
        types: Callable[[], set[str]],
        places: Callable[[Iterable[Look]], list[Place]],
        release: Callable[[list[Place], str], Iterable[str]],
    ) -> None:
        self._session, self._types, self._places, self._release = session, types, places, release
        self._values: dict[tuple[str, int], str] = {}

    def filled(self, text: str, looks: Iterable[Look]) -> str:
        """A text with the values of placeholders; raises what ``Vault.restore`` does.

        Args:
            text: any.
            looks: what looks like a placeholder in it, in order.
        """
        places = self._places(looks)
        new = {name: each for each in places if (name := (each[2].nonce, each[2].number)) not in self._values}
        if new:
            self._values |= zip(new, self._release(list(new.values()), text), strict=True)
        parts, at = list[str](), 0
        for start, end, entry, _ in places:
            parts += [text[at:start], self._values[entry.nonce, entry.number]]
            at = end
        return "".join((*parts, text[at:]))

    def unfinished(self) -> Unfinished:
        """What finds placeholders in a text that arrives in pieces: those that are kept when it is first asked for."""
        return Unfinished(self._kept, self._session)

    @cached_property
    def _kept(self) -> set[str]:
        return self._types()
