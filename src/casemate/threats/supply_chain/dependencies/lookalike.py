"""Names that look like those of well-known packages: misspelt, homoglyphs, other separators, words added or moved.

Published attacks: Tschacher 2016; Vu et al., "Typosquatting and Combosquatting Attacks on the Python Ecosystem",
    EuroS&PW 2020;
Neupane et al., "Beyond Typosquatting", USENIX Security 2023. A finding is a question to the reader, not a verdict on
the package.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from casemate.core.errors import UsageError
from casemate.patterns.normalize import skeleton
from casemate.threats.supply_chain.dependencies.model import normalized

SHORTEST = 4
_AFFIXES = frozenset(
    """
    python python3 python2 py py3 js node npm lib api sdk client core utils util tools tool cli dev test beta alpha new
    latest updated fix fixed secure security free pro plus official original real fast faster lite light extra patched
    easy simple helper helpers support package module install installer setup http https async2 v2 v3
    """.split()  # noqa: SIM905 - a table of words
)
_LEET = str.maketrans({"0": "o", "1": "l", "3": "e", "5": "s", "4": "a", "7": "t"})
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("ii", "u"), ("nn", "m"))


@dataclass(frozen=True)
class Known:
    """The names of one ecosystem.

    Attributes:
        popular: names that are imitated.
        near: real names that look like them and are not reported.
    """

    popular: frozenset[str]
    near: frozenset[str]

    @functools.cached_property
    def letters(self) -> Mapping[str, str]:
        """Popular names by their letters alone, in order of the alphabet where two are the same."""
        return {_bare(name): name for name in sorted(self.popular, reverse=True)}

    @functools.cached_property
    def sorted_words(self) -> Mapping[tuple[str, ...], str]:
        """Popular names of several words by their words."""
        return {tuple(sorted(name.split("-"))): name for name in sorted(self.popular) if "-" in name}

    @functools.cached_property
    def deleted(self) -> Mapping[str, frozenset[str]]:
        """Popular names by each way of leaving out one letter: distance one in one look (Garbe's symmetric deletes)."""
        found: dict[str, set[str]] = {}
        for name in self.popular:
            if len(_bare(name)) >= SHORTEST:
                for each in _deletes(_bare(name)):
                    found.setdefault(each, set()).add(name)
        return {each: frozenset(names) for each, names in found.items()}


def popular(path: Path | None = None) -> Mapping[str, Known]:
    """The names by ecosystem: those that come with casemate, or the user's own in a file of the same form.

    Raises:
        UsageError: the file is not of that form.
    """
    if path is None:
        return _own()
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{path.name} is no list of names",
            cause=str(error)[:200],
            next_step='write [PyPI] with popular = "..." and near = "..."',
        ) from error


@functools.cache
def _own() -> Mapping[str, Known]:
    folder = resources.files("casemate.threats.supply_chain.dependencies")
    return _parsed((folder / "popular.toml").read_text(encoding="utf-8"))


def _parsed(text: str) -> Mapping[str, Known]:
    return MappingProxyType(
        {
            ecosystem: Known(
                *(frozenset(normalized(name, ecosystem) for name in lists[key].split()) for key in ("popular", "near"))
            )
            for ecosystem, lists in tomllib.loads(text).items()
        }
    )


def lookalike(name: str, known: Known) -> tuple[str, str] | None:
    """The popular name that this one looks like, and how; None for a known name, or one that looks like none.

    Args:
        name: normalized, as written in the lock file (so that letters of other scripts are still there).
        known: the names of its ecosystem.

    Example:
        >>> names = popular()["PyPI"]
        >>> lookalike("reqeusts", names), lookalike("python-requests", names), lookalike("requests", names)
        (('requests', 'two letters are swapped'), ('requests', "'python' is added"), None)
    """
    if name in known.popular or name in known.near or len(name) < SHORTEST - 1 or len(name) > 100:
        return None
    if not name.isascii():
        plain = skeleton(name).lower()
        return (
            (plain, "letters of another script stand in for its letters")
            if plain in known.popular
            else _similar(plain, known)
        )
    return _similar(name, known)


def _similar(name: str, known: Known) -> tuple[str, str] | None:
    scope, _, inner = name.partition("/")
    bare = _bare(name)
    if scope.startswith("@") and inner:
        return None  # scopes belong to their owners; a package in one cannot be taken for one outside
    if len(bare) >= SHORTEST and bare in known.letters:
        return known.letters[bare], "only separators differ"
    words = tuple(sorted(name.split("-")))
    if words in known.sorted_words:
        return known.sorted_words[words], "its words are in another order"
    for affix in _AFFIXES:
        for rest in _without(name, affix):
            if len(rest) >= SHORTEST and (rest in known.popular or _bare(rest) in known.letters):
                return known.letters.get(_bare(rest), rest), f"'{affix}' is added"
    plain = "-".join(word.removesuffix("js").removesuffix("py") for word in name.split("-"))
    if "-" in name and plain != name and plain in known.popular:
        return plain, "an ending is added to one of its words"
    seen = bare.translate(_LEET)
    for old, new in (("", ""), *_PAIRS):
        changed = seen.replace(old, new) if old else seen
        if changed != bare and len(changed) > SHORTEST and changed in known.letters:
            return known.letters[changed], "it looks the same in print"
    return _misspelt(bare, known) if len(bare) > SHORTEST else None


def _without(name: str, affix: str) -> list[str]:
    rest = []
    if name.startswith(f"{affix}-"):
        rest.append(name[len(affix) + 1 :])
    if name.endswith(f"-{affix}"):
        rest.append(name[: -len(affix) - 1])
    if affix in {"py", "js", "python", "lib", "node", "python3", "py3"}:
        rest += [name.removeprefix(affix), name.removesuffix(affix)]
    return [each.strip("-") for each in rest if each != name]


def _misspelt(bare: str, known: Known) -> tuple[str, str] | None:
    candidates = set(known.deleted.get(bare, ()))
    for each in _deletes(bare):
        candidates |= known.deleted.get(each, frozenset())
        if each in known.letters:
            candidates.add(known.letters[each])
    for name in sorted(candidates):
        how = _one_edit(bare, _bare(name))
        if how:
            return name, how
    return None


def _one_edit(seen: str, real: str) -> str:
    """How ``seen`` comes from ``real`` in one edit of Damerau and Levenshtein, or ""."""
    if min(len(seen), len(real)) <= SHORTEST and sorted(seen) != sorted(real):
        return ""  # short names are all alike
    if len(seen) == len(real):
        at = [n for n in range(len(seen)) if seen[n] != real[n]]
        if len(at) == 2 and at[1] == at[0] + 1 and seen[at[0]] == real[at[1]] and seen[at[1]] == real[at[0]]:
            return "two letters are swapped"
        digits = len(at) == 1 and seen[at[0]].isdigit() and real[at[0]].isdigit()
        return "one letter differs" if len(at) == 1 and not digits else ""
    longer, shorter, how = (
        (seen, real, "one letter is added") if len(seen) > len(real) else (real, seen, "one letter is missing")
    )
    if len(longer) != len(shorter) + 1 or shorter not in _deletes(longer):
        return ""
    extra = next(n for n in range(len(longer)) if longer[:n] + longer[n + 1 :] == shorter)
    return "" if longer[extra].isdigit() and extra == len(longer) - 1 else how


def _deletes(text: str) -> set[str]:
    return {text[:n] + text[n + 1 :] for n in range(len(text))}


def _bare(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum())
