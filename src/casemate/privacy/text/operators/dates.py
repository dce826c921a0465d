"""Dates moved by a number of days of each person's own: what lies between a person's dates stays as it is."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from casemate.core.errors import UsageError
from casemate.privacy.text.operators.base import Keyed
from casemate.privacy.text.spans import Span

MOST_DAYS: Final = 36_525
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_NUMERIC: Final = re.compile(r"(\d{1,4})([-/. ]{1,2})(\d{1,2})([-/. ]{1,2})(\d{1,4})(?!\d)")
_MONTH_FIRST: Final = re.compile(r"([^\W\d_]{3,9})(\.? )(\d{1,2})((?:st|nd|rd|th)?,? )(\d{4})(?!\d)")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})((?:st|nd|rd|th|\.)? )([^\W\d_]{3,9})(\.?,? )(\d{4})(?!\d)")


class DateShift:
    """Moves each date of a subject by the same number of days, in the form in which it was written.

    Days are ``-D .. D`` without 0, from HMAC-SHA-256 of the subject under the secret. A date whose form is not known,
    or that leaves the calendar, becomes its type. Whoever knows one of a person's dates knows the others.

    Args:
        secret: at least 16 random bytes.
        subject: whose dates they are.
        days: by how many at most, either way; 1 to 36,525.
        scope: a tenant, a project.
        month_first: how 3/4/2020 is read.

    Raises:
        UsageError: the secret is too short, or there are too many days or none.

    Example:
        >>> shift, span = DateShift(bytes(32), "patient 17"), Span(0, 10, "DATE_TIME", 0.9, "date")
        >>> one, two = (dt.date.fromisoformat(shift(each, span)) for each in ("2026-01-05", "2026-01-19"))
        >>> (two - one).days
        14
    """

    def __init__(
        self, secret: bytes, subject: str, *, days: int = 365, scope: str = "", month_first: bool = True
    ) -> None:
        if not 1 <= days <= MOST_DAYS:
            raise UsageError(f"dates cannot be moved by up to {days} days", next_step=f"give 1 to {MOST_DAYS} days")
        drawn = int.from_bytes(Keyed(secret, "date-shift", scope)("", subject)[:16], "big") % (2 * days)
        self._by = dt.timedelta(days=drawn - days if drawn < days else drawn - days + 1)
        self._month_first = month_first

    def __call__(self, text: str, span: Span) -> str:
        """See above."""
        for read in (self._numeric, _named_first, _named_second):
            made = read(text, self._by)
            if made:
                return made
        return f"[{span.type}]"

    def _numeric(self, text: str, by: dt.timedelta) -> str:
        match = _NUMERIC.search(text)
        if match is None:
            return ""
        first, one, second, two, third = match.groups()
        if len(first) == 4:
            order = (0, 1, 2)
        else:
            swapped = int(second) > 12 or (self._month_first and int(first) <= 12 and "." not in one)
            order = (2, 0, 1) if swapped else (2, 1, 0)
        parts = (first, second, third)
        year, month, day = (parts[at] for at in order)
        if len(year) == 2:
            year = ("19" if int(year) > 30 else "20") + year
        moved = _moved(year, month, day, by)
        if moved is None:
            return ""
        new = {order[0]: moved.year, order[1]: moved.month, order[2]: moved.day}
        made = [
            f"{new[at] % 100:02d}" if at == order[0] and len(old) == 2 else f"{new[at]:0{len(old)}d}"
            for at, old in enumerate(parts)
        ]
        return f"{text[: match.start()]}{made[0]}{one}{made[1]}{two}{made[2]}{text[match.end() :]}"


def _named_first(text: str, by: dt.timedelta) -> str:
    match = _MONTH_FIRST.search(text)
    if match is None:
        return ""
    name, one, day, two, year = match.groups()
    moved = _moved(year, _month(name), day, by)
    if moved is None:
        return ""
    after = re.sub("st|nd|rd|th", "", two)
    return f"{text[: match.start()]}{_like(name, moved)}{one}{moved.day}{after}{moved.year}{text[match.end() :]}"


def _named_second(text: str, by: dt.timedelta) -> str:
    match = _DAY_FIRST.search(text)
    if match is None:
        return ""
    day, one, name, two, year = match.groups()
    moved = _moved(year, _month(name), day, by)
    if moved is None:
        return ""
    after = re.sub("st|nd|rd|th", "", one)
    return f"{text[: match.start()]}{moved.day}{after}{_like(name, moved)}{two}{moved.year}{text[match.end() :]}"


def _month(name: str) -> str:
    said = name.casefold()
    return str(next((at for at, each in enumerate(_MONTHS, 1) if each.startswith(said)), 0))


def _like(name: str, moved: dt.date) -> str:
    """A month's name, as long and with the capitals of another."""
    new = _MONTHS[moved.month - 1]
    new = new[:3] if len(name) == 3 and name.casefold() != "may" else new
    return new.upper() if name.isupper() else new.capitalize() if name[0].isupper() else new


def _moved(year: str, month: str, day: str, by: dt.timedelta) -> dt.date | None:
    try:
        return dt.date(int(year), int(month), int(day)) + by
    except (ValueError, OverflowError):
        return None
