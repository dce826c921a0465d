"""Text that others wrote, put where it cannot be taken for markup."""

from __future__ import annotations


def xml_text(text: str) -> str:
    """Without the characters that XML 1.0 forbids; the writer escapes the rest."""
    return "".join(c for c in text if c >= " " and c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff")


def markdown_cell(text: str) -> str:
    """Text that cannot leave its table cell, open a tag or make a link."""
    for sign in ("\\", "|", "<", "[", "]", "`", "*", "_"):
        text = text.replace(sign, "\\" + sign if sign != "<" else "&lt;")
    return " ".join(text.split())
