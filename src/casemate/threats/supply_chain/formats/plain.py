"""Formats of arrays, tables, trees and texts."""

from __future__ import annotations

from casemate.threats.supply_chain.format import Format, Magic
from casemate.threats.supply_chain.jsons import seems_json
from casemate.threats.supply_chain.view import View


def seems_xml(view: View) -> bool:
    """An opening bracket, in UTF-8 or UTF-16; blanks may stand before it."""
    head = view.raw(0, min(len(view), 256)).removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    return head[:1] == b"<" or head[:4] in (b"\xff\xfe<\0", b"\xfe\xff\0<")


def seems_charsmap(view: View) -> bool:
    """A length of whole blocks of a trie that leaves room for texts, and a zero at the end."""
    if len(view) < 1028 or view.number(len(view) - 1, 1):
        return False
    size = view.number(0, 4)
    return size > 0 and size % 1024 == 0 and 4 + size < len(view)


def _safetensors(view: View) -> bool:
    """A length that fits, and an opening brace."""
    return view.begins(b"{", 8) and 2 <= view.number(0, 8) <= len(view) - 8


PLAIN: tuple[Format, ...] = (
    Format("safetensors", "formats.safetensors", _safetensors),
    Format("npy", "formats.npy", Magic(b"\x93NUMPY")),
    Format("gguf", "formats.gguf", Magic(b"GGUF")),
    Format("parquet", "formats.parquet", Magic(b"PAR1")),
    Format("image", "formats.images", Magic(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")),
    Format("json", "formats.json_files", seems_json, family="text", first=b" \t\r\n{["),
    Format("ubjson", "formats.ubjson", Magic(b"{")),
    Format("catboost", "formats.catboost", Magic(b"CBM1")),
    Format("crfsuite", "formats.crfsuite", Magic(b"lCRF")),
    Format("charsmap", "formats.charsmap", seems_charsmap),
    Format("lightgbm", "formats.lightgbm", Magic(b"tree\nversion="), family="text"),
    Format("xml", "formats.xmls", seems_xml, family="text", first=b" \t\r\n<\xef\xfe\xff"),
    Format("text", "formats.texts", lambda view: True, family="text", last=True),
)
