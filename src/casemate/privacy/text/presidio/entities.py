"""Presidio's names of entities that casemate calls otherwise; the recognizers that an entity and a context choose."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import msgspec

from casemate.privacy.text.analyzer import Analyzer, Mode
from casemate.privacy.text.context import split
from casemate.privacy.text.recognizer import Recognizer, built_in
from casemate.privacy.text.types import types

ENTITIES: Final = {
    "AU_MEDICARE": ("HEALTH_INSURANCE_NUMBER", "AU"),
    "DE_FUEHRERSCHEIN": ("DRIVER_LICENSE", "DE"),
    "DE_HEALTH_INSURANCE": ("HEALTH_INSURANCE_NUMBER", "DE"),
    "DE_ID_CARD": ("ID_CARD", "DE"),
    "DE_KFZ": ("LICENSE_PLATE", "DE"),
    "DE_LANR": ("MEDICAL_LICENSE", "DE"),
    "DE_PASSPORT": ("PASSPORT", "DE"),
    "DE_PLZ": ("ZIP_CODE", "DE"),
    "DE_VAT_ID": ("EU_VAT_NUMBER", "DE"),
    "ES_PASSPORT": ("PASSPORT", "ES"),
    "IN_PASSPORT": ("PASSPORT", "IN"),
    "IN_VEHICLE_REGISTRATION": ("LICENSE_PLATE", "IN"),
    "IT_DRIVER_LICENSE": ("DRIVER_LICENSE", "IT"),
    "IT_IDENTITY_CARD": ("ID_CARD", "IT"),
    "IT_PASSPORT": ("PASSPORT", "IT"),
    "KR_DRIVER_LICENSE": ("DRIVER_LICENSE", "KR"),
    "KR_PASSPORT": ("PASSPORT", "KR"),
    "NG_VEHICLE_REGISTRATION": ("LICENSE_PLATE", "NG"),
    "PH_MOBILE_NUMBER": ("PHONE_NUMBER", "PH"),
    "TR_LICENSE_PLATE": ("LICENSE_PLATE", "TR"),
    "TR_PHONE_NUMBER": ("PHONE_NUMBER", "TR"),
    "UK_DRIVING_LICENCE": ("DRIVER_LICENSE", "GB"),
    "UK_PASSPORT": ("PASSPORT", "GB"),
    "UK_VEHICLE_REGISTRATION": ("LICENSE_PLATE", "GB"),
}
"""Our type and the country for each; all others have one name on both sides."""


class Choice(msgspec.Struct, frozen=True):
    """What is looked for: recognizers of one type (all if it is ""), of one country, with words taken as near."""

    type: str
    country: str
    told: tuple[str, ...]

    def recognizers(self) -> tuple[Recognizer, ...]:
        """Those that are chosen; where a word is told, what is found scores as if it were near."""
        return tuple(
            _near(each) if _words(each.id) & frozenset(self.told) else each
            for each in built_in()
            if self.type in ("", each.type) and (not self.country or self.country in each.countries)
        )

    def analyzer(self, mode: Mode, language: str) -> Analyzer:
        """Finds just that."""
        if not self.type and not self.told:
            return Analyzer(mode, languages=[language])
        wanted = [self.type] if self.type else [*types()]
        return Analyzer(mode, languages=[language], types=wanted, recognizers=self.recognizers())


def choice(entity: str, context: Sequence[str]) -> Choice | None:
    """What an entity's name stands for; None if nothing of ours.

    Args:
        entity: Presidio's name or ours; everything if "".
        context: words that are near although the text does not hold them.

    Example:
        >>> choice("UK_PASSPORT", ()), choice("TITLE", ())
        (Choice(type='PASSPORT', country='GB', told=()), None)
    """
    kind, country = ENTITIES.get(entity, (entity, ""))
    if kind and kind not in types():
        return None
    return Choice(kind, country, tuple(sorted({" ".join(split(each)) for each in context})))


@cache
def _words(name: str) -> frozenset[str]:
    return next(frozenset(" ".join(split(word)) for word in each.context) for each in built_in() if each.id == name)


def _near(each: Recognizer) -> Recognizer:
    return msgspec.structs.replace(each, alone=each.near, proven=each.sure, context=(), against=())
