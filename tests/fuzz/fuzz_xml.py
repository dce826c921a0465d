"""The parser of XML: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import xmls as parser
from tests.threats.supply_chain.formats.samples import survive

MINUTES = 3


def seeds() -> list[bytes]:
    """Small files that are read to their end."""
    return [
        b"<?xml version='1.0'?><PMML xmlns='http://www.dmg.org/PMML-4_4'><Extension value='x'/>"
        b"<Apply function='+'/></PMML>",
        b"<net version='11'><layers><layer type='Const' version='opset1'><data offset='0' size='4'/>"
        b"</layer></layers></net>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/><!-- c --><![CDATA[x]]></svg>",
        b"<!DOCTYPE a [<!ELEMENT a ANY><!ATTLIST a b CDATA 'c'>]><a>&lt;&#65;</a>",
        "<a b='c'>text</a>".encode("utf-16"),
    ]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(parser, data)
