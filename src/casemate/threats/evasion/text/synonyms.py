"""Words replaced by synonyms of the same, plausible part of speech, in the same form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from casemate.threats.evasion.text.wordnet import FOLDER, Entry, WordNet

_RULES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "n": (("ies", "y", "s"), ("es", "", "s"), ("s", "", "s")),
    "v": (
        ("ies", "y", "s"), ("es", "e", "s"), ("es", "", "s"), ("s", "", "s"),
        ("ied", "y", "ed"), ("ed", "e", "ed"), ("ed", "", "ed"), ("ing", "e", "ing"), ("ing", "", "ing"),
    ),
    "a": (("er", "", "er"), ("est", "", "est"), ("er", "e", "er"), ("est", "e", "est")),
    "r": (),
}  # fmt: skip
"""Detachment rules (morphy(7WN)): ending, what the lemma has instead, and the form that this is."""
_BEFORE_NOUN = frozenset(
    {"a", "an", "the", "this", "that", "these", "those", "my", "your", "his", "her", "its", "our", "their"}
)
_BEFORE_VERB = frozenset(
    {"to", "will", "would", "can", "could", "should", "must", "may", "might", "not", "don't", "doesn't"}
)
_VOWELS = "aeiou"


@dataclass(frozen=True)
class Synonyms:
    """Words of the same synset, by frequency of the meaning, inflected as the word was.

    The part of speech is that of most tagged meanings, unless the word before says otherwise; there is no tagger, so
    some replacements will read badly, and no sense is disambiguated beyond frequency.

    Attributes:
        folder: where ``wordnet-base`` lies; it is opened when the first word is written.
        senses: meanings looked at, the most frequent first.
        most: proposals a word.

    Raises:
        MissingPartError: on the first call, when WordNet is not installed.

    Reference:
        Miller 1995, CACM 38(11) (WordNet); Ren et al. 2019, ACL, P19-1103 (PWWS) for synonyms as an attack.
    """

    folder: str = str(FOLDER)
    senses: int = 3
    most: int = 8
    kind: str = "synonym"
    visible: bool = True

    def __call__(self, word: str, before: str, draw: np.random.Generator) -> list[str]:
        """Single-word synonyms in the word's form and case; none where the word is not in WordNet."""
        net = WordNet.installed(type(FOLDER)(self.folder))
        if not (word.isascii() and word.isalpha()):
            return []
        found: dict[str, None] = {}
        for entry, lemma, form in _readings(net, word.lower(), before):
            for offset in entry.offsets[: self.senses]:
                for other in net.sense(entry.part, offset).words:
                    if "_" in other or "-" in other or other.lower() == lemma or not other.isalpha():
                        continue
                    if form in {"er", "est"} and len(other) > 6:
                        continue  # compared with "more"; one word does not do
                    written = _case(word, inflect(other, form, _irregular(net, entry.part, other.lower())))
                    if written.lower() != word.lower():
                        found.setdefault(written)
            break  # the most plausible reading only
        return list(found)[: self.most]


def _readings(net: WordNet, word: str, before: str) -> list[tuple[Entry, str, str]]:
    """Entry, lemma and form of each way to read a word, the most plausible first."""
    found: list[tuple[Entry, str, str]] = []
    for part, rules in _RULES.items():
        lemmas = [(word, "")]
        lemmas += [(net.exceptions[part][word], _irregular_form(part, word))] if word in net.exceptions[part] else []
        lemmas += [
            (word[: -len(end)] + new, form)
            for end, new, form in rules
            if word.endswith(end) and len(word) > len(end) + 1
        ]
        for lemma, form in lemmas:
            entry = next((each for each in net.entries(lemma) if each.part == part), None)
            if entry is not None:
                found.append((entry, lemma, form))
                break

    def plausible(reading: tuple[Entry, str, str]) -> tuple[bool, int, int]:
        entry = reading[0]
        fits = (before in _BEFORE_NOUN and entry.part in "na") or (before in _BEFORE_VERB and entry.part == "v")
        return fits, entry.tagged, -"navr".index(entry.part)

    return sorted(found, key=plausible, reverse=True)


def _irregular_form(part: str, word: str) -> str:
    if part == "n":
        return "s"
    if part == "v":
        return "ing" if word.endswith("ing") else "s" if word.endswith("s") else "ed"
    return "est" if word.endswith("est") else "er" if word.endswith("er") else ""


def _irregular(net: WordNet, part: str, lemma: str) -> dict[str, str]:
    """Irregular forms of one lemma, by form."""
    return {_irregular_form(part, form): form for form, base in net.exceptions[part].items() if base == lemma}


def inflect(lemma: str, form: str, irregular: dict[str, str]) -> str:
    """A lemma in a form: "s", "ed", "ing", "er", "est" or "" as it is.

    Example:
        >>> inflect("bore", "ing", {}), inflect("carry", "ed", {}), inflect("go", "ed", {"ed": "went"})
        ('boring', 'carried', 'went')
    """
    if not form or form in irregular:
        return irregular.get(form, lemma) if form else lemma
    after_consonant = lemma.endswith("y") and lemma[-2:-1] not in _VOWELS
    if form == "s":
        if lemma.endswith(("s", "x", "z", "ch", "sh")):
            return lemma + "es"
        return lemma[:-1] + "ies" if after_consonant else lemma + "s"
    if form != "ing" and after_consonant:
        return lemma[:-1] + "i" + form
    return lemma[:-1] + form if lemma.endswith("e") and not lemma.endswith(("ee", "oe", "ye")) else lemma + form


def _case(model: str, word: str) -> str:
    if model.isupper() and len(model) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
