"""Croissant metadata (MLCommons, format 1.0 and 1.1): JSON-LD about a data set, read and written. Nothing is fetched.

Only the terms of the format's own context are understood, with or without their prefixes ("cr:FileObject", the full
URL, or "FileObject"); other JSON-LD machinery (remote contexts, graphs) is not run, because running it is fetching.
Source: the Croissant Format Specification, sections on FileObject, FileSet, RecordSet and Field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

VERSIONS = ("1.0", "1.1")
_CONFORMS = "http://mlcommons.org/croissant/"
MOST = 32 << 20
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "md5": "cr:md5",
    "recordSet": "cr:recordSet",
    "source": "cr:source",
}


class FileObject(msgspec.Struct, frozen=True, kw_only=True):
    """A file (or, with ``includes``, a pattern of files) of the data set.

    Attributes:
        id, name: how the rest refers to it.
        url: ``contentUrl``: a path beside the metadata, or a URL.
        format: ``encodingFormat``, a media type.
        sha256: lower-case hexadecimal, or "".
        size: ``contentSize`` as written, or "".
        inside: ids of the archive it is contained in.
        includes: glob patterns of a FileSet; empty for a FileObject.
    """

    id: str
    name: str = ""
    url: str = ""
    format: str = ""
    sha256: str = ""
    size: str = ""
    inside: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a record: its type, and the file and column it comes from."""

    id: str
    name: str = ""
    type: str = ""
    file: str = ""
    column: str = ""


class RecordSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set of records with the same fields."""

    id: str
    name: str = ""
    fields: tuple[Field, ...] = ()


class Croissant(msgspec.Struct, frozen=True, kw_only=True):
    """What the metadata say. What they do not say stays empty.

    Attributes:
        version: "1.0" or "1.1", "" where ``conformsTo`` does not tell.
        license, citation, creators: as declared.
    """

    name: str
    description: str = ""
    version: str = "1.1"
    url: str = ""
    license: str = ""
    citation: str = ""
    creators: tuple[str, ...] = ()
    published: str = ""
    files: tuple[FileObject, ...] = ()
    records: tuple[RecordSet, ...] = ()


def read_croissant(data: bytes) -> Croissant:
    """Read metadata.

    Raises:
        ValueError: it is no Croissant document; the message says why, without values.

    Example:
        >>> read_croissant(write_croissant(Croissant(name="heart"))).name
        'heart'
    """
    if len(data) > MOST:
        raise ValueError(f"it has more than {MOST >> 20} MiB")
    try:
        whole = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("it is no JSON") from error
    if not isinstance(whole, dict) or "Dataset" not in _types(whole):
        raise ValueError("it describes no data set (@type is not Dataset)")
    conforms = [
        each for each in _words(whole.get("conformsTo", whole.get("dct:conformsTo"))) if each.startswith(_CONFORMS)
    ]
    if not conforms and "recordSet" not in whole and "distribution" not in whole:
        raise ValueError("it is a data set of schema.org, but not in the Croissant format")
    return Croissant(
        name=_word(whole.get("name")),
        description=_word(whole.get("description")),
        version=next((each.removeprefix(_CONFORMS) for each in conforms), ""),
        url=_word(whole.get("url")),
        license=_word(whole.get("license")),
        citation=_word(whole.get("citeAs", whole.get("cr:citeAs", whole.get("citation")))),
        creators=tuple(_words(whole.get("creator"))),
        published=_word(whole.get("datePublished")),
        files=tuple(_file(each) for each in _objects(whole.get("distribution"))),
        records=tuple(_record_set(each) for each in _objects(whole.get("recordSet", whole.get("cr:recordSet")))),
    )


def write_croissant(about: Croissant) -> bytes:
    """The metadata as JSON-LD. What is empty is left out: an undeclared license stays a visible gap."""
    whole: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": f"{_CONFORMS}{about.version or VERSIONS[-1]}",
        "name": about.name,
        "description": about.description,
        "url": about.url,
        "license": about.license,
        "citeAs": about.citation,
        "creator": [{"@type": "sc:Person", "name": name} for name in about.creators],
        "datePublished": about.published,
        "distribution": [_written(each) for each in about.files],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": each.id,
                "name": each.name,
                "field": [_field(inner) for inner in each.fields],
            }
            for each in about.records
        ],
    }
    return msgspec.json.format(msgspec.json.encode(_filled(whole)), indent=2) + b"\n"


def _written(each: FileObject) -> dict[str, Any]:
    inside = [{"@id": name} for name in each.inside]
    return {
        "@type": "cr:FileSet" if each.includes else "cr:FileObject",
        "@id": each.id,
        "name": each.name,
        "contentUrl": each.url,
        "contentSize": each.size,
        "encodingFormat": each.format,
        "sha256": each.sha256,
        "containedIn": inside[0] if len(inside) == 1 else inside,
        "includes": each.includes[0] if len(each.includes) == 1 else list(each.includes),
    }


def _field(each: Field) -> dict[str, Any]:
    source = {"fileObject": {"@id": each.file}, "extract": {"column": each.column}} if each.file else {}
    return {"@type": "cr:Field", "@id": each.id, "name": each.name, "dataType": each.type, "source": source}


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner) for key, inner in value.items() if inner not in ("", [], {}, None)}
    return [_filled(inner) for inner in value] if isinstance(value, list) else value


def _file(raw: Mapping[str, Any]) -> FileObject:
    return FileObject(
        id=_id(raw),
        name=_word(raw.get("name")),
        url=_word(raw.get("contentUrl")),
        format=_word(raw.get("encodingFormat")),
        sha256=_word(raw.get("sha256")).lower(),
        size=_word(raw.get("contentSize")),
        inside=tuple(_words(raw.get("containedIn"))),
        includes=tuple(_words(raw.get("includes", raw.get("cr:includes")))) if "FileSet" in _types(raw) else (),
    )


def _record_set(raw: Mapping[str, Any]) -> RecordSet:
    fields = []
    for each in _objects(raw.get("field", raw.get("cr:field"))):
        source = each.get("source", each.get("cr:source"))
        source = source if isinstance(source, dict) else {}
        extract = source.get("extract", source.get("cr:extract"))
        extract = extract if isinstance(extract, dict) else {}
        file = _word(source.get("fileObject", source.get("fileSet", source.get("distribution"))))
        types = [kind.rpartition("/")[2].rpartition(":")[2] for kind in _words(each.get("dataType"))]
        column = _word(extract.get("column"))
        fields.append(
            Field(
                id=_id(each),
                name=_word(each.get("name")),
                type=f"sc:{types[0]}" if types else "",
                file=file,
                column=column,
            )
        )
    return RecordSet(id=_id(raw), name=_word(raw.get("name")), fields=tuple(fields))


def _id(raw: Mapping[str, Any]) -> str:
    return _word(raw.get("@id", raw.get("name")))


def _types(raw: Mapping[str, Any]) -> set[str]:
    kinds = raw.get("@type")
    return {str(each).rpartition("/")[2].rpartition(":")[2] for each in (kinds if isinstance(kinds, list) else [kinds])}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _words(value: Any) -> list[str]:
    """Strings; an object stands for its id, its name or its URL."""
    found = []
    for each in value if isinstance(value, list) else [value]:
        word = (
            each.get("@id", each.get("name", each.get("url", each.get("@value")))) if isinstance(each, dict) else each
        )
        if isinstance(word, str | int | float) and not isinstance(word, bool):
            found.append(str(word)[:20_000])
    return found


def _word(value: Any) -> str:
    return next(iter(_words(value)), "")
