"""``casemate key``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from cyclopts import App

from casemate.cli.services import asker, new_passphrase, open_recipients, open_services
from casemate.cli.terminal import console
from casemate.core.errors import UsageError
from casemate.custody.envelope import rotate as rotate_file
from casemate.keys.files import LIMIT, open_private_file
from casemate.keys.hpke import create_recipient
from casemate.keys.kek_file import Passphrase, create_kek, renew_kek
from casemate.keys.uri import open_token, parse_service

app = App(name="key", help="Make keys that seal and open files, and change which of them open a sealed file.")


@app.command
def create(key: str, /, *, passphrase: bool = False, stretch: Literal["scrypt", "argon2id"] = "scrypt") -> int:
    """Make a key: a key file, a recipient's key pair, or a key on a token. Others are made where they are kept.

    Examples:
      casemate key create file:models.kek --passphrase
      casemate key create hpke:alice.key           the public half is alice.key.pub
      casemate key create pkcs11:TOKEN/models

    Args:
        key: file:PATH, hpke:PATH or pkcs11:TOKEN/LABEL.
        passphrase: protect a key file with a passphrase: from the file named by CASEMATE_PASSPHRASE_FILE, or asked for.
        stretch: how the passphrase becomes a key.
    """
    name = parse_service(key)
    if passphrase and name.kind != "file":
        raise UsageError("only key files have a passphrase", next_step="leave --passphrase out")
    if name.kind == "file":
        made = create_kek(Path(name.rest), _passphrase(key) if passphrase else None, stretch).name
    elif name.kind == "hpke":
        made = create_recipient(Path(name.rest)).name
    elif name.kind == "pkcs11":
        token = open_token(name)
        token.create()
        made = token.name
    else:
        raise UsageError(
            f"keys of kind {name.kind} are made where they are kept",
            next_step="bao write -f transit/keys/NAME" if name.kind == "transit" else "aws kms create-key",
        )
    console().print(f"created  {made}", soft_wrap=True, markup=False)
    return 0


@app.command
def renew(key: str, /, *, keep: int = 8) -> int:
    """Add a new version to a key file; older ones still open what they sealed, until it is rotated.

    Example: casemate key renew file:models.kek

    Args:
        key: file:PATH.
        keep: how many older versions stay.
    """
    name = parse_service(key)
    if name.kind != "file":
        raise UsageError(f"keys of kind {name.kind} are renewed where they are kept", next_step="give file:PATH")
    path = os.environ.get("CASEMATE_PASSPHRASE_FILE")
    ask: Passphrase | None = (lambda: _passphrase(key)) if path else asker(key)
    console().print(f"renewed  {renew_kek(Path(name.rest), ask, keep=keep).name}", soft_wrap=True, markup=False)
    return 0


@app.command
def rotate(path: Path, /, *, key_service: list[str], encrypt_for: list[str] | None = None, repair: bool = False) -> int:
    """Change which keys open a sealed file, in place; what is encrypted is not touched.

    Examples:
      casemate key rotate m.sealed --key-service file:models.kek
      casemate key rotate m.sealed --key-service file:models.kek --encrypt-for alice.key.pub

    Args:
        path: sealed file.
        key_service: key that opens it now (may be given several times).
        encrypt_for: key that will open it, and no others; without it, wraps are renewed under the newest versions of
            their keys (may be given several times).
        repair: accept a header that is damaged in one of its two copies.
    """
    services = open_recipients(encrypt_for) if encrypt_for else None
    done = rotate_file(path, open_services(key_service), services, repair=repair)
    console().print(
        f"rotated  {done.path}  rotation {done.sequence}, opens with {', '.join(done.keys)}", soft_wrap=True
    )
    return 0


def _passphrase(key: str) -> bytes:
    if path := os.environ.get("CASEMATE_PASSPHRASE_FILE"):
        with os.fdopen(open_private_file(Path(path)), "rb") as stream:
            return stream.read(LIMIT).partition(b"\n")[0]
    return new_passphrase(key)
