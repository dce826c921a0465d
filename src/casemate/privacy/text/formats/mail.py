"""Mail (RFC 5322): headers, texts and the attachments that can be read; the others are left out, and that is said."""

from __future__ import annotations

import email
import email.policy
import io
from email.message import EmailMessage
from typing import BinaryIO, Final, cast

from casemate.core.errors import CasemateError
from casemate.privacy.text.editor import Editor
from casemate.privacy.text.formats import format_of, rewriter, written_as

_KEPT: Final = frozenset({"content-type", "content-transfer-encoding", "content-disposition", "mime-version", "date"})
_POLICY: Final = email.policy.SMTP.clone(refold_source="none", raise_on_defect=False)


def rewrite(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """Redact a message."""
    message = email.message_from_binary_file(source, policy=_POLICY)
    for part in message.walk():
        _headers(part, editor)
        if not part.is_multipart():
            _content(part, editor)
    goal.write(message.as_bytes())


def _headers(part: object, editor: Editor) -> None:
    message = cast("EmailMessage", part)
    said = [(name, str(value)) for name, value in message.items()]
    for name in {each.lower() for each, _ in said} - _KEPT:
        new = [(each, editor(value, f"header {each}", hint=each)) for each, value in said if each.lower() == name]
        if [value for _, value in new] == [value for each, value in said if each.lower() == name]:
            continue
        del message[name]
        for each, value in new:
            message.add_header("X-Redacted-" + each if _strict(name) else each, " ".join(value.split()))


def _strict(name: str) -> bool:
    """Whether only addresses may stand there: a label would be read as a broken one."""
    return name in ("message-id", "in-reply-to", "references")


def _content(part: EmailMessage, editor: Editor) -> None:
    name, kind = part.get_filename() or "", part.get_content_type()
    body = part.get_payload(decode=True)
    data = body if isinstance(body, bytes) else b""
    html = kind in ("text/html", "application/xhtml+xml")
    format = format_of(name) if name else "html" if html else "json" if kind.endswith("json") else "text"
    charset = part.get_content_charset() or "utf-8"
    goal = io.BytesIO()
    try:
        if kind.startswith("text/") and not name:
            data = data.decode(charset, "replace").encode()
        rewriter(format)(io.BytesIO(data), goal, editor)
    except (CasemateError, LookupError) as error:
        editor.notes.append(f"an attachment of type {kind} was left out: {error}")
        goal, kind, name = io.BytesIO(b"[attachment left out]"), "text/plain", "removed.txt"
    if goal.getvalue() == data:
        return
    shown = editor(written_as(name), "name of an attachment") if name else ""
    main, _, sub = kind.partition("/")
    if main == "text":
        part.set_content(goal.getvalue().decode("utf-8", "replace"), subtype=sub, charset="utf-8")
    else:
        if format in ("pdf", "docx"):
            main, sub = "text", "plain"
        part.set_content(goal.getvalue(), maintype=main, subtype=sub) if main != "text" else part.set_content(
            goal.getvalue().decode("utf-8", "replace"), subtype=sub
        )
    if shown:
        part.add_header("Content-Disposition", "attachment", filename=shown)
