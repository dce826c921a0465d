"""The type, or stars."""

from __future__ import annotations

from casemate.core.errors import UsageError
from casemate.privacy.text.spans import Span


class Label:
    """The type in a form of your own.

    Args:
        form: with ``{type}`` in it.

    Raises:
        UsageError: there is no ``{type}`` in it.

    Example:
        >>> Label("<{type}>")("jane@example.com", Span(0, 16, "EMAIL_ADDRESS", 0.9, "email"))
        '<EMAIL_ADDRESS>'
    """

    def __init__(self, form: str = "[{type}]") -> None:
        if "{type}" not in form:
            raise UsageError("the form of a label has no {type}", next_step="write it as <{type}>")
        self.form = form

    def __call__(self, text: str, span: Span) -> str:
        """See above."""
        del text
        return self.form.replace("{type}", span.type)


class Mask:
    """Letters and digits become one character; what stands between them stays.

    Args:
        character: that is seen instead.
        first: so many letters and digits at the start stay.
        last: so many at the end stay. Never more than half of them stay in all.

    Example:
        >>> Mask(last=4)("4111 1111 1111 1111", Span(0, 19, "CREDIT_CARD", 0.9, "card"))
        '**** **** **** 1111'
    """

    def __init__(self, character: str = "*", *, first: int = 0, last: int = 0) -> None:
        self.character, self.first, self.last = character, first, last

    def __call__(self, text: str, span: Span) -> str:
        """See above."""
        del span
        places = [at for at, each in enumerate(text) if each.isalnum()]
        few = self.first + self.last > len(places) // 2
        first, last = (0, 0) if few else (self.first, self.last)
        hidden = set(places[first : len(places) - last])
        return "".join(self.character if at in hidden else each for at, each in enumerate(text))
