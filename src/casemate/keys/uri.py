"""Which key service a text names.

file:PATH             a key file                    awskms:KEY_ID        AWS KMS: id, ARN or alias/NAME
hpke:PATH             a recipient's key file        pkcs11:TOKEN/LABEL   a hardware security module
transit:MOUNT/NAME    OpenBao or Vault

Credentials never stand in the text: they come from the environment, where the services' own tools look too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from casemate.core.errors import UsageError
from casemate.keys.aws_kms import KmsKey
from casemate.keys.files import LIMIT, open_private_file
from casemate.keys.hpke import parse_recipient, read_recipient
from casemate.keys.kek_file import FileKey, Passphrase
from casemate.keys.pkcs11 import Pkcs11Key, find_module
from casemate.keys.services import KeyService
from casemate.keys.transit import TransitKey

FORMS: Final = {
    "file": "file:PATH",
    "hpke": "hpke:PATH",
    "transit": "transit:MOUNT/NAME",
    "awskms": "awskms:KEY_ID",
    "pkcs11": "pkcs11:TOKEN/LABEL",
}
"""How each kind of service is written."""


class ServiceName(NamedTuple):
    """A parsed text: the kind of service, and what names the key there."""

    kind: str
    rest: str

    def halves(self) -> tuple[str, str]:
        """What stands before the last slash, and after it.

        Raises:
            UsageError: one of them is missing.
        """
        before, _, after = self.rest.rpartition("/")
        if not before or not after:
            raise UsageError(
                f"{self.kind}:{self.rest[:80]} does not name a key", next_step=f"write it as {FORMS[self.kind]}"
            )
        return before, after


def parse_service(text: str) -> ServiceName:
    """Take a text apart, without looking at what it names.

    Raises:
        UsageError: it names no kind of service.

    Example:
        >>> parse_service("transit:transit/models").halves()
        ('transit', 'models')
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in FORMS or not rest:
        raise UsageError(
            f"{text[:80]!r} does not name a key service",
            cause="it begins with none of " + ", ".join(f"{each}:" for each in FORMS)
            if not rest or kind not in FORMS
            else "",
            next_step=f"write {', '.join(FORMS.values())}"
            + (f"; for a key file: file:{text[:80]}" if not colon else ""),
        )
    return ServiceName(kind, rest)


def open_service(
    text: str, *, passphrase: Passphrase | None = None, environment: Mapping[str, str] | None = None
) -> KeyService:
    """The key service that a text names.

    ``transit`` takes VAULT_ADDR and VAULT_TOKEN (or BAO_ADDR and BAO_TOKEN), VAULT_NAMESPACE and VAULT_CACERT;
    ``awskms`` what boto3 takes; ``pkcs11`` PKCS11_MODULE, and CASEMATE_PKCS11_PIN or CASEMATE_PKCS11_PIN_FILE; ``file``
    CASEMATE_PASSPHRASE_FILE.

    Args:
        text: one of `FORMS`.
        passphrase: called for a key file that has a passphrase, when the environment names none.
        environment: instead of the process's.

    Raises:
        UsageError: the text names no key service, or something that it needs is missing.
        MissingPartError: the package that talks to this service is not installed.
    """
    variables = os.environ if environment is None else environment
    name = parse_service(text)
    if name.kind == "file":
        return FileKey(Path(name.rest).expanduser(), _secret(variables, "CASEMATE_PASSPHRASE") or passphrase)
    if name.kind == "hpke":
        if name.rest.startswith("casemate-recipient-"):
            return parse_recipient(name.rest)
        return read_recipient(Path(name.rest).expanduser())
    if name.kind == "awskms":
        return KmsKey(name.rest)
    if name.kind == "pkcs11":
        return open_token(name, variables)
    mount, key = name.halves()
    return TransitKey(
        mount,
        key,
        address=_first(variables, name, "VAULT_ADDR", "BAO_ADDR"),
        token=_first(variables, name, "VAULT_TOKEN", "BAO_TOKEN"),
        namespace=variables.get("VAULT_NAMESPACE") or variables.get("BAO_NAMESPACE"),
        authority=variables.get("VAULT_CACERT") or variables.get("BAO_CACERT"),
    )


def open_token(name: ServiceName, environment: Mapping[str, str] | None = None) -> Pkcs11Key:
    """The key on a token that ``name`` names, whether or not it exists yet.

    Raises:
        UsageError: there is no module, or no PIN.
    """
    variables = os.environ if environment is None else environment
    token, label = name.halves()
    pin = _secret(variables, "CASEMATE_PKCS11_PIN")
    if pin is None:
        raise UsageError(
            f"pkcs11:{token}/{label} needs the user's PIN",
            next_step="put it in a file named by CASEMATE_PKCS11_PIN_FILE",
        )
    return Pkcs11Key(
        token, label, module=find_module(variables.get("PKCS11_MODULE")), pin=lambda: pin().decode("utf-8", "replace")
    )


def _secret(variables: Mapping[str, str], name: str) -> Callable[[], bytes] | None:
    """A secret from the file that NAME_FILE names (0600, its first line), or from NAME itself."""
    if path := variables.get(f"{name}_FILE"):

        def read() -> bytes:
            with os.fdopen(open_private_file(Path(path)), "rb") as stream:
                return stream.read(LIMIT).partition(b"\n")[0]

        return read
    if name in variables:
        value = variables[name].encode()
        return lambda: value
    return None


def _first(variables: Mapping[str, str], name: ServiceName, *choices: str) -> str:
    for choice in choices:
        if value := variables.get(choice):
            return value
    raise UsageError(f"{name.kind}:{name.rest} needs {choices[0]}", next_step=f"set {' or '.join(choices)}")
