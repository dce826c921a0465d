"""Word and PDF as real programs write them: text in every corner, in the order of reading, and bounded."""

from __future__ import annotations

import io
import zipfile

import docx
import pytest
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pypdf import PdfWriter
from pypdf.annotations import FreeText
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from casemate.core.errors import UnreadableError
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.editor import Editor
from casemate.privacy.text.formats import documents, rewriter, word
from casemate.privacy.text.redactor import Redactor

ANALYZER = Analyzer("fast")
W = nsdecls("w")
NOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
KIND = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"


def rewritten(format: str, data: bytes) -> tuple[str, Editor]:
    editor, goal = Editor(Redactor(ANALYZER)), io.BytesIO()
    rewriter(format)(io.BytesIO(data), goal, editor)
    return goal.getvalue().decode(), editor


def saved(document) -> bytes:
    goal = io.BytesIO()
    document.save(goal)
    return goal.getvalue()


def full() -> bytes:
    document = docx.Document()
    first = document.add_paragraph("body b1@example.com ")
    first.add_run("split b2@")
    first.add_run("example.com")
    document.add_comment(first.runs[:1], text="comment c@example.com", author="Jane")
    outer = document.add_table(2, 2)
    outer.cell(0, 0).text = "MRN"
    outer.cell(0, 1).text = "00123456"
    outer.cell(1, 0).merge(outer.cell(1, 1)).text = "merged"
    inner = outer.cell(1, 0).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "inner", "t@example.com"
    section = document.sections[0]
    section.different_first_page_header_footer = True
    section.header.paragraphs[0].text = "header h@example.com"
    section.first_page_header.paragraphs[0].text = "first f@example.com"
    section.footer.add_table(1, 1, 100).cell(0, 0).text = "footer g@example.com"
    document.add_paragraph()._p.append(parse_xml(
        f"<w:r {W}><w:pict><v:textbox xmlns:v='urn:schemas-microsoft-com:vml'><w:txbxContent><w:p><w:r>"
        "<w:t>box x@example.com</w:t></w:r></w:p></w:txbxContent></v:textbox></w:pict></w:r>"
    ))  # fmt: skip
    document.add_paragraph("kept")._p.append(parse_xml(
        f"<w:del {W} w:id='1'><w:r><w:delText>gone@example.com</w:delText></w:r></w:del>"
    ))  # fmt: skip
    note = "<w:footnote w:id='2'><w:p><w:r><w:t>note n@example.com</w:t></w:r></w:p></w:footnote>"
    notes = f"<w:footnotes {W}>{note}</w:footnotes>".encode()
    part = Part(PackURI("/word/footnotes.xml"), KIND, notes, document.part.package)
    document.part.relate_to(part, NOTES)
    return saved(document)


def test_word_is_read_in_every_corner():
    text, editor = rewritten("docx", full())
    for each in (
        "body [EMAIL_ADDRESS] split [EMAIL_ADDRESS]",
        "comment",
        "inner\t",
        "header",
        "first",
        "footer",
        "box",
        "note",
    ):
        assert each in text
    assert "MRN\t[MEDICAL_RECORD_NUMBER]" in text
    assert text.count("merged") == 1
    assert "@" not in text
    assert "gone" not in text
    assert editor.counts["EMAIL_ADDRESS"] == 9
    assert text.index("body") < text.index("inner") < text.index("header") < text.index("note") < text.index("comment")


def test_word_bombs_are_refused_before_they_are_unpacked(monkeypatch):
    data = full()
    goal = io.BytesIO(data)
    with zipfile.ZipFile(goal, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/x.bin", bytes(1 << 20))
    assert len(goal.getvalue()) < len(data) + 5_000
    monkeypatch.setattr(word, "MOST_BYTES", 1 << 20)
    with pytest.raises(UnreadableError, match="larger than documents are"):
        rewritten("docx", goal.getvalue())
    assert rewritten("docx", data)[0]
    monkeypatch.setattr(word, "MOST_XML", 1_000)
    with pytest.raises(UnreadableError, match="larger"):
        rewritten("docx", data)


def test_word_without_end():
    document = docx.Document()
    cell = document.add_table(1, 1).cell(0, 0)
    for _ in range(word.MOST_DEEP + 2):
        cell = cell.add_table(1, 1).cell(0, 0)
    with pytest.raises(UnreadableError, match="tables within tables"):
        rewritten("docx", saved(document))


def pdf(*pages: str) -> bytes:
    writer, goal = PdfWriter(), io.BytesIO()
    font = writer._add_object(DictionaryObject(
        {NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
         NameObject("/BaseFont"): NameObject("/Courier")}
    ))  # fmt: skip
    for said in pages:
        page, stream = writer.add_blank_page(612, 792), DecodedStreamObject()
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream.set_data(f"BT /F1 12 Tf {said} ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    writer.add_annotation(0, FreeText(text="remark r@example.com", rect=(50, 50, 200, 100)))
    writer.write(goal)
    return goal.getvalue()


def at(x: int, y: int, text: str) -> str:
    return f"1 0 0 1 {x} {y} Tm ({text}) Tj"


def test_pdf_is_read_as_people_read_it():
    jumbled = f"{at(122, 700, '555-0143')} {at(50, 650, 'or write to jane@example.com')} {at(94, 700, '212-')}"
    columns = " ".join(
        (at(50, 700, "call 212-"), at(50, 686, "555-0143"), at(300, 700, "other column"), at(300, 686, "b@example.com"))
    )
    text, editor = rewritten("pdf", pdf(jumbled, columns, ""))
    assert "[PHONE_NUMBER]" in text.splitlines()[0]
    assert "or write to [EMAIL_ADDRESS]" in text
    assert "remark [EMAIL_ADDRESS]" in text
    assert not any(each in text for each in ("555", "0143", "@"))
    assert editor.notes == ["page 3 has no text: what a picture shows is not seen"]


def test_pdfs_without_end(monkeypatch):
    data = pdf(at(50, 700, "a"), at(50, 700, "b"))
    monkeypatch.setattr(documents, "MOST_PAGES", 1)
    with pytest.raises(UnreadableError, match="2 pages"):
        rewritten("pdf", data)
    monkeypatch.setattr(documents, "MOST_PAGES", 2)
    monkeypatch.setattr(documents, "MOST_TEXT", 3)
    with pytest.raises(UnreadableError, match="too long"):
        rewritten("pdf", data)
    with pytest.raises(UnreadableError, match="cannot be read"):
        rewritten("pdf", data.replace(b"/Pages", b"/Pagan"))
