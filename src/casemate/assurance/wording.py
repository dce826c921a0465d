"""Figures in words: the one place that decides how a number is printed for people."""

from __future__ import annotations

import math

from casemate.core.measurement import Measurement

PERCENT = frozenset({"proportion", "fraction", "rate"})
"""Units that are printed as percentages."""


def figure(value: float | None, unit: str = "") -> str:
    """A figure as people read it: percentages with three significant digits, thousands with commas.

    Example:
        >>> figure(0.0711, "proportion"), figure(0.5, "auc"), figure(12345.0, "rows"), figure(None)
        ('7.11 %', '0.5', '12,345', 'none')
    """
    if value is None:
        return "none"
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("infinite" if value > 0 else "minus infinite")
    if unit in PERCENT:
        return f"{_digits(100 * value)} %"
    return _digits(value)


def _digits(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "\u2212")
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("e-0", "e-").replace("e+0", "e+").replace("-", "\u2212")


def signed(value: float) -> str:
    """A difference, always with its sign.

    Example:
        >>> signed(0.25), signed(-1.0)
        ('+0.25', '−1')
    """
    return ("+" if value > 0 else "") + _digits(value)


def confidence(measurement: Measurement) -> str:
    """The nominal coverage, as in "95 %"."""
    return figure(measurement.confidence, "proportion")


COUNTED = "counted"
"""Method of figures that are counts of everything there is, not samples."""

BOUNDED = "bounds over undecided verdicts"
"""Method of counts in which some cases are undecided."""


def counted(measurement: Measurement) -> str:
    """A measurement in words. Zero and all are said with their bound, never as a bare 0 % or 100 %.

    Example: "0 of 50 (at most 7.11 %)", "41 of 333: 12.3 % (95 % interval 8.99 % to 16.3 %)".
    """
    m = measurement
    if m.k is not None and m.n and m.method in (COUNTED, BOUNDED):
        if m.n == 1 and m.unit in PERCENT:
            return "yes" if m.k else "no"
        undecided = round((m.high - m.estimate) * m.n) if m.method == BOUNDED and m.high is not None else 0
        return f"{m.k:,} of {m.n:,}" + (f", {undecided:,} undecided" if undecided else "")
    if m.k is not None and m.n:
        if m.k == 0 and m.high is not None:
            return f"0 of {m.n:,} (at most {figure(m.high, m.unit)})"
        if m.k == m.n and m.low is not None:
            return f"{m.n:,} of {m.n:,} (at least {figure(m.low, m.unit)})"
        lead = f"{m.k:,} of {m.n:,}: {figure(m.estimate, m.unit)}"
    else:
        lead = figure(m.estimate, m.unit)
    if m.low is None or m.high is None:
        return f"{lead} (no interval)"
    return f"{lead} ({confidence(m)} interval {figure(m.low, m.unit)} to {figure(m.high, m.unit)})"


SHARES = frozenset({"fpr", "flip", "fraction", "rate", "budget_share"})
"""Axes whose coordinates are printed as percentages."""

ACRONYMS = {"tpr": "TPR", "fpr": "FPR", "auc": "AUC", "auroc": "AUROC", "ece": "ECE", "asr": "ASR"}
"""Names that people know in capitals."""


def words(identifier: str) -> str:
    """An identifier as people say it.

    Example:
        >>> words("tpr"), words("attack_success_rate"), words("backdoor_asr")
        ('TPR', 'attack success rate', 'backdoor ASR')
    """
    return " ".join(ACRONYMS.get(word, word) for word in identifier.replace("-", "_").split("_"))


def axis_value(axis: str, value: float | str) -> str:
    """One coordinate in words; false-positive rates and flipped shares are percentages."""
    if isinstance(value, str):
        return value
    return figure(value, "proportion" if axis in SHARES else "")


def point(at: dict[str, float | str]) -> str:
    """The point of a curve in words: "1,000 queries", "FPR 0.1 %"."""
    told = []
    for axis, value in sorted(at.items()):
        if not isinstance(value, str):
            text = axis_value(axis, value)
            told.append(f"{text} {axis}" if axis in ("queries", "rows") else f"{words(axis)} {text}")
    return ", ".join(told)


def name(measurement: Measurement) -> str:
    """What was measured: "TPR at FPR 0.1 %", "fidelity at 1,000 queries (scores)"."""
    at = point(measurement.at)
    labels = ", ".join(value for _, value in sorted(measurement.at.items()) if isinstance(value, str))
    text = words(measurement.metric) + (f" at {at}" if at else "")
    return f"{text} ({labels})" if labels else text


def sentence(text: str) -> str:
    """Capital letter first, full stop last."""
    text = text.strip()
    if not text:
        return text
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
