"""XML: nothing is expanded or fetched; PMML, OpenVINO and SVG are judged by what they make programs do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan

PMML = """<?xml version="1.0" encoding="UTF-8"?>
<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header><Application name="x" version="1"/></Header>
<DataDictionary><DataField name="x" optype="continuous" dataType="double"/></DataDictionary>
<TransformationDictionary><DefineFunction name="mine" optype="continuous"><Apply function="ln">
<FieldRef field="x"/></Apply></DefineFunction></TransformationDictionary>
<RegressionModel functionName="regression"><Extension name="writer" value="1.0"/>{inside}</RegressionModel></PMML>"""
NET = """<?xml version="1.0"?><net name="m" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,8" element_type="f32"/></layer>
<layer id="1" name="w" type="Const" version="opset1"><data element_type="f32" shape="8" offset="64" size="32"/></layer>
<layer id="2" name="y" type="{kind}" version="{version}"/></layers><edges/></net>"""

BAD = [
    ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "xml.external"),
    ("<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1/x'> %x;]><a/>", "xml.external"),
    ("<!DOCTYPE a [<!ENTITY x PUBLIC 'a' 'b'>]><a/>", "xml.external"),
    ("<!DOCTYPE a [<!ENTITY x 'lol'><!ENTITY y '&x;&x;&x;'>]><a>&y;</a>", "xml.entity"),
    ("<a><b xmlns:z='http://www.w3.org/2001/XInclude'><z:include href='x'/></b></a>", "xml.include"),
    ("<include xmlns='http://www.w3.org/2001/XInclude' href='x'/>", "xml.include"),
    ("<?xml-stylesheet href='x.xsl'?><a/>", "xml.instruction"),
    ("<!DOCTYPE a SYSTEM 'a.dtd'><a/>", "xml.fetched-dtd"),
    ("<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'http://127.0.0.1/a.dtd'><svg/>", "xml.fetched-dtd"),
    ("<!DOCTYPE a><a/>", "xml.dtd"),
    ("<a>" * 600 + "</a>" * 600, "xml.bomb"),
    ("<svg xmlns='http://www.w3.org/2000/svg'><a><script>x</script></a></svg>", "xml.script"),
    ("<svg><a href=' JavaScript:x'/></svg>", "xml.script"),
    ("<svg><image xmlns:l='http://www.w3.org/1999/xlink' l:href='http://127.0.0.1/x'/></svg>", "xml.fetch"),
    (PMML.format(inside="<Extension><script>x</script></Extension>"), "pmml.script"),
    (PMML.format(inside="<Extension>java.lang.Runtime.getRuntime().exec('id')</Extension>"), "pmml.script"),
    (PMML.format(inside="<Extension extender='x' value='${jndi:ldap://x}'/>"), "pmml.script"),
    (PMML.format(inside="<Apply function='com.example.Run'/>"), "pmml.unknown-function"),
    (PMML.format(inside="<TableLocator/>"), "pmml.outside"),
    (PMML.format(inside="<evil xmlns='http://example.org/'/>"), "xml.foreign"),
    (NET.format(kind="Python", version="opset1"), "openvino.extension"),
    (NET.format(kind="Mine", version="opset1"), "openvino.unknown-layer"),
    (NET.format(kind="Add", version="mine"), "openvino.set"),
    (NET.format(kind="Add", version="opset1").replace("<edges/>", "<extension path='x.so'/>"), "openvino.extension"),
]


@pytest.mark.parametrize(("text", "fact"), BAD, ids=lambda part: part if "." in part and len(part) < 30 else "")
def test_what_a_document_makes_a_program_do_is_told(text: str, fact: str) -> None:
    outcome = scan(text.encode())
    assert rule(fact) in {finding.rule for finding in outcome.findings}


def test_the_same_in_another_encoding() -> None:
    text = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"
    assert rule("xml.external") in found(text.encode("utf-16"))
    assert rule("xml.external") in found(b"\xef\xbb\xbf" + text.encode())


def test_honest_documents_are_clean() -> None:
    assert_clean(PMML.format(inside="<Apply function='mine'/><Apply function='+'/>").encode(), "xml")
    assert_clean(b"<svg xmlns='http://www.w3.org/2000/svg'><use href='#a'/><path d='M0 0'/></svg>", "xml")
    assert_clean(b"\n<a b='c'>&lt;&#65;<![CDATA[<x>]]></a>\n", "xml")


def test_openvino_claims_its_weights_beside_it() -> None:
    outcome = scan(NET.format(kind="Add", version="opset8").encode(), "dir/model.xml")
    assert outcome.verdict is Verdict.CLEAN
    assert outcome.about["kind"] == "openvino"
    assert [(claim.path, claim.at, claim.count) for claim in outcome.claims] == [("model.bin", 64, 32)]


def test_what_says_it_is_xml_and_is_not_is_unreadable() -> None:
    assert scan(b"<?xml version='1.0'?><a><b></a>").verdict is Verdict.UNREADABLE
    assert scan(b"<?xml version='1.0'?><a/><b/>").verdict is Verdict.UNREADABLE
    assert scan(b"<a/>\0").verdict is Verdict.UNREADABLE
    assert_clean(b"<p>An unclosed paragraph\n", "text")


_PIECES = [
    "<a>",
    "</a>",
    "<a b='",
    "'/>",
    "<!DOCTYPE a [",
    "]>",
    "<!ENTITY x '",
    "&x;",
    "<?p",
    "?>",
    "<!--",
    "-->",
    "t",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=20))
def test_any_mixture_of_pieces_ends(pieces: list[str]) -> None:
    scan(b"<" + "".join(pieces).encode())
