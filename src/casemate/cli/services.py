"""Key services as words on the command line, and passphrases that a terminal asks for."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from casemate.core.errors import UsageError
from casemate.keys.kek_file import Passphrase
from casemate.keys.services import KeyService
from casemate.keys.uri import FORMS, open_service


def open_services(texts: Sequence[str]) -> list[KeyService]:
    """The key services that texts such as "file:models.kek" name; a passphrase is asked for where a terminal is.

    Raises:
        UsageError: none is given, or a text names no key service.
        MissingPartError: the package that talks to a service is not installed.
    """
    if not texts:
        raise UsageError("no key is given", next_step=f"name one: {', '.join(FORMS.values())}")
    return [open_service(text, passphrase=asker(text)) for text in texts]


def open_recipients(texts: Sequence[str]) -> list[KeyService]:
    """Like `open_services`, for whom to seal: the path of a recipient's file will do, without "hpke:" before it.

    Raises:
        UsageError: a text names neither a file nor a key service.
    """
    return open_services([f"hpke:{text}" if Path(text).is_file() else text for text in texts])


def asker(text: str) -> Passphrase | None:
    """What asks for a passphrase, or None where nobody could answer."""
    if not sys.stdin.isatty():
        return None
    return lambda: getpass.getpass(f"Passphrase of {text}: ").encode()


def new_passphrase(text: str) -> bytes:
    """Ask for a new passphrase, twice.

    Raises:
        UsageError: no terminal is there, it is empty, or the two differ.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            "no terminal to ask for a passphrase", next_step="put it in a file named by CASEMATE_PASSPHRASE_FILE"
        )
    first = getpass.getpass(f"New passphrase of {text}: ")
    if not first or first != getpass.getpass("The same again: "):
        raise UsageError("the passphrase is empty, or the two differ", next_step="type it again")
    return first.encode()
