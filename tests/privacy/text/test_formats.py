"""Each format on a real file, made by the library that people make them with."""

from __future__ import annotations

import email
import email.policy
import io
import json
import logging
import random
from email.message import EmailMessage

import docx
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from casemate.core.errors import UnreadableError
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.blocks import pieces
from casemate.privacy.text.editor import Editor
from casemate.privacy.text.formats import format_of, rewriter
from casemate.privacy.text.frames import redact_frame
from casemate.privacy.text.log_filter import RedactingFilter
from casemate.privacy.text.redactor import Redactor

ANALYZER = Analyzer("fast")
MAIL, TEL = "jane@example.com", "212-555-0143"


def rewritten(name: str, data: bytes) -> tuple[bytes, Editor]:
    editor, goal = Editor(Redactor(ANALYZER)), io.BytesIO()
    rewriter(format_of(name))(io.BytesIO(data), goal, editor)
    return goal.getvalue(), editor


def test_text_keeps_what_is_no_text():
    data = b"\xff\xfe\xfd \x00 mail jane@example.com \xe9 [EMAIL_ADDRESS]\r\n"
    made, editor = rewritten("a.log", b"x" + data)
    assert made == b"x" + data.replace(MAIL.encode(), b"[EMAIL_ADDRESS]")
    assert rewritten("a.log", made)[0] == made  # what is redacted stays
    assert editor.counts == {"EMAIL_ADDRESS": 1}
    assert rewritten("a.txt", f"é {MAIL}".encode("utf-16"))[0].decode("utf-16") == "é [EMAIL_ADDRESS]"
    with pytest.raises(UnreadableError, match="no text"):
        rewritten("a.txt", b"\x89PNG\r\n")


def test_pieces_of_any_size_find_what_the_whole_has():
    rng = random.Random(7)
    words = [MAIL, TEL, "phone", "é", "4111 1111 1111 1111", "the", "1.2.3.4", "\n"]
    text = " ".join(rng.choice(words) for _ in range(1500))
    whole = [(each.start, each.end, each.type) for each in ANALYZER.find(text)]
    for block in (400, 5000):
        found, at = [], 0
        for piece, spans in pieces((text[k : k + 97] for k in range(0, len(text), 97)), ANALYZER, block):
            found += [(at + each.start, at + each.end, each.type) for each in spans]
            at += len(piece)
        assert at == len(text)
        assert found == whole


def test_json_changes_only_strings():
    inner = json.dumps({"to": MAIL})
    data = json.dumps({"a": [1.50, {"mail": MAIL}], "raw": inner, MAIL: None, "bob@example.com": 1}, indent=3)
    made, _ = rewritten("x.json", data.encode())
    told = json.loads(made)
    assert told["a"] == [1.5, {"mail": "[EMAIL_ADDRESS]"}]
    assert json.loads(told["raw"]) == {"to": "[EMAIL_ADDRESS]"}
    assert list(told)[2:] == ["[EMAIL_ADDRESS]", "[EMAIL_ADDRESS] 2"]  # no field is lost
    card = rewritten("x.json", b'{"card": 4111111111111111, "n":1.50, "s": "\\ud800"}')[0]
    assert card == b'{"card": "[CREDIT_CARD]", "n":1.50, "s": "\\ud800"}'
    broken, editor = rewritten("x.json", b'{"a": "jane@example.com"')
    assert (broken, editor.notes) == (b'{"a": "[EMAIL_ADDRESS]"', ["not JSON, redacted as text"])
    assert b"jane" not in rewritten("x.json", b"[" * 100_000 + MAIL.encode())[0]  # too deep to parse
    lines, _ = rewritten("x.jsonl", b'{"a":"jane@example.com"}\n\n{"b":2}\n')
    assert lines == b'{"a":"[EMAIL_ADDRESS]"}\n\n{"b":2}\n'


def test_csv_with_ragged_rows():
    rows = b"".join(b'n%d;212-555-01%02d;"say ""hi"""\r\n' % (k, k) for k in range(20))
    data = b"name;phone;note\r\n" + rows + b"x;not told\r\ny;-;ok;extra jane@example.com\r\n\r\nz\r\n"
    made, editor = rewritten("x.csv", data)
    lines = made.split(b"\r\n")
    assert lines[0] == b"name;phone;note"
    assert lines[1] == b'n0;[PHONE_NUMBER];"say ""hi"""'
    assert lines[21] == b"x;[PHONE_NUMBER]"  # because of its column
    assert lines[22:25] == [b"y;-;ok;extra [EMAIL_ADDRESS]", b"", b"z"]
    assert editor.counts == {"PHONE_NUMBER": 21, "EMAIL_ADDRESS": 1}


