"""Names of persons and places from many countries: those that Faker (MIT) makes people of.

Only the tool that trains the tagger reads them; no list is kept, and nothing of casemate depends on Faker.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import random
import re
from functools import cache

_ATTRIBUTES = {
    "first": ("person", ("first_names", "first_names_male", "first_names_female")),
    "last": ("person", ("last_names", "last_names_male", "last_names_female")),
    "place": ("address", ("cities", "city_names", "states", "provinces")),
}
_LATIN = re.compile(r"[A-ZÀ-ÖØ-ÞĀ-ſȘȚ][A-Za-zÀ-ÖØ-öø-ÿĀ-ſșțəẸ-ỹ'’. -]{1,30}")
_MOST = 800
"""Of one kind from one country: what has long lists is no more often spoken of."""


@cache
def wide(kind: str) -> list[str]:
    """First names, last names or places of the alphabets that come from Latin, in order.

    Raises:
        SystemExit: Faker is not installed.
    """
    if importlib.util.find_spec("faker") is None:
        raise SystemExit("training needs Faker: pip install faker==40.63.0")
    where, attributes = _ATTRIBUTES[kind]
    package = importlib.import_module(f"faker.providers.{where}")
    found: set[str] = set()
    for module in sorted(each.name for each in pkgutil.iter_modules(package.__path__)):
        provider = importlib.import_module(f"faker.providers.{where}.{module}").Provider
        mine: set[str] = set()
        for attribute in attributes:
            value = getattr(provider, attribute, ())
            if isinstance(value, (tuple, list, dict)):
                mine.update(each for each in value if isinstance(each, str) and _LATIN.fullmatch(each))
        some = sorted(mine)
        found.update(random.Random(module).sample(some, _MOST) if len(some) > _MOST else some)
    return sorted(found)
