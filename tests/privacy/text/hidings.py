"""Thirteen ways of writing a value so that readers still read it and expressions do not."""

from __future__ import annotations

import base64
import html
import urllib.parse
from collections.abc import Callable

LIKE = str.maketrans("aeopcxyi", "аеорсхуі")


def full_width(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


def spelled(text: str) -> str:
    return text.replace("@", " at ").replace(".", " dot ") if "@" in text else text


def wrapped(text: str) -> str:
    half = text.find("@") + 4 if "@" in text else len(text) // 2
    return f"{text[:half]}\n{text[half:]}"


def bold(text: str) -> str:
    return text.replace("@", "**@**") if "@" in text else f"{text[:6]}**{text[6:8]}**{text[8:]}"


HIDINGS: dict[str, Callable[[str], str]] = {
    "full width": full_width,
    "look-alikes": lambda text: text.translate(LIKE),
    "zero width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "spelled separators": spelled,
    "brackets": lambda text: text.replace("@", " [at] ").replace(".", "[dot]") if "@" in text else text,
    "spaced": lambda text: " ".join(text.replace(" ", "")),
    "HTML": lambda text: "".join(f"&#{ord(each)};" if not each.isalnum() else html.escape(each) for each in text),
    "URL": lambda text: urllib.parse.quote(text, safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "wrapped": wrapped,
    "markdown": bold,
}