def test_frames_and_parquet(tmp_path):
    columns = {"n": [1, 2, 3], "mail": [MAIL, None, "b@example.com"], "tel": [2125550143, 2125550144, 2125550145]}
    frame = pd.DataFrame(columns, index=[7, 8, 9])
    made = redact_frame(frame, Redactor(ANALYZER), columns={"tel": "PHONE_NUMBER"})
    assert list(made.index) == [7, 8, 9]
    assert made["mail"].isna().tolist() == [False, True, False]
    assert made["tel"].tolist() == ["[PHONE_NUMBER]"] * 3
    assert frame["mail"].iloc[0] == MAIL  # the one that was given stays
    other = pl.DataFrame({**columns, "list": [[MAIL], [], ["x"]]})
    told = redact_frame(other, Redactor(ANALYZER))
    assert told["list"].to_list() == [["[EMAIL_ADDRESS]"], [], ["x"]]
    assert other["mail"].to_list()[0] == MAIL
    other.write_parquet(tmp_path / "x.parquet")
    data, _ = rewritten("x.parquet", (tmp_path / "x.parquet").read_bytes())
    assert b"jane" not in data
    table = pq.read_table(io.BytesIO(data))
    assert table["mail"].to_pylist() == ["[EMAIL_ADDRESS]", None, "[EMAIL_ADDRESS]"]
    assert table.column_names == ["n", "mail", "tel", "list"]
    with pytest.raises(UnreadableError, match="no parquet"):
        rewritten("x.parquet", b"PAR1nonsense")


def test_html_is_read_across_tags():
    page = (
        "<!doctype html><p title='ask jane@example.com'>Call <b>212</b>-555-0143 &amp; <i>jane</i>&#64;example.com</p>"
        "<!-- bob@example.com --><script>x = 'eve@example.com'</script><a href=mailto:jane%40example.com>a &lt; b</a>"
    )
    made = rewritten("x.html", page.encode())[0].decode()
    assert not any(each in made for each in ("jane", "bob", "eve", "555"))
    assert "<p title='ask [EMAIL_ADDRESS]'>Call <b>[PHONE_NUMBER]</b> &amp; <i>[EMAIL_ADDRESS]</i></p>" in made
    assert made.endswith("<a href=[EMAIL_ADDRESS]>a &lt; b</a>")


def test_mail_with_parts_and_attachments():
    message = EmailMessage()
    message["From"], message["To"] = "Jane <jane@example.com>", "bob@example.com"
    message["Subject"], message["Message-ID"] = f"call {TEL}", "<1.jane@example.com>"
    message.set_content(f"Grüße, {MAIL}\n")
    message.add_alternative(f"<p>{MAIL}</p>", subtype="html")
    message.add_attachment(f"tel\n{TEL}\n".encode(), maintype="text", subtype="csv", filename="jane@example.com.csv")
    message.add_attachment(b"\x89PNG\r\n", maintype="image", subtype="png", filename="x.png")
    made, editor = rewritten("x.eml", message.as_bytes())
    told = email.message_from_bytes(made, policy=email.policy.default)
    text = made.decode() + "".join(part.get_content() for part in told.walk() if part.get_content_maintype() == "text")
    assert not any(each in text for each in ("jane", "bob@", "555-01"))
    assert told["Subject"] == "call [PHONE_NUMBER]"
    assert "Grüße, [EMAIL_ADDRESS]" in told.get_body(("plain",)).get_content()
    assert any("image/png was left out" in each for each in editor.notes)


def test_word_and_pdf():
    document, goal = docx.Document(), io.BytesIO()
    document.add_paragraph(f"write to {MAIL}")
    document.add_table(1, 2).cell(0, 1).text = TEL
    document.sections[0].header.paragraphs[0].text = "bob@example.com"
    document.save(goal)
    made, editor = rewritten("x.docx", goal.getvalue())
    assert made.decode().split() == ["write", "to", "[EMAIL_ADDRESS]", "[PHONE_NUMBER]", "[EMAIL_ADDRESS]"]
    assert editor.counts["EMAIL_ADDRESS"] == 2
    assert rewritten("x.pdf", pdf(f"write to {MAIL}"))[0].decode().strip() == "write to [EMAIL_ADDRESS]"
    for name in ("x.pdf", "x.docx"):
        with pytest.raises(UnreadableError):
            rewritten(name, b"%PDF-1.4 nonsense")


def pdf(text: str) -> bytes:
    writer, goal = PdfWriter(), io.BytesIO()
    page = writer.add_blank_page(300, 300)
    font = DictionaryObject(
        {NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
         NameObject("/BaseFont"): NameObject("/Helvetica")}
    )  # fmt: skip
    fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    stream = DecodedStreamObject()
    stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
    page[NameObject("/Contents")] = writer._add_object(stream)
    writer.write(goal)
    return goal.getvalue()


def test_logs_with_arguments_and_exceptions():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter(Redactor(ANALYZER)))
    log = logging.Logger("app")
    log.addHandler(handler)
    log.warning("to %s", MAIL)
    try:
        raise ValueError(f"no such user {MAIL}")
    except ValueError:
        log.exception("failed for %s", TEL)
    log.warning("%d", "no number " + MAIL)  # its own fault; it is told without the value
    said = stream.getvalue()
    assert "to [EMAIL_ADDRESS]" in said
    assert "ValueError: no such user [EMAIL_ADDRESS]" in said
    assert "jane" not in said
    assert "555" not in said
    assert "could not be redacted: TypeError" in said
