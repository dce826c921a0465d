"""The transit engine of OpenBao and HashiCorp Vault: the key stays on the server, which answers over HTTPS.

The server gets the context too, and checks it for keys that were made with ``derived=true``. What it encrypts also
holds a digest of the context, so that the binding does not depend on how the key was made.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.keys.services import (
    TIMEOUT,
    Context,
    Wrap,
    bound,
    denied,
    encode_context,
    unbound,
    unreachable,
    wrong_key,
)

KIND: Final = "transit"
_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class TransitKey:
    """The key service ``transit:MOUNT/NAME``.

    Args:
        mount: where the transit engine is mounted.
        key: the name of a key there, of type aes256-gcm96 or chacha20-poly1305.
        address: the server, ``https://...``; plain HTTP only to this machine.
        token: what the server knows us by.
        namespace: the namespace of the mount, if any.
        authority: file of certificates that vouch for the server, instead of the system's.
        timeout: seconds to wait for an answer.

    Raises:
        MissingPartError: hvac is not installed.
        UsageError: the address or a name cannot be.
    """

    kind = KIND

    def __init__(
        self,
        mount: str,
        key: str,
        *,
        address: str,
        token: str,
        namespace: str | None = None,
        authority: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        if not all(_PART.fullmatch(part) for part in [*mount.split("/"), key]):
            raise UsageError(
                "this cannot name a transit key",
                cause="it reads transit:MOUNT/NAME",
                next_step="give transit:transit/models",
            )
        self._mount, self._key = mount, key
        self._hvac = require("hvac", extra="kms")
        self._requests = require("requests", extra="kms")
        self._client: Any = self._hvac.Client(
            url=_check_address(address),
            token=token,
            namespace=namespace,
            verify=authority or True,
            timeout=timeout,
            allow_redirects=False,  # hvac would send the token along to wherever it is sent
        )

    @property
    def name(self) -> str:
        """``transit:MOUNT/NAME``."""
        return f"{KIND}:{self._mount}/{self._key}"

    def __repr__(self) -> str:
        return f"<TransitKey {self.name}>"

    def opens(self, wrap: Wrap) -> bool:
        """Whether ``wrap`` names this mount and key."""
        return wrap.kind == KIND and wrap.key == f"{self._mount}/{self._key}"

    def wrap(self, dek: bytes, context: Context) -> Wrap:
        """Encrypt a data key with the newest version of the key, which must exist already."""
        payload = base64.b64encode(bound(dek, context)).decode()
        with self._errors():
            with contextlib.suppress(self._hvac.exceptions.Forbidden):  # not everyone who may use a key may look at it
                self._client.secrets.transit.read_key(self._key, mount_point=self._mount)
            answer = self._client.secrets.transit.encrypt_data(
                self._key, plaintext=payload, context=_encoded(context), mount_point=self._mount
            )
        return self._made(answer)

    def unwrap(self, wrap: Wrap, context: Context) -> bytes:
        """The data key, with whichever version wrapped it."""
        with self._errors(opening=True):
            answer = self._client.secrets.transit.decrypt_data(
                self._key, ciphertext=self._text(wrap), context=_encoded(context), mount_point=self._mount
            )
        try:
            payload = base64.b64decode(self._field(answer, "plaintext"), validate=True)
        except binascii.Error:
            raise unreachable(self.name, "its answer holds no plaintext") from None
        return unbound(payload, context, self.name)

    def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        """The same data key under the newest version; it does not leave the server."""
        with self._errors(opening=True):
            answer = self._client.secrets.transit.rewrap_data(
                self._key, ciphertext=self._text(wrap), context=_encoded(context), mount_point=self._mount
            )
        return self._made(answer)

    def _made(self, answer: object) -> Wrap:
        return Wrap(KIND, f"{self._mount}/{self._key}", self._field(answer, "ciphertext").encode())

    def _text(self, wrap: Wrap) -> str:
        try:
            return wrap.data.decode("ascii")
        except UnicodeDecodeError:
            raise wrong_key(self.name) from None

    def _field(self, answer: object, field: str) -> str:
        data = answer.get("data") if isinstance(answer, dict) else None
        value = data.get(field) if isinstance(data, dict) else None
        if not isinstance(value, str):
            raise unreachable(self.name, f"its answer has no {field}")
        return value

    @contextlib.contextmanager
    def _errors(self, *, opening: bool = False) -> Iterator[None]:
        known: ModuleType = self._hvac.exceptions
        try:
            yield
        except (known.Forbidden, known.Unauthorized):
            raise denied(
                self.name,
                "the token is not valid, or may not use this key",
                f"check VAULT_TOKEN, and that its policy lets it update {self._mount}/encrypt/{self._key}, .../decrypt "
                "and .../rewrap",
            ) from None
        except known.InvalidPath:
            raise denied(
                self.name, "there is no such key or mount", f"bao write -f {self._mount}/keys/{self._key}"
            ) from None
        except known.InvalidRequest as error:
            if opening:
                raise wrong_key(self.name) from None
            raise denied(self.name, _said(error), "check the type of the key") from None
        except known.VaultDown:
            raise unreachable(self.name, "the server is sealed, or on standby") from None
        except known.VaultError as error:
            raise unreachable(self.name, _said(error)) from None
        except self._requests.exceptions.RequestException as error:
            raise unreachable(self.name, f"no answer from the server ({type(error).__name__})") from None


def _encoded(context: Context) -> str:
    return base64.b64encode(encode_context(context)).decode()


def _said(error: Exception) -> str:
    """What the server said, without the address and whatever else the library adds to it."""
    errors = getattr(error, "errors", None) or [type(error).__name__]
    return " ".join(str(each) for each in errors)[:200]


def _check_address(address: str) -> str:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.username or parts.password:
        raise UsageError("the address of the key service holds a password", next_step="give the token in VAULT_TOKEN")
    if parts.scheme == "https" and host:
        return address
    if parts.scheme == "http" and _is_loopback(host):
        return address
    raise UsageError(
        "the address of the key service is refused",
        cause="it is not https://HOST, and the token and the data keys would be sent in the clear",
        next_step="set VAULT_ADDR to the server's https address",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
