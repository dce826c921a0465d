"""The order in which characters are displayed, so that text stored in one order and shown in another reads as shown.

The Unicode Bidirectional Algorithm (Unicode Standard Annex 9), rules P2 to L2 without N0 (paired brackets) and L3, L4.
Every loop runs over the characters of one line a bounded number of times; nesting is cut at 125 as the annex says.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

_OPENERS = {"\u202a": "LRE", "\u202b": "RLE", "\u202d": "LRO", "\u202e": "RLO"}
_ISOLATES = {"\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI"}
_PDF, _PDI = "\u202c", "\u2069"
CONTROLS = frozenset([*_OPENERS, *_ISOLATES, _PDF, _PDI, "\u200e", "\u200f", "\u061c"])
"""Everything that moves characters about without being seen."""
_DEEPEST = 125
_NEUTRAL = frozenset({"B", "S", "WS", "ON", "LRI", "RLI", "FSI", "PDI"})


def as_displayed(text: str) -> list[int]:
    """Positions of the characters in the order a reader reads them; controls are left out.

    Only lines with explicit controls are reordered. What is displayed is put back into reading order, so that a Hebrew
    word stays as Hebrew is stored.

    Example:
        >>> text = "a \u202edab\u202c day"
        >>> "".join(text[at] for at in as_displayed(text))
        'a bad day'
    """
    if CONTROLS.isdisjoint(text):
        return list(range(len(text)))
    order: list[int] = []
    for start, stop in _lines(text):
        line = text[start:stop]
        if CONTROLS.isdisjoint(line):
            order += range(start, stop)
            continue
        kinds = [unicodedata.bidirectional(letter) for letter in line]
        base = _direction(kinds, _isolates(kinds), 0, len(kinds))
        shown = _visual(line, base)
        if any(unicodedata.bidirectional(line[at]) in {"R", "AL", "AN"} for at in shown):
            shown = [shown[at] for at in _visual([line[at] for at in shown], base)]
        order += [start + at for at in shown]
    return order


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for at, letter in enumerate(text):
        if unicodedata.bidirectional(letter) == "B":
            yield start, at
            yield at, at + 1
            start = at + 1
    yield start, len(text)


def _visual(line: Sequence[str], base: int) -> list[int]:
    kinds = [unicodedata.bidirectional(letter) or "L" for letter in line]
    partner = _isolates(kinds)
    levels, kinds = _explicit(kinds, partner, base)
    kept = [at for at, level in enumerate(levels) if level >= 0]
    given = [levels[at] for at in kept]
    rank = {at: number for number, at in enumerate(kept)}
    for run in list(_sequences(kept, levels, kinds, partner)):
        first, last = rank[run[0]], rank[run[-1]]
        left = given[first - 1] if first else base
        open_ended = last + 1 == len(kept) or kinds[run[-1]] in {"LRI", "RLI", "FSI"}
        _resolve(run, levels, kinds, (left, base if open_ended else given[last + 1]))
    _trailing(kept, levels, line, base)
    shown = list(kept)
    for level in range(max((levels[at] for at in shown), default=0), 0, -1):  # L2
        at = 0
        while at < len(shown):
            stop = at
            while stop < len(shown) and levels[shown[stop]] >= level:
                stop += 1
            shown[at:stop] = shown[at:stop][::-1]
            at = max(stop, at + 1)
    return [at for at in shown if line[at] not in CONTROLS]


def _isolates(kinds: Sequence[str]) -> dict[int, int]:
    """BD9: which PDI closes which isolate."""
    open_, partner = [], {}
    for at, kind in enumerate(kinds):
        if kind in {"LRI", "RLI", "FSI"}:
            open_.append(at)
        elif kind == "PDI" and open_:
            start = open_.pop()
            partner[start], partner[at] = at, start
    return partner


def _direction(kinds: Sequence[str], partner: dict[int, int], start: int, stop: int) -> int:
    """P2, P3: 0 or 1 by the first strong character that is not inside an isolate."""
    at = start
    while at < stop:
        if kinds[at] in {"L", "R", "AL"}:
            return int(kinds[at] != "L")
        at = partner.get(at, stop) + 1 if kinds[at] in {"LRI", "RLI", "FSI"} else at + 1
    return 0


def _explicit(kinds: list[str], partner: dict[int, int], base: int) -> tuple[list[int], list[str]]:
    """X1 to X9: a level for every character that stays (-1 for the others), and its kind after overrides."""
    stack: list[tuple[int, str, bool]] = [(base, "", False)]
    over_isolates = over_embeddings = valid = 0
    levels, found = [], list(kinds)
    for at, kind in enumerate(kinds):
        level, override, _ = stack[-1]
        if kind in {"LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI"}:
            isolate = kind.endswith("I")
            rtl = _direction(kinds, partner, at + 1, partner.get(at, len(kinds))) if kind == "FSI" else kind[0] == "R"
            deeper = (level + 1) | 1 if rtl else (level + 2) & ~1
            levels.append(level if isolate else -1)
            if isolate and override:
                found[at] = override
            if deeper <= _DEEPEST and not over_isolates and not over_embeddings:
                stack.append((deeper, {"RLO": "R", "LRO": "L"}.get(kind, ""), isolate))
                valid += isolate
            elif isolate:
                over_isolates += 1
            elif not over_isolates:
                over_embeddings += 1
            continue
        if kind == "PDI":
            if over_isolates:
                over_isolates -= 1
            elif valid:
                over_embeddings = 0
                while not stack[-1][2]:
                    stack.pop()
                stack.pop()
                valid -= 1
            level, override, _ = stack[-1]
        elif kind == "PDF":
            if not over_isolates and over_embeddings:
                over_embeddings -= 1
            elif not over_isolates and not stack[-1][2] and len(stack) > 1:
                stack.pop()
        levels.append(-1 if kind in {"PDF", "BN"} else level)
        if override and kind not in {"PDF", "BN"}:
            found[at] = override
    return levels, found


def _sequences(kept: list[int], levels: list[int], kinds: list[str], partner: dict[int, int]) -> Iterator[list[int]]:
    """BD13: level runs, joined across isolates."""
    runs: list[list[int]] = []
    for at in kept:
        if runs and levels[runs[-1][-1]] == levels[at]:
            runs[-1].append(at)
        else:
            runs.append([at])
    by_first = {run[0]: run for run in runs}
    for run in runs:
        if partner.get(run[0], len(kinds)) < run[0]:
            continue  # begins with a PDI that closes an isolate: it belongs to the run that opened it
        whole = list(run)
        while partner.get(whole[-1], -1) > whole[-1] and partner[whole[-1]] in by_first:
            whole += by_first[partner[whole[-1]]]
        yield whole


def _resolve(run: list[int], levels: list[int], kinds: list[str], sides: tuple[int, int]) -> None:
    """W1 to W7, N1, N2, I1, I2 for one isolating run sequence between the levels at its sides."""
    level = levels[run[0]]
    before, behind = ("R" if max(each, level) % 2 else "L" for each in sides)
    kind = [kinds[at] for at in run]
    _weak(kind, before)
    at = 0
    while at < len(kind):  # N1, N2
        if kind[at] not in _NEUTRAL:
            at += 1
            continue
        stop = at
        while stop < len(kind) and kind[stop] in _NEUTRAL:
            stop += 1
        around = [before if at == 0 else kind[at - 1], behind if stop == len(kind) else kind[stop]]
        strong = {"R" if side in {"R", "EN", "AN"} else "L" for side in around}
        fill = strong.pop() if len(strong) == 1 else "R" if level % 2 else "L"
        kind[at:stop] = [fill] * (stop - at)
        at = stop
    for place, each in zip(run, kind, strict=True):
        if level % 2 == 0:
            levels[place] = level + {"R": 1, "AN": 2, "EN": 2}.get(each, 0)
        else:
            levels[place] = level + (each in {"L", "EN", "AN"})


def _weak(kind: list[str], before: str) -> None:
    """W1 to W7, in place."""
    strong, last = before, before
    for at, each in enumerate(kind):
        if each == "NSM":
            kind[at] = "ON" if last in {"LRI", "RLI", "FSI", "PDI"} else last
        elif each == "EN" and strong == "AL":
            kind[at] = "AN"
        if each in {"R", "L", "AL"}:
            strong = each
        last = kind[at]
    kind[:] = ["R" if each == "AL" else each for each in kind]
    for at in range(1, len(kind) - 1):
        sides = kind[at - 1], kind[at + 1]
        if sides == ("EN", "EN") and kind[at] in {"ES", "CS"}:
            kind[at] = "EN"
        elif sides == ("AN", "AN") and kind[at] == "CS":
            kind[at] = "AN"
    for step in (range(len(kind)), range(len(kind) - 1, -1, -1)):
        near = False
        for at in step:
            near = kind[at] == "EN" or (near and kind[at] == "ET")
            if near and kind[at] == "ET":
                kind[at] = "EN"
    strong = before
    for at, each in enumerate(kind):
        if each in {"ES", "ET", "CS"}:
            kind[at] = "ON"
        elif each == "EN" and strong == "L":
            kind[at] = "L"
        if each in {"R", "L"}:
            strong = each


def _trailing(kept: list[int], levels: list[int], line: Sequence[str], base: int) -> None:
    """L1: separators, and spaces before them or at the end, go to the base level."""
    reset = True
    for at in reversed(kept):
        kind = unicodedata.bidirectional(line[at])
        if kind in {"S", "B"}:
            reset = True
        elif kind not in {"WS", "LRI", "RLI", "FSI", "PDI"}:
            reset = False
        if reset:
            levels[at] = base
